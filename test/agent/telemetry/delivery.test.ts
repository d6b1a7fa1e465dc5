import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { HttpClient } from '../../../agent/server/http-client.ts';
import { Delivery, type DeliveryEnd } from '../../../agent/telemetry/delivery.ts';
import { MemoryOutbox } from '../../../agent/telemetry/outbox/memory-outbox.ts';
import { systemRuntime } from '../../../src/runtime/system-runtime.ts';
import { RecordingLog } from '../../domain/recording-log.ts';
import { waitUntil } from '../../runtime/wait-until.ts';
import { sampleOutboxTick, sampleTick } from './sample-tick.ts';
import { type ScriptedServer, startScriptedServer } from './scripted-server.ts';

const LIVE = '/agent/telemetry';
const BATCH = '/agent/telemetry/batch';
const BACKOFF_MS = 20;

interface Bench {
  readonly server: ScriptedServer;
  readonly outbox: MemoryOutbox;
  readonly log: RecordingLog;
  readonly delivery: Delivery;
  /** Stops as a signal would. */
  stop(): Promise<DeliveryEnd>;
  readonly ended: Promise<DeliveryEnd>;
  /** `recorded_at` of everything in the outbox. */
  kept(): Promise<number[]>;
}

interface BenchOptions {
  readonly timeoutMs?: number;
  readonly backoffMs?: number;
  readonly run?: boolean;
}

async function startBench(t: TestContext, options: BenchOptions = {}): Promise<Bench> {
  const server = await startScriptedServer(t);
  const transport = await HttpClient.open(
    { url: server.url, token: 'nxa_token123', authorityPem: null },
    systemRuntime,
  );
  const outbox = new MemoryOutbox(67_108_864);
  const log = new RecordingLog();
  const delivery = new Delivery({
    server: transport,
    outbox,
    runtime: { ...systemRuntime, random: () => 0.99 },
    log,
    pacing: {
      backoffMs: options.backoffMs ?? BACKOFF_MS,
      batchPauseMs: 1,
      requestTimeoutMs: options.timeoutMs ?? 10_000,
    },
  });
  const stopping = new AbortController();
  const ended = options.run === false ? Promise.resolve('stopped' as const) : delivery.run(stopping.signal);
  const stop = async (): Promise<DeliveryEnd> => {
    stopping.abort();
    return ended;
  };
  t.after(stop);
  t.after(() => transport.close());
  return {
    server,
    outbox,
    log,
    delivery,
    stop,
    ended,
    kept: async () => {
      const entries = await outbox.oldest(10_000, 1e9, 0);
      return entries.map(({ tick }) => tick.recordedAtMs);
    },
  };
}

const now = Date.now();
const ago = (seconds: number): number => now - seconds * 1000;

test('a tick is posted with its token; a small one plain, a larger one compressed, all on one connection', async (t) => {
  const { server, delivery, outbox } = await startBench(t);
  delivery.offer(sampleTick(ago(2)));
  await server.waitFor(1);
  delivery.offer(sampleTick(ago(1), 5_000));
  await server.waitFor(2);
  const [small, large] = server.received;
  assert.deepEqual([small?.path, small?.gzipped, small?.times], [LIVE, false, [ago(2)]]);
  assert.deepEqual([large?.path, large?.gzipped, large?.times], [LIVE, true, [ago(1)]]);
  assert.equal(small?.authorization, 'Bearer nxa_token123');
  assert.equal(small?.port, large?.port);
  assert.equal(outbox.isEmpty, true);
});

test('while the server is away ticks are kept; once back, the newest goes first and the rest in one batch', async (t) => {
  const { server, delivery, outbox, log } = await startBench(t);
  await server.stop();
  for (const seconds of [5, 4, 3, 2]) {
    delivery.offer(sampleTick(ago(seconds)));
    await sleep(10);
  }
  await waitUntil('ticks in the outbox', () => !outbox.isEmpty);
  await server.start();
  delivery.offer(sampleTick(ago(1)));
  await waitUntil('the outbox to empty', () => outbox.isEmpty && server.received.length >= 2);
  assert.deepEqual(
    server.received.map(({ path, times }) => [path, times]),
    [
      [LIVE, [ago(1)]],
      [BATCH, [ago(5), ago(4), ago(3), ago(2)]],
    ],
  );
  await waitUntil('the end to be said', () => log.said('the server has everything that was kept').length === 1);
  assert.equal(log.said('the server cannot be reached: ticks are kept and sent later').length, 1);
  assert.equal(log.said('the server answers again: sending what was kept').length, 1);
  assert.deepEqual(log.said('the server has everything that was kept')[0]?.fields, { ticks: 4 });
});

test('without a newer tick the last one is tried again by itself, as live', async (t) => {
  const { server, delivery, outbox } = await startBench(t);
  server.react = () => (server.received.length < 3 ? 500 : 204);
  delivery.offer(sampleTick(ago(1)));
  await server.waitFor(3);
  await waitUntil('the outbox to empty', () => outbox.isEmpty);
  assert.deepEqual(
    server.received.map(({ path }) => path),
    [LIVE, LIVE, LIVE],
  );
});

test('a new tick does not wait for the back-off of the one before', async (t) => {
  const { server, delivery } = await startBench(t, { backoffMs: 3_600_000 });
  server.react = () => 500;
  for (let count = 1; count <= 3; count++) {
    delivery.offer(sampleTick(ago(60 - count)));
    await server.waitFor(count);
  }
  assert.deepEqual(
    server.received.map(({ times }) => times),
    [[ago(59)], [ago(58)], [ago(57)]],
  );
});

for (const status of [429, 503]) {
  test(`${status} with Retry-After: silence until then, nothing lost, the newest first`, async (t) => {
    const { server, delivery, outbox } = await startBench(t);
    server.react = () => (server.received.length === 1 ? { status, headers: { 'retry-after': '1' } } : 204);
    const began = performance.now();
    delivery.offer(sampleTick(ago(3)));
    await server.waitFor(1);
    delivery.offer(sampleTick(ago(2)));
    await sleep(200);
    delivery.offer(sampleTick(ago(1)));
    await server.waitFor(2);
    assert.ok(performance.now() - began >= 950, 'asked again too soon');
    await waitUntil('the outbox to empty', () => outbox.isEmpty && server.received.length === 3);
    assert.deepEqual(
      server.received.map(({ path, times }) => [path, times]),
      [
        [LIVE, [ago(3)]],
        [LIVE, [ago(1)]],
        [BATCH, [ago(3), ago(2)]],
      ],
    );
  });
}

for (const status of [400, 413, 422]) {
  test(`${status}: the tick would never be taken; it is dropped and the server’s words are logged once`, async (t) => {
    const { server, delivery, outbox, log } = await startBench(t);
    const body = JSON.stringify({ errors: [{ path: 'recorded_at', message: `is ${status} s ahead` }] });
    server.react = () => ({ status, body });
    delivery.offer(sampleTick(ago(2)));
    await server.waitFor(1);
    delivery.offer(sampleTick(ago(1)));
    await server.waitFor(2);
    await sleep(5 * BACKOFF_MS);
    assert.equal(server.received.length, 2);
    assert.equal(outbox.isEmpty, true);
    const errors = log.lines.filter(({ level }) => level === 'error');
    assert.deepEqual(
      errors.map(({ fields }) => fields),
      [{ status, errors: [`recorded_at is ${status} s ahead`], recorded_at: new Date(ago(2)).toISOString() }],
    );
  });
}

test('one tick of a batch that the server will not take: it alone is lost', async (t) => {
  const { server, delivery, outbox, log } = await startBench(t);
  const times = Array.from({ length: 130 }, (_, index) => ago(10_000 - index));
  const poison = times[37] ?? 0;
  for (const time of times) await outbox.append(sampleOutboxTick(time));
  server.react = ({ path, times: sent }) => (path === BATCH && sent.includes(poison) ? 422 : 204);
  delivery.offer(sampleTick(ago(1)));
  await waitUntil('the outbox to empty', () => outbox.isEmpty);
  const taken = server.received.filter(({ path, times: sent }) => path === BATCH && !sent.includes(poison));
  assert.deepEqual(new Set(taken.flatMap(({ times: sent }) => sent)), new Set(times.filter((time) => time !== poison)));
  assert.ok(server.received.length < 30, `${server.received.length} requests`);
  assert.deepEqual(
    log.lines.filter(({ level }) => level === 'error').map(({ fields }) => fields['recorded_at']),
    [new Date(poison).toISOString()],
  );
});

test('a backlog goes in batches of at most a hundred ticks and a mebibyte of JSON', async (t) => {
  const { server, delivery, outbox } = await startBench(t);
  for (let index = 0; index < 150; index++) await outbox.append(sampleOutboxTick(ago(9_000 - index)));
  for (let index = 0; index < 30; index++) await outbox.append(sampleOutboxTick(ago(5_000 - index), 100_000));
  delivery.offer(sampleTick(ago(1)));
  await waitUntil('the outbox to empty', () => outbox.isEmpty);
  const batches = server.received.filter(({ path }) => path === BATCH);
  assert.equal(batches.flatMap(({ times }) => times).length, 180);
  assert.ok(batches.every(({ times, jsonBytes }) => times.length <= 100 && jsonBytes <= 1_048_576));
  assert.ok(batches.every(({ times }) => times.every((time, index) => index === 0 || time > (times[index - 1] ?? 0))));
});

test('a batch that fails is tried again without a new tick', async (t) => {
  const { server, delivery, outbox } = await startBench(t);
  await outbox.append(sampleOutboxTick(ago(100)));
  server.react = ({ path }) => (path === BATCH && server.received.length < 4 ? 500 : 204);
  delivery.offer(sampleTick(ago(1)));
  await waitUntil('the outbox to empty', () => outbox.isEmpty);
  assert.deepEqual(
    server.received.map(({ path }) => path),
    [LIVE, BATCH, BATCH, BATCH],
  );
});

test('an outbox from before is not sent ahead of the first tick', async (t) => {
  const { server, delivery, outbox } = await startBench(t);
  await outbox.append(sampleOutboxTick(ago(100)));
  await sleep(100);
  assert.equal(server.received.length, 0);
  delivery.offer(sampleTick(ago(1)));
  await server.waitFor(2);
  assert.deepEqual(
    server.received.map(({ path }) => path),
    [LIVE, BATCH],
  );
});

test('a tick over an hour old goes by batch, one over seven days nowhere', async (t) => {
  const { server, delivery, outbox, log } = await startBench(t);
  await outbox.append(sampleOutboxTick(ago(8 * 86_400)));
  delivery.offer(sampleTick(ago(3_700)));
  await sleep(50);
  delivery.offer(sampleTick(ago(1)));
  await waitUntil('the outbox to empty', () => server.received.length === 2 && outbox.isEmpty);
  assert.deepEqual(
    server.received.map(({ path, times }) => [path, times]),
    [
      [LIVE, [ago(1)]],
      [BATCH, [ago(3_700)]],
    ],
  );
  assert.deepEqual(log.said('ticks kept in the outbox were lost')[0]?.fields, {
    dropped_for_room: 0,
    too_old: 1,
    damaged: 0,
  });
});

test('401 ends delivery, and the tick is kept', async (t) => {
  const { server, delivery, ended, kept } = await startBench(t);
  server.react = () => 401;
  delivery.offer(sampleTick(ago(1)));
  assert.equal(await ended, 'unauthorized');
  assert.deepEqual(await kept(), [ago(1)]);
});

test('a connection closed under the request is tried once more at once', async (t) => {
  const { server, delivery, outbox } = await startBench(t);
  server.react = () => (server.received.length === 1 ? 'drop' : 204);
  delivery.offer(sampleTick(ago(1)));
  await server.waitFor(2);
  await sleep(50);
  assert.deepEqual(
    server.received.map(({ times }) => times),
    [[ago(1)], [ago(1)]],
  );
  assert.equal(outbox.isEmpty, true);
});

test('a server that hangs is given up after the timeout, and the tick is kept', async (t) => {
  const { server, delivery, outbox, log } = await startBench(t, { timeoutMs: 200 });
  server.react = () => 'hang';
  delivery.offer(sampleTick(ago(1)));
  await waitUntil('the tick in the outbox', () => !outbox.isEmpty);
  assert.deepEqual(log.said('the server cannot be reached: ticks are kept and sent later')[0]?.fields, {
    reason: 'no answer within 0.2 s',
  });
});

test('stopping keeps what is under way, without a word about the server', async (t) => {
  const { server, delivery, stop, kept, log } = await startBench(t);
  server.react = () => 'hang';
  delivery.offer(sampleTick(ago(2)));
  await server.waitFor(1);
  delivery.offer(sampleTick(ago(1)));
  assert.equal(await stop(), 'stopped');
  assert.deepEqual(await kept(), [ago(2), ago(1)]);
  assert.deepEqual(log.lines, []);
});

test('once: the tick and then the outbox; a failure leaves the tick in the outbox', async (t) => {
  const { server, delivery, outbox, kept } = await startBench(t, { run: false });
  server.react = () => 500;
  delivery.offer(sampleTick(ago(2)));
  assert.equal((await delivery.flushOnce()).kind, 'failed');
  assert.deepEqual(await kept(), [ago(2)]);
  server.react = () => 204;
  delivery.offer(sampleTick(ago(1)));
  assert.equal((await delivery.flushOnce()).kind, 'delivered');
  assert.equal(outbox.isEmpty, true);
  assert.deepEqual(
    server.received.map(({ path }) => path),
    [LIVE, LIVE, BATCH],
  );
});
