import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { waitUntil } from '../../runtime/wait-until.ts';

/** What one request of the agent said. */
export interface Received {
  readonly path: string;
  /** `recorded_at` of its tick or ticks, milliseconds since the epoch. */
  readonly times: readonly number[];
  readonly gzipped: boolean;
  readonly authorization: string | undefined;
  readonly json: string;
  readonly jsonBytes: number;
  /** When it was there whole, milliseconds since the epoch. */
  readonly atMs: number;
  /** Tells connections apart. */
  readonly port: number | undefined;
}

/** `hang` never answers, `drop` closes the connection without an answer. */
export type Reaction =
  | number
  | 'hang'
  | 'drop'
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string };

/** A Nexus server that does as it is told. */
export interface ScriptedServer {
  readonly url: URL;
  readonly received: Received[];
  /** Decides on every request from now on. */
  react: (request: Received) => Reaction;
  /** Waits until so many requests have come in. */
  waitFor(count: number): Promise<void>;
  /** Stops listening and cuts every connection; `start` listens on the same port again. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

function readTimes(json: string): number[] {
  const body = JSON.parse(json) as { recorded_at?: string; ticks?: { recorded_at: string }[] };
  const ticks = body.ticks ?? [{ recorded_at: body.recorded_at ?? '' }];
  return ticks.map((tick) => Date.parse(tick.recorded_at));
}

function answer(response: ServerResponse, socket: Socket, reaction: Reaction): void {
  if (reaction === 'hang') return;
  if (reaction === 'drop') {
    socket.destroy();
    return;
  }
  const { status, headers = {}, body = '' } = typeof reaction === 'number' ? { status: reaction } : reaction;
  response.writeHead(status, headers).end(body);
}

export async function startScriptedServer(t: TestContext): Promise<ScriptedServer> {
  const sockets = new Set<Socket>();
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const bytes = Buffer.concat(pieces);
      const gzipped = request.headers['content-encoding'] === 'gzip';
      const json = (gzipped ? gunzipSync(bytes) : bytes).toString();
      const entry = {
        path: request.url ?? '',
        times: readTimes(json),
        gzipped,
        authorization: request.headers.authorization,
        json,
        atMs: Date.now(),
        jsonBytes: Buffer.byteLength(json),
        port: request.socket.remotePort,
      };
      received.push(entry);
      answer(response, request.socket, scripted.react(entry));
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  let port = 0;
  const start = async (): Promise<void> => {
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  };
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  await start();
  t.after(stop);
  const scripted: ScriptedServer = {
    url: new URL(`http://127.0.0.1:${port}`),
    received,
    react: () => 204,
    waitFor: async (count) => {
      await waitUntil(`${count} requests`, () => received.length >= count);
    },
    start,
    stop,
  };
  return scripted;
}
