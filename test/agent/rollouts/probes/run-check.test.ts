import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { ProjectEngine } from '../../../../agent/docker/project-engine.ts';
import { ExecCheck } from '../../../../agent/rollouts/probes/exec-check.ts';
import { checkHttp, checkTcp } from '../../../../agent/rollouts/probes/run-check.ts';
import { NexusError } from '../../../../src/domain/errors.ts';
import { systemRuntime } from '../../../../src/runtime/system-runtime.ts';
import { container } from '../sample.ts';

async function listen(t: TestContext, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('http: any status below 400 will do, or the one that is wanted', async (t) => {
  const address = await listen(
    t,
    createHttpServer((request, response) =>
      response.writeHead(Number(request.url?.slice(1)), { location: '/500' }).end('x'.repeat(200_000)),
    ),
  );
  const check = (status: number, wanted: number | null) =>
    checkHttp(systemRuntime, `http://${address}/${status}`, wanted, 2_000);
  assert.equal(await check(200, null), null);
  assert.equal(await check(302, null), null, 'a redirect is an answer, and not followed');
  assert.equal(await check(503, 503), null);
  assert.equal(await check(404, null), `http://${address}/404 answers 404`);
  assert.equal(await check(200, 204), `http://${address}/200 answers 200, not 204`);
});

test('http: nobody answers', async (t) => {
  const silent = await listen(
    t,
    createServer((socket) => t.after(() => socket.destroy())),
  );
  assert.equal(
    await checkHttp(systemRuntime, `http://${silent}/`, null, 200),
    `http://${silent}/ does not answer within 0.2 s`,
  );
  assert.match(
    (await checkHttp(systemRuntime, 'http://127.0.0.1:1/', null, 2_000)) ?? '',
    /^http:\/\/127\.0\.0\.1:1\/ connect ECONNREFUSED/,
  );
});

test('tcp: accepted or not', async (t) => {
  const address = await listen(
    t,
    createServer((socket) => socket.end()),
  );
  assert.equal(await checkTcp(systemRuntime, address, 2_000), null);
  assert.match(
    (await checkTcp(systemRuntime, '127.0.0.1:1', 2_000)) ?? '',
    /^127\.0\.0\.1:1 cannot be connected to: connect ECONNREFUSED/,
  );
  assert.match((await checkTcp(systemRuntime, '[::1]:1', 2_000)) ?? '', /^\[::1\]:1 cannot be connected to/);
});

type EngineCalls = Pick<ProjectEngine, 'containers' | 'createExec' | 'startExec' | 'inspectExec'>;

function execCheck(engine: Partial<EngineCalls>): ExecCheck {
  const whole: EngineCalls = {
    containers: async () => [container()],
    createExec: async () => 'exec-1',
    startExec: async () => ({ exitCode: 0, output: '' }),
    inspectExec: async () => ({ isRunning: false, exitCode: 0 }),
    ...engine,
  };
  return new ExecCheck(whole, 'shop', 'web', ['check']);
}

test('exec: by its exit code', async () => {
  assert.equal(await execCheck({}).run(100), null);
  const failing = execCheck({ startExec: async () => ({ exitCode: 3, output: 'no database\n' }) });
  assert.equal(await failing.run(100), 'the command in service web exits with 3: no database');
});

test('exec: there is nothing to run it in', async () => {
  const stopped = execCheck({ containers: async () => [container({ state: 'exited' })] });
  assert.equal(await stopped.run(100), 'service web has no running container for the command');
});

test('exec: while one hangs, no other is started beside it', async () => {
  let started = 0;
  let isRunning = true;
  const check = execCheck({
    createExec: async () => `exec-${++started}`,
    startExec: async () => {
      if (started > 1) return { exitCode: 0, output: '' };
      throw new NexusError('unreachable', 'timeout', { details: { failure: 'silent' } });
    },
    inspectExec: async () => ({ isRunning, exitCode: null }),
  });
  assert.equal(await check.run(100), 'the command in service web takes longer than 0.1 s');
  assert.equal(await check.run(100), 'the command in service web is still running from an earlier attempt');
  assert.equal(started, 1);
  isRunning = false;
  assert.equal(await check.run(100), null);
  assert.equal(started, 2);
});
