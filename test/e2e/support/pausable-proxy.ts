import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { afterwards } from './afterwards.ts';

/** Carries TCP connections to another address, and holds them up on demand: what is sent meanwhile waits. */
export interface PausableProxy {
  readonly address: string;
  /** Connections that were made while it was paused. */
  readonly held: number;
  pause(): void;
  resume(): void;
}

export async function startPausableProxy(
  test: Pick<TestContext, 'after'>,
  listenHost: string,
  target: string,
): Promise<PausableProxy> {
  const [host = '', port = ''] = target.split(':');
  const sockets = new Set<Socket>();
  const waiting: (() => void)[] = [];
  let isPaused = false;
  let held = 0;
  const server = createServer((near) => {
    const join = (): void => {
      const far = connect(Number(port), host);
      sockets.add(far);
      far.on('error', () => near.destroy());
      near.on('error', () => far.destroy());
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
      near.pipe(far);
      far.pipe(near);
    };
    sockets.add(near);
    near.on('error', () => {});
    if (isPaused) {
      held += 1;
      waiting.push(join);
    } else join();
  });
  await new Promise<void>((resolve) => server.listen(0, listenHost, resolve));
  afterwards(test, async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return {
    address: `${listenHost}:${(server.address() as AddressInfo).port}`,
    get held() {
      return held;
    },
    pause: () => {
      isPaused = true;
      // Connections that lie idle would carry the next request past the pause.
      for (const socket of sockets) socket.destroy();
    },
    resume: () => {
      isPaused = false;
      for (const join of waiting.splice(0)) join();
    },
  };
}
