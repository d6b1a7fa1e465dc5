/** The tables behind telemetry, as the engine relies on them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Store, StoredContainer, StoredHost, StoredTick, StoredToken } from '../../src/domain/store.ts';
import { NO_FACTS } from '../../src/domain/telemetry.ts';
import { openStore } from '../../src/sqlite/open-store.ts';

function open(t: TestContext): Store {
  const directory = mkdtempSync(path.join(tmpdir(), 'nexus-sqlite-'));
  const store = openStore(directory, 0);
  t.after(() => {
    store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return store;
}

const HOST: Omit<StoredHost, 'id'> = {
  name: 'web-1',
  status: 'online',
  labels: { role: 'web', ümläut: '🛒' },
  offlineAfterSeconds: 300,
  createdAtMs: 1_772_366_400_000,
  archivedAtMs: null,
  facts: {
    cpuCount: 1024,
    memoryTotalMb: 9_007_199_254_740_991,
    diskTotalGb: 4_503_599_627_370_497,
    os: 'Debian',
    dockerVersion: null,
  },
};

test('a host comes back as it was stored, and as it was saved', (t) => {
  const store = open(t);
  const id = store.hosts.insert(HOST);
  assert.deepEqual(store.hosts.all(), [{ id, ...HOST }]);
  const saved: StoredHost = {
    ...HOST,
    id,
    name: 'web-1',
    status: 'archived',
    labels: {},
    offlineAfterSeconds: 10,
    archivedAtMs: 5,
    facts: NO_FACTS,
  };
  store.hosts.save(saved);
  assert.deepEqual(store.hosts.all(), [saved]);
});

test('a token comes back as it was stored, and only its use and its end can be changed', (t) => {
  const store = open(t);
  const hostId = store.hosts.insert(HOST);
  const token: Omit<StoredToken, 'number'> = {
    id: 'tok_1',
    kind: 'agent',
    hostId,
    name: 'agent',
    digest: 'd1',
    createdAtMs: 1,
    expiresAtMs: 2,
    lastUsedAtMs: null,
    revokedAtMs: null,
  };
  const number = store.tokens.insert(token);
  assert.deepEqual(store.tokens.all(), [{ number, ...token }]);
  store.tokens.save({ ...token, number, name: 'other', lastUsedAtMs: 3, revokedAtMs: 4 });
  assert.deepEqual(store.tokens.all(), [{ number, ...token, lastUsedAtMs: 3, revokedAtMs: 4 }]);
});

function container(
  hostId: number,
  containerId: string,
  fields: Partial<StoredContainer> = {},
): Omit<StoredContainer, 'id'> {
  return {
    hostId,
    containerId,
    identity: {
      name: `name of ${containerId}`,
      image: 'nginx',
      imageTag: null,
      status: 'Up',
      state: 'running',
      healthStatus: 'healthy',
      startedAt: '2026-03-01T10:00:00Z',
      finishedAt: null,
      ports: ['80/tcp', '443/tcp'],
      labels: { constructor: 'x', '': '' },
    },
    fingerprint: 'f1',
    unhealthy: false,
    lastSeenAtMs: 10,
    missingSinceMs: null,
    removedAtMs: null,
    ...fields,
  };
}

test('a container is found by its host and its id, and comes back as it was stored', (t) => {
  const store = open(t);
  const hostId = store.hosts.insert(HOST);
  const other = store.hosts.insert({ ...HOST, name: 'web-2' });
  const id = store.containers.insert(container(hostId, 'same'));
  store.containers.insert(container(other, 'same', { unhealthy: true }));
  assert.deepEqual(store.containers.find(hostId, 'same'), { id, ...container(hostId, 'same') });
  assert.equal(store.containers.find(other, 'same')?.unhealthy, true);
  assert.equal(store.containers.find(hostId, 'other'), undefined);

  const saved = { id, ...container(hostId, 'same', { fingerprint: 'f2', unhealthy: true, missingSinceMs: 3 }) };
  store.containers.save(saved);
  assert.deepEqual(store.containers.find(hostId, 'same'), saved);
  store.containers.mark(id, { lastSeenAtMs: 20, missingSinceMs: 30, removedAtMs: 40 });
  assert.deepEqual(store.containers.find(hostId, 'same'), {
    ...saved,
    lastSeenAtMs: 20,
    missingSinceMs: 30,
    removedAtMs: 40,
  });
});

test('those not removed are all present, and a page holds removed ones as well', (t) => {
  const store = open(t);
  const hostId = store.hosts.insert(HOST);
  for (const id of ['c', 'a', 'b']) store.containers.insert(container(hostId, id));
  store.containers.insert(container(hostId, 'gone', { missingSinceMs: 1, removedAtMs: 2 }));
  assert.deepEqual([...store.containers.allPresent()].map((row) => row.containerId).sort(), ['a', 'b', 'c']);
  const page = (after: number | null, limit: number) =>
    store.containers.page(hostId, { after, limit }).map((row) => `${row.id} ${row.containerId}`);
  assert.deepEqual(page(null, 3), ['1 c', '2 a', '3 b']);
  assert.deepEqual(page(3, 3), ['4 gone']);
  assert.deepEqual(page(4, 3), []);
});

function tick(hostId: number, recordedAtMs: number, live = true): StoredTick {
  const sample = Uint8Array.from([1, 0, recordedAtMs % 256]);
  return { hostId, recordedAtMs, receivedAtMs: recordedAtMs + 5, tokenNumber: 7, live, sample };
}

/** Times of ticks; a Buffer and the Uint8Array that was stored are the same bytes. */
function times(ticks: Iterable<StoredTick>): number[] {
  return [...ticks].map((row) => row.recordedAtMs);
}

test('a tick is stored once for its host and instant', (t) => {
  const store = open(t);
  assert.equal(store.ticks.insert(tick(1, 100)), true);
  assert.equal(store.ticks.insert({ ...tick(1, 100), receivedAtMs: 999 }), false);
  assert.equal(store.ticks.insert(tick(2, 100)), true);
  const [stored] = [...store.ticks.range(1, 100, 100)];
  assert.deepEqual({ ...stored, sample: [...(stored?.sample ?? [])] }, { ...tick(1, 100), sample: [1, 0, 100] });
});

test('ticks are read in order, both ends included, and the live ones newest first', (t) => {
  const store = open(t);
  for (const [at, live] of [
    [300, true],
    [100, true],
    [400, false],
    [200, false],
  ] as const) {
    store.ticks.insert(tick(1, at, live));
  }
  store.ticks.insert(tick(2, 250));
  assert.deepEqual(times(store.ticks.range(1, 100, 400)), [100, 200, 300, 400]);
  assert.deepEqual(times(store.ticks.range(1, 101, 399)), [200, 300]);
  assert.deepEqual(times(store.ticks.range(1, 401, 999)), []);
  assert.deepEqual(times(store.ticks.newestLive(1)), [300, 100]);
  assert.equal(store.ticks.newestMs(1), 400);
  assert.equal(store.ticks.newestMs(3), null);
});

test('who stops reading in the middle can write again', (t) => {
  const store = open(t);
  for (const at of [100, 200, 300]) store.ticks.insert(tick(1, at));
  for (const row of store.ticks.newestLive(1)) if (row.recordedAtMs === 200) break;
  for (const _ of store.ticks.range(1, 0, 999)) break;
  assert.throws(() => {
    for (const _ of store.ticks.range(1, 0, 999)) throw new Error('in the middle');
  }, /in the middle/);
  store.transact(() => store.ticks.insert(tick(1, 400)));
  assert.equal(store.ticks.newestMs(1), 400);
});

test('entries of the log are numbered from 1 in order, and the number of an undone one is given out again or never', (t) => {
  const store = open(t);
  const append = (host: string) =>
    store.events.append({ atMs: 5, kind: 'host_added', host, rolloutId: null, data: { labels: { a: 'ü' } } }).id;
  assert.deepEqual(
    store.transact(() => [append('web-1'), append('web-2')]),
    [1, 2],
  );
  assert.throws(() =>
    store.transact(() => {
      append('web-3');
      throw new Error('undone');
    }),
  );
  const next = store.transact(() => append('web-1'));
  assert(next >= 3);
  assert.deepEqual(store.events.page(1, 1, {}), [
    { id: 2, atMs: 5, kind: 'host_added', host: 'web-2', rolloutId: null, data: { labels: { a: 'ü' } } },
  ]);
  assert.deepEqual(
    store.events.page(0, 10, { host: 'web-1' }).map((event) => event.id),
    [1, next],
  );
  assert.deepEqual(store.events.page(next, 10, {}), []);
});
