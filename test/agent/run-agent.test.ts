import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runAgent } from '../../agent/run-agent.ts';
import type { RunSettings } from '../../agent/settings.ts';
import { systemRuntime } from '../../src/runtime/system-runtime.ts';
import { RecordingLog } from '../domain/recording-log.ts';
import { waitUntil } from '../runtime/wait-until.ts';
import { type ScriptedServer, startScriptedServer } from './telemetry/scripted-server.ts';

interface Bench {
  readonly server: ScriptedServer;
  readonly stateDir: string;
  readonly log: RecordingLog;
  readonly stop: AbortController;
  run(changes?: Partial<RunSettings>): Promise<number>;
  /** Files in the outbox. */
  kept(): string[];
}

async function startBench(t: TestContext): Promise<Bench> {
  const server = await startScriptedServer(t);
  const stateDir = mkdtempSync(join(tmpdir(), 'agent-'));
  t.after(() => rmSync(stateDir, { recursive: true, force: true }));
  const log = new RecordingLog();
  const stop = new AbortController();
  const settings: RunSettings = {
    action: 'run',
    url: server.url,
    token: 'nxa_token123',
    authorityPem: null,
    intervalMs: 1_000,
    dockerSocketPath: join(stateDir, 'no-engine.sock'),
    stateDir,
    hostRoot: '/',
    rollouts: false,
  };
  return {
    server,
    stateDir,
    log,
    stop,
    run: (changes = {}) =>
      runAgent(
        { ...settings, ...changes },
        {
          log,
          runtime: systemRuntime,
          signal: stop.signal,
          stdout: { write: () => assert.fail('nothing is printed') },
          pacing: { backoffMs: 50, batchPauseMs: 10, requestTimeoutMs: 10_000 },
        },
      ),
    kept: () => (existsSync(join(stateDir, 'outbox')) ? readdirSync(join(stateDir, 'outbox')) : []),
  };
}

test('once, with a server: one tick, exit 0, nothing left behind', async (t) => {
  const { server, run, kept } = await startBench(t);
  const startedAtMs = Date.now();
  assert.equal(await run({ action: 'once' }), 0);
  assert.equal(server.received.length, 1);
  const recordedAtMs = server.received[0]?.times[0] ?? 0;
  assert.ok(recordedAtMs >= startedAtMs && recordedAtMs <= Date.now(), new Date(recordedAtMs).toISOString());
  assert.deepEqual(kept(), []);
});

test('once, without a server: exit 1, the tick is kept and goes with the next one', async (t) => {
  const { server, run, kept, log } = await startBench(t);
  await server.stop();
  assert.equal(await run({ action: 'once' }), 1);
  assert.equal(kept().length, 1);
  assert.match(String(log.said('the tick could not be delivered')[0]?.fields['reason']), /ECONNREFUSED/);
  await server.start();
  assert.equal(await run({ action: 'once' }), 0);
  assert.deepEqual(
    server.received.map(({ path }) => path),
    ['/agent/telemetry', '/agent/telemetry/batch'],
  );
  assert.deepEqual(kept(), []);
});

for (const action of ['once', 'run'] as const) {
  test(`${action}, with a token the server refuses: exit 3, says so, keeps the tick`, async (t) => {
    const { server, run, kept, log } = await startBench(t);
    server.react = () => 401;
    assert.equal(await run({ action }), 3);
    assert.equal(server.received.length, 1);
    assert.equal(kept().length, 1);
    assert.equal(log.lines.filter(({ message }) => message.startsWith('the server refuses the token (401)')).length, 1);
  });
}

test('without an engine the host’s own figures flow, and its absence is said once', async (t) => {
  const { server, run, stop, log } = await startBench(t);
  const running = run();
  await server.waitFor(3);
  stop.abort();
  assert.equal(await running, 0);
  const warnings = log.lines.filter(({ level }) => level === 'warn');
  assert.deepEqual(
    warnings.map(({ message }) => /^no Docker Engine answers at .*no-engine\.sock/.test(message)),
    [true],
  );
});

test('a path in the address comes before the API’s', async (t) => {
  const { server, run } = await startBench(t);
  assert.equal(await run({ action: 'once', url: new URL('/behind/proxy/', server.url) }), 0);
  assert.equal(server.received[0]?.path, '/behind/proxy/agent/telemetry');
});

test('stopped while the server is away: exit 0, every tick on disk; started again, they are delivered', async (t) => {
  const { server, run, stop, kept } = await startBench(t);
  await server.stop();
  const running = run();
  await waitUntil('a tick on disk', () => kept().length > 0);
  stop.abort();
  assert.equal(await running, 0);
  await server.start();
  assert.equal(await run({ action: 'once' }), 0);
  assert.deepEqual(
    server.received.map(({ path }) => path),
    ['/agent/telemetry', '/agent/telemetry/batch'],
  );
  assert.deepEqual(kept(), []);
});

test('two agents do not share a state directory; a single tick beside a running agent is fine', async (t) => {
  const { server, run, stop } = await startBench(t);
  const running = run();
  await server.waitFor(1);
  await assert.rejects(run(), { code: 'conflict' });
  const before = server.received.length;
  assert.equal(await run({ action: 'once' }), 0);
  assert.ok(server.received.length > before);
  stop.abort();
  assert.equal(await running, 0);
});
