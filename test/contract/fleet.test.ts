/** What a store keeps of hosts, tokens, containers and ticks, and what it finds of them. */
import assert from 'node:assert/strict';
import { NO_ENTRY } from '../../src/domain/event-log.ts';
import type { StoredTick } from '../../src/domain/records.ts';
import type { Store } from '../../src/domain/store.ts';
import { NO_FACTS } from '../../src/domain/telemetry.ts';
import {
  append,
  container,
  entry,
  hashOf,
  host,
  insertHosts,
  insertTicks,
  ofStack,
  quarantine,
  sampleOf,
  tick,
  token,
} from './sample-writes.ts';
import { contract, load } from './stores.ts';

const NO_NUMBERS = { host: 0, token: 0, container: 0, release: 0, quarantine: 0, rollout: 0, entry: 0 };

contract('a new store holds nothing, and no number has been given out', async (store) => {
  const empty = {
    hosts: [],
    tokens: [],
    containers: [],
    releases: [],
    quarantines: [],
    budgets: [],
    deployments: [],
    epochs: [],
    rollouts: [],
  };
  assert.deepEqual(await load(store), { numbers: NO_NUMBERS, logHead: NO_ENTRY, ...empty });
  assert.deepEqual(store.events.page(0, 10, {}), []);
});

contract('the last numbers are the highest that were stored, whatever became of their rows', async (store) => {
  await store.commit([
    ...insertHosts(3, 8),
    { kind: 'insert_token', token: token(5, { hostId: 3 }) },
    { kind: 'insert_container', container: container(9, { hostId: 3 }) },
    { kind: 'insert_container', container: container(7, { hostId: 3, removedAtMs: 1 }) },
    { kind: 'insert_quarantine', quarantine: quarantine(2) },
    { kind: 'lift_quarantine', id: 2, atMs: 1, reason: 'fixed' },
    ...append(entry(4)),
  ]);
  const { numbers, logHead } = await load(store);
  assert.deepEqual(logHead, { id: 4, hash: hashOf(4) });
  assert.deepEqual(numbers, { ...NO_NUMBERS, host: 8, token: 5, container: 9, quarantine: 2, entry: 4 });
});

contract('a host comes back as it was stored, and as it was saved', async (store) => {
  await store.commit([{ kind: 'insert_host', host: host(1) }]);
  const silent = { newestMs: null, latest: null, latestWithContainers: null };
  assert.deepEqual((await load(store)).hosts, [{ host: host(1), ...silent }]);
  const saved = host(1, { status: 'archived', labels: {}, offlineAfterSeconds: 10, archivedAtMs: 5, facts: NO_FACTS });
  await store.commit([{ kind: 'save_host', host: saved }]);
  assert.deepEqual((await load(store)).hosts, [{ host: saved, ...silent }]);
  assert.deepEqual(store.hosts(), [saved]);
});

contract('a token comes back as it was stored, and only its use and its end can be changed', async (store) => {
  await store.commit([...insertHosts(1), { kind: 'insert_token', token: token(1) }]);
  assert.deepEqual((await load(store)).tokens, [token(1)]);
  await store.commit([{ kind: 'save_token', number: 1, lastUsedAtMs: 3, revokedAtMs: 4 }]);
  assert.deepEqual((await load(store)).tokens, [token(1, { lastUsedAtMs: 3, revokedAtMs: 4 })]);
});

async function found(store: Store, hostId: number, containerId: string): Promise<unknown> {
  const [result] = await store.lookUp([{ kind: 'container', hostId, containerId }]);
  return result;
}

contract('a container is found by its host and its id, and comes back as it was stored', async (store) => {
  const same = container(4, { containerId: 'same' });
  const others = container(6, { hostId: 2, containerId: 'same', unhealthy: true });
  await store.commit([
    ...insertHosts(1, 2),
    { kind: 'insert_container', container: same },
    { kind: 'insert_container', container: others },
  ]);
  assert.deepEqual(await found(store, 1, 'same'), same);
  assert.deepEqual(await found(store, 2, 'same'), others);
  assert.equal(await found(store, 1, 'other'), null);

  const saved = { ...same, fingerprint: 'f2', unhealthy: true, missingSinceMs: 3 };
  await store.commit([{ kind: 'save_container', container: saved }]);
  assert.deepEqual(await found(store, 1, 'same'), saved);
  const marks = { lastSeenAtMs: 20, missingSinceMs: 30, removedAtMs: 40 };
  await store.commit([{ kind: 'mark_container', id: 4, hostId: 1, containerId: 'same', ...marks }]);
  assert.deepEqual(await found(store, 1, 'same'), { ...saved, ...marks });
  assert.deepEqual(store.containers.find(1, 'same'), { ...saved, ...marks });
});

contract('those not removed are loaded, without identities, and a page holds removed ones as well', async (store) => {
  const gone = container(4, { containerId: 'gone', missingSinceMs: 1, removedAtMs: 2 });
  await store.commit([
    ...insertHosts(1, 2),
    ...[1, 2, 3].map((id) => ({ kind: 'insert_container', container: container(id) }) as const),
    { kind: 'insert_container', container: gone },
    { kind: 'insert_container', container: container(5, { hostId: 2 }) },
  ]);
  const { containers } = await load(store);
  assert.deepEqual(containers.map((row) => row.id).sort(), [1, 2, 3, 5]);
  const { identity: _identity, ...known } = container(2);
  assert.deepEqual(
    containers.find((row) => row.id === 2),
    known,
  );
  const page = (after: number | null, limit: number) =>
    store.containers.page(1, { after, limit }).map((row) => `${row.id} ${row.containerId}`);
  assert.deepEqual(page(null, 3), ['1 container-1', '2 container-2', '3 container-3']);
  assert.deepEqual(page(3, 3), ['4 gone']);
  assert.deepEqual(page(4, 3), []);
});

function times(ticks: Iterable<StoredTick>): number[] {
  return [...ticks].map((row) => row.recordedAtMs);
}

/** A Buffer and the Uint8Array that was stored are the same bytes. */
function plain(row: StoredTick | null | undefined): unknown {
  return row && { ...row, sample: [...row.sample] };
}

contract('a tick is found by its host and its instant', async (store) => {
  await store.commit([...insertHosts(1, 2), ...insertTicks(tick(100), tick(300, { hostId: 2 }))]);
  const results = await store.lookUp([
    { kind: 'tick', hostId: 1, recordedAtMs: 100 },
    { kind: 'tick', hostId: 1, recordedAtMs: 300 },
    { kind: 'tick', hostId: 2, recordedAtMs: 300 },
    { kind: 'tick', hostId: 3, recordedAtMs: 100 },
  ]);
  assert.deepEqual(results, [true, false, true, false]);
  const [stored] = [...store.history.ticks.range(1, 100, 100)];
  assert.deepEqual(plain(stored), plain(tick(100)));
});

contract('ticks are read in the order of their instants, both ends included', async (store) => {
  const late = { live: false };
  const ticks = [tick(300), tick(100), tick(400, late), tick(200, late), tick(250, { hostId: 2 })];
  await store.commit([...insertHosts(1, 2), ...insertTicks(...ticks)]);
  assert.deepEqual(times(store.history.ticks.range(1, 100, 400)), [100, 200, 300, 400]);
  assert.deepEqual(times(store.history.ticks.range(1, 101, 399)), [200, 300]);
  assert.deepEqual(times(store.history.ticks.range(1, 401, 999)), []);
  assert.equal(store.history.ticks.newestMs(1), 400);
  assert.equal(store.history.ticks.newestMs(3), null);
});

contract('a reader that stops in the middle does not keep the next commit from succeeding', async (store) => {
  await store.commit([...insertHosts(1), ...insertTicks(tick(100), tick(200), tick(300))]);
  for (const _ of store.history.ticks.range(1, 0, 999)) break;
  assert.throws(() => {
    for (const _ of store.history.ticks.range(1, 0, 999)) throw new Error('in the middle');
  }, /in the middle/);
  await store.commit(insertTicks(tick(400)));
  assert.equal(store.history.ticks.newestMs(1), 400);
});

contract('a host is known by its latest live ticks, and by its newest of all', async (store) => {
  const withContainers = tick(200, {}, [sampleOf(1, { cpu_percent: 5 })]);
  const latest = tick(300);
  await store.commit([
    ...insertHosts(1, 2, 3),
    { kind: 'insert_container', container: container(1) },
    ...insertTicks(tick(100, {}, []), withContainers, latest, tick(400, { live: false })),
    ...insertTicks(tick(150, { hostId: 2 }, [])),
  ]);
  const [first, second, third] = (await load(store)).hosts;
  assert.equal(first?.newestMs, 400);
  assert.deepEqual(plain(first?.latest), plain(latest));
  assert.deepEqual(plain(first?.latestWithContainers), plain(withContainers));
  assert.equal(second?.latest?.recordedAtMs, 150);
  assert.equal(second?.latestWithContainers, second?.latest);
  assert.deepEqual([third?.newestMs, third?.latest, third?.latestWithContainers], [null, null, null]);
});

contract('what the containers of a stack used is summed tick by tick', async (store) => {
  const shop = [container(1, ofStack('shop')), container(2, { ...ofStack('shop'), removedAtMs: 9 })];
  const other = container(3, ofStack('other'));
  const far = container(4, { hostId: 2, ...ofStack('shop') });
  await store.commit([
    ...insertHosts(1, 2),
    ...[...shop, other, far].map((row) => ({ kind: 'insert_container', container: row }) as const),
    ...insertTicks(
      tick(100, {}, [sampleOf(1, { cpu_percent: 10, memory_usage_mb: 5 })]),
      tick(200, {}, [
        sampleOf(1, { cpu_percent: 1.5 }),
        sampleOf(2, { cpu_percent: 2, memory_usage_mb: 7, memory_limit_mb: 64 }),
        sampleOf(3, { cpu_percent: 50 }),
      ]),
      tick(300, {}, [sampleOf(3, { cpu_percent: 50 })]),
      tick(400),
      tick(500, { live: false, receivedAtMs: 900 }, [sampleOf(1, {})]),
      tick(600, {}, [sampleOf(1, { cpu_percent: 99 })]),
    ),
  ]);
  const hostMemory = { usedMb: null, totalMb: null };
  const [usage] = await store.lookUp([{ kind: 'stack_usage', hostId: 1, stack: 'shop', fromMs: 200, toMs: 500 }]);
  assert.deepEqual(usage, {
    containers: [1, 2],
    samples: [
      {
        recordedAtMs: 200,
        receivedAtMs: 205,
        live: true,
        memoryMb: 7,
        cpuPercent: 3.5,
        containers: [
          { container: 1, usedMb: null, limitMb: null },
          { container: 2, usedMb: 7, limitMb: 64 },
        ],
        hostMemory,
      },
      {
        recordedAtMs: 500,
        receivedAtMs: 900,
        live: false,
        memoryMb: null,
        cpuPercent: null,
        containers: [{ container: 1, usedMb: null, limitMb: null }],
        hostMemory,
      },
    ],
  });
  const [none] = await store.lookUp([{ kind: 'stack_usage', hostId: 2, stack: 'other', fromMs: 0, toMs: 999 }]);
  assert.deepEqual(none, { containers: [], samples: [] });
});

contract('a commit that cannot be stored as a whole stores nothing', async (store) => {
  await store.commit(insertHosts(1));
  const broken = [...append(entry(1)), ...insertHosts(2), ...insertTicks(tick(100)), ...insertHosts(1)];
  await assert.rejects(async () => store.commit(broken));
  assert.deepEqual(store.events.page(0, 10, {}), []);
  assert.deepEqual(
    store.hosts().map((row) => row.id),
    [1],
  );
  assert.deepEqual(times(store.history.ticks.range(1, 0, 999)), []);
  await store.commit([...append(entry(1)), ...insertHosts(2), ...insertTicks(tick(100))]);
  assert.deepEqual(times(store.history.ticks.range(1, 0, 999)), [100]);
});

contract('a second tick of the same instant breaks the commit', async (store) => {
  await store.commit([...insertHosts(1), ...insertTicks(tick(100))]);
  await assert.rejects(async () => store.commit(insertTicks(tick(50), tick(100))));
  assert.deepEqual(times(store.history.ticks.range(1, 0, 999)), [100]);
});
