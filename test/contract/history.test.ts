/** How a store keeps rows and chunks of history, and what it gives to forward. */
import assert from 'node:assert/strict';
import type { Tier } from '../../src/domain/history.ts';
import type { HistoryChange, HistoryStore } from '../../src/domain/history-store.ts';
import { encodeTicks, finishNow } from '../../src/history/chunk-codec.ts';
import { TickBlockBuilder } from '../../src/history/tick-block.ts';
import { CELL_MS, shapeOf } from '../../src/history/tiers.ts';
import { decodeSample } from '../../src/telemetry/sample-codec.ts';
import { insertHosts, insertTicks, sampleOf, tick } from './sample-writes.ts';
import { contract } from './stores.ts';

const VALUES = Uint8Array.from({ length: 3_000 }, (_, index) => (index * 7919) % 256);

function put(
  { seal }: HistoryStore,
  tier: Tier,
  startMs: number,
  { hostId = 1, times = [startMs], receivedMs = 0, values = VALUES as Uint8Array | null } = {},
): HistoryChange {
  const chunk = { hostId, tier, startMs, times, receivedMs, values: values && seal(values) };
  return { kind: 'put_chunk', chunk };
}

/** A raw chunk of these ticks. */
function putTicks(history: HistoryStore, startMs: number, ...ticks: ReadonlyArray<ReturnType<typeof tick>>) {
  const builder = new TickBlockBuilder(ticks.map(({ recordedAtMs }) => recordedAtMs));
  for (const [index, { sample }] of ticks.entries()) builder.add(index, decodeSample(sample));
  const block = builder.finish();
  return put(history, 'raw', startMs, { times: [...block.times], values: finishNow(encodeTicks(block)) });
}

function starts(history: HistoryStore, tier: Tier, fromMs: number, toMs: number): number[] {
  return history.chunks.list(1, tier, fromMs, toMs).map(({ startMs }) => startMs);
}

contract('a chunk comes back as it was put, and is replaced by one of the same span', async ({ history }) => {
  const times = [CELL_MS + 5, CELL_MS + 7, CELL_MS + 9];
  assert.equal(history.commit([put(history, 'raw', CELL_MS, { times, receivedMs: 42 })]), 0);
  const read = () => {
    const chunk = history.chunks.read(1, 'raw', CELL_MS);
    return chunk && { times: [...chunk.times], values: chunk.values && Uint8Array.from(chunk.values) };
  };
  assert.deepEqual(read(), { times, values: VALUES });
  const info = { startMs: CELL_MS, firstMs: CELL_MS + 5, lastMs: CELL_MS + 9, points: 3, receivedMs: 42 };
  assert.deepEqual(history.chunks.list(1, 'raw', CELL_MS, CELL_MS), [{ ...info, hasValues: true }]);

  history.commit([put(history, 'raw', CELL_MS, { times: [CELL_MS + 5], values: null })]);
  assert.deepEqual(read(), { times: [CELL_MS + 5], values: null });
  assert.deepEqual(
    history.chunks.list(1, 'raw', CELL_MS, CELL_MS).map(({ points, hasValues }) => [points, hasValues]),
    [[1, false]],
  );
  assert.equal(history.chunks.read(2, 'raw', CELL_MS), undefined);
  assert.equal(history.chunks.read(1, '1m', CELL_MS), undefined);
});

contract('chunks are listed whose span touches the time asked for, of one host and one tier', async ({ history }) => {
  history.commit([
    ...[3, 1, 0, 2].map((cell) => put(history, 'raw', cell * CELL_MS)),
    put(history, '1m', CELL_MS),
    put(history, 'raw', CELL_MS, { hostId: 2 }),
  ]);
  assert.deepEqual(starts(history, 'raw', 0, 9 * CELL_MS), [0, CELL_MS, 2 * CELL_MS, 3 * CELL_MS]);
  assert.deepEqual(starts(history, 'raw', 2 * CELL_MS - 1, 2 * CELL_MS), [CELL_MS, 2 * CELL_MS]);
  assert.deepEqual(starts(history, 'raw', 5 * CELL_MS, 9 * CELL_MS), []);
  assert.deepEqual(starts(history, '1m', 0, 9 * CELL_MS), [CELL_MS]);
  assert.equal(history.chunks.newestMs(1), 3 * CELL_MS);
  assert.equal(history.chunks.newestMs(3), null);
  history.commit([{ kind: 'remove_chunk', hostId: 1, tier: 'raw', startMs: 2 * CELL_MS }]);
  assert.deepEqual(starts(history, 'raw', 0, 9 * CELL_MS), [0, CELL_MS, 3 * CELL_MS]);
});

contract('a chunk marked as damaged is passed over until it is replaced', async (store) => {
  const { history } = store;
  await store.commit(insertHosts(1));
  history.commit([put(history, 'raw', 0), put(history, 'raw', CELL_MS)]);
  await store.commit([{ kind: 'mark_chunk_damaged', hostId: 1, tier: 'raw', startMs: 0 }]);
  assert.deepEqual(starts(history, 'raw', 0, CELL_MS), [CELL_MS]);
  assert.equal(history.chunks.read(1, 'raw', 0), undefined);
  assert.equal(history.chunks.hasTick(1, 0), false);
  history.commit([put(history, 'raw', 0)]);
  assert.deepEqual(starts(history, 'raw', 0, CELL_MS), [0, CELL_MS]);
});

contract('the first chunk is found over which there is none of a coarser tier', async ({ history }) => {
  const day = shapeOf('10m').spanMs;
  history.commit([put(history, '1m', 0), put(history, '1m', day), put(history, '1m', 2 * day), put(history, '10m', 0)]);
  const first = (beforeMs: number) => history.chunks.firstUncovered(1, '1m', '10m', beforeMs);
  assert.deepEqual([first(day), first(2 * day), first(9 * day)], [null, day, day]);
  history.commit([put(history, '10m', day)]);
  assert.equal(first(9 * day), 2 * day);
});

contract('old chunks lose their values and then go, so many at a time, unless they came late', async ({ history }) => {
  const chunks = [0, 1, 2, 3].map((cell) =>
    put(history, 'raw', cell * CELL_MS, { receivedMs: cell === 1 ? 900 : 100 }),
  );
  history.commit(chunks);
  const old = { hostId: 1, beforeMs: 3 * CELL_MS, receivedBeforeMs: 500 };
  assert.equal(history.commit([{ kind: 'drop_values', ...old, limit: 1 }]), 1);
  assert.equal(history.commit([{ kind: 'drop_values', ...old, limit: 9 }]), 1);
  assert.equal(history.commit([{ kind: 'drop_values', ...old, limit: 9 }]), 0);
  assert.deepEqual(
    history.chunks.list(1, 'raw', 0, 9 * CELL_MS).map(({ hasValues }) => hasValues),
    [false, true, false, true],
  );
  assert.equal(history.chunks.hasTick(1, 0), true);
  assert.equal(history.chunks.hasTickValues(1, 0), false);
  assert.equal(history.chunks.hasTickValues(1, CELL_MS), true);
  const removal = { kind: 'remove_received_before', tier: 'raw', ...old } as const;
  assert.equal(
    history.commit([
      { ...removal, limit: 1 },
      { ...removal, limit: 1 },
    ]),
    2,
  );
  assert.equal(history.commit([{ ...removal, limit: 9 }]), 0);
  assert.deepEqual(starts(history, 'raw', 0, 9 * CELL_MS), [CELL_MS, 3 * CELL_MS]);
});

contract('chunks go when a coarser one covers them, and damaged ones go all the same', async (store) => {
  const { history } = store;
  const day = shapeOf('10m').spanMs;
  await store.commit(insertHosts(1));
  history.commit([0, 1, 2, 3].map((days) => put(history, '1m', days * day)));
  history.commit([put(history, '10m', 0), put(history, '10m', 3 * day)]);
  await store.commit([{ kind: 'mark_chunk_damaged', hostId: 1, tier: '1m', startMs: day }]);
  const removal = { kind: 'remove_covered_before', hostId: 1, tier: '1m', coarse: '10m', limit: 9 } as const;
  assert.equal(history.commit([{ ...removal, beforeMs: 3 * day }]), 2);
  assert.deepEqual(starts(history, '1m', 0, 9 * day), [2 * day, 3 * day]);
});

contract('ticks are read out of rows and chunks as one, each once', async (store) => {
  const { history } = store;
  const at = (recordedAtMs: number) => tick(recordedAtMs, {}, [sampleOf(1, { cpu_percent: recordedAtMs % 50 })]);
  await store.commit([...insertHosts(1), ...insertTicks(...[100, 200, 300, CELL_MS + 100].map(at))]);
  history.commit([
    putTicks(history, 0, at(100), at(200), at(300)),
    ...[100, 300].map((recordedAtMs) => ({ kind: 'remove_row', hostId: 1, recordedAtMs }) as const),
  ]);
  // It came late: the chunk does not hold it yet.
  await store.commit(insertTicks(at(250)));
  const read = (from: number, to: number) => [...history.ticks.range(1, from, to)].map((one) => one.recordedAtMs);
  assert.deepEqual(read(0, 9 * CELL_MS), [100, 200, 250, 300, CELL_MS + 100]);
  assert.deepEqual(read(150, 300), [200, 250, 300]);
  const [first] = [...history.ticks.range(1, 100, 100)];
  assert.deepEqual(first && { ...first, sample: decodeSample(first.sample) }, {
    ...at(100),
    sample: decodeSample(at(100).sample),
    receivedAtMs: 100,
    tokenNumber: 0,
    live: false,
  });
  const rows = (besides: 'values' | 'rolled') => [...history.ticks.rows(1, 0, 9 * CELL_MS, besides)];
  assert.deepEqual(
    rows('values').map((one) => one.recordedAtMs),
    [250, CELL_MS + 100],
  );
  history.commit([{ kind: 'drop_values', hostId: 1, beforeMs: 1, receivedBeforeMs: 1, limit: 1 }]);
  assert.deepEqual(
    rows('values').map((one) => one.recordedAtMs),
    [200, 250, CELL_MS + 100],
  );
  assert.deepEqual(
    rows('rolled').map((one) => one.recordedAtMs),
    [250, CELL_MS + 100],
  );
  const lookups = [100, 150, 200, 250].map((recordedAtMs) => ({ kind: 'tick', hostId: 1, recordedAtMs }) as const);
  assert.deepEqual(await store.lookUp(lookups), [true, false, true, true]);
  assert.deepEqual(history.ticks.oldestRows(1, CELL_MS, 9), [200, 250]);
  assert.deepEqual(history.ticks.oldestRows(1, 9 * CELL_MS, 1), [200]);
  assert.deepEqual(
    history.ticks.rowsToCompact(1, 0, CELL_MS).map((one) => one.recordedAtMs),
    [200, 250],
  );
});

contract('the newest tick is known when its row has been compacted', async (store) => {
  await store.commit([...insertHosts(1), ...insertTicks(tick(100))]);
  const { history } = store;
  history.commit([putTicks(history, 0, tick(100)), { kind: 'remove_row', hostId: 1, recordedAtMs: 100 }]);
  assert.equal(history.ticks.newestMs(1), 100);
});

// ── Forwarding ──

contract('ticks are forwarded in the order in which they were stored, and each once', async (store) => {
  const { forwarding } = store;
  assert.equal(forwarding.pending(9), null);
  await store.commit([...insertHosts(1, 2), ...insertTicks(tick(300), tick(100, { hostId: 2 }), tick(200))]);
  const take = (limit: number): number[] => {
    const pending = forwarding.pending(limit);
    if (pending === null) return [];
    forwarding.moveTo(pending.position);
    return pending.ticks.map((one) => one.recordedAtMs);
  };
  assert.deepEqual(forwarding.backlog(), { requests: 0, requestBytes: 0, ticks: 3, oldestAtMs: 305 });
  assert.deepEqual([take(2), take(2), take(2)], [[300, 100], [200], []]);
  assert.deepEqual(forwarding.backlog(), { requests: 0, requestBytes: 0, ticks: 0, oldestAtMs: null });
});

contract('a tick that is stored after the newest row was compacted is forwarded', async (store) => {
  const { forwarding, history } = store;
  await store.commit([...insertHosts(1), ...insertTicks(tick(100), tick(200))]);
  const sent = forwarding.pending(9);
  assert(sent !== null);
  forwarding.moveTo(sent.position);
  history.commit([200, 100].map((recordedAtMs) => ({ kind: 'remove_row', hostId: 1, recordedAtMs })));
  await store.commit(insertTicks(tick(300)));
  assert.deepEqual(
    forwarding.pending(9)?.ticks.map((one) => one.recordedAtMs),
    [300],
  );
});

contract('a row that is gone before its turn is not forwarded', async (store) => {
  await store.commit([...insertHosts(1), ...insertTicks(tick(100), tick(200))]);
  store.history.commit([{ kind: 'remove_row', hostId: 1, recordedAtMs: 100 }]);
  assert.deepEqual(
    store.forwarding.pending(9)?.ticks.map((one) => one.recordedAtMs),
    [200],
  );
});

contract('requests that were put off are kept in order, and trimmed by age and by size', async (store) => {
  const { forwarding } = store;
  await store.commit([...insertHosts(1), ...insertTicks(tick(100), tick(200))]);
  const pending = forwarding.pending(1);
  assert(pending !== null);
  forwarding.putOff(10, Uint8Array.from([1, 2, 3]), pending.position);
  assert.deepEqual(forwarding.backlog(), { requests: 1, requestBytes: 3, ticks: 1, oldestAtMs: 10 });
  assert.deepEqual(
    forwarding.pending(9)?.ticks.map((one) => one.recordedAtMs),
    [200],
  );
  for (const [atMs, bytes] of [
    [20, 4],
    [30, 5],
    [40, 6],
  ] as const)
    forwarding.putOff(atMs, new Uint8Array(bytes), pending.position);
  assert.deepEqual([...(forwarding.first()?.body ?? [])], [1, 2, 3]);
  assert.equal(forwarding.trim(20, 100), 1);
  assert.equal(forwarding.first()?.body.length, 4);
  forwarding.remove(forwarding.first()?.number ?? 0);
  assert.equal(forwarding.first()?.body.length, 5);
  assert.equal(forwarding.trim(0, 10), 1);
  assert.equal(forwarding.first()?.body.length, 6);
  assert.equal(forwarding.trim(0, 5), 1);
  assert.equal(forwarding.first(), undefined);
});
