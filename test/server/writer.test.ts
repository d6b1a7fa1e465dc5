import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CommandOf } from '../../src/domain/command.ts';
import { NexusError } from '../../src/domain/errors.ts';
import type { StoredToken } from '../../src/domain/records.ts';
import type { HostSnapshot, Store } from '../../src/domain/store.ts';
import type { AgentIdentity } from '../../src/domain/token.ts';
import { systemRuntime } from '../../src/runtime/system-runtime.ts';
import { TokenIdentities } from '../../src/server/identities.ts';
import { WRITER_LIMITS, Writer } from '../../src/server/writer.ts';
import { openStore } from '../../src/sqlite/open-store.ts';
import { packTick } from '../../src/telemetry/pack-tick.ts';
import { container } from '../contract/sample-writes.ts';
import { RecordingLog } from '../domain/recording-log.ts';
import { addHost, NOON_MS, type OpenWriter, openWriter, reportedTickAt, tickAt } from './open-writer.ts';
import { watchWrites } from './watch-writes.ts';

function reportTick(identity: AgentIdentity, recordedAtMs: number): CommandOf<'report_tick'> {
  return { kind: 'report_tick', identity, tick: reportedTickAt(recordedAtMs), nowMs: NOON_MS };
}

/** A host and who its agent is. */
async function addAgent(writer: Writer, name: string): Promise<AgentIdentity> {
  const { minted } = await writer.submit(addHost(name));
  assert(minted !== null);
  const identity = new TokenIdentities(writer).identify(minted.plaintext, NOON_MS);
  assert(identity?.kind === 'agent');
  return identity;
}

/** `done`, or the code of the refusal, of each. */
async function outcomes(answers: ReadonlyArray<Promise<unknown>>): Promise<string[]> {
  const settled = await Promise.allSettled(answers);
  return settled.map((answer) => {
    if (answer.status === 'fulfilled') return 'done';
    assert(answer.reason instanceof NexusError, String(answer.reason));
    return answer.reason.code;
  });
}

function hostNames(store: Store): string[] {
  return store.hosts().map((host) => host.name);
}

/** What a store that answers at once is loaded with. */
function snapshotOf(store: Store): { hosts: HostSnapshot[]; tokens: StoredToken[] } {
  const snapshot = store.load();
  assert(!(snapshot instanceof Promise));
  return { hosts: [...snapshot.hosts], tokens: [...snapshot.tokens] };
}

function countTicks(store: Store, identity: AgentIdentity): number {
  return [...store.history.ticks.range(identity.hostId, 0, Number.MAX_SAFE_INTEGER)].length;
}

const NO_METRICS = {
  cpu_percent: null,
  memory_usage_mb: null,
  memory_limit_mb: null,
  network_rx_bytes: null,
  network_tx_bytes: null,
  block_read_bytes: null,
  block_write_bytes: null,
};
const sampleContainer = { identity: container(1).identity, metrics: NO_METRICS };

// ── Group commit ──

test('all commands of one turn share one commit', async (t) => {
  const writes: string[] = [];
  const { writer, store } = await openWriter(t, (inner) => watchWrites(inner, writes));
  const identity = await addAgent(writer, 'web-1');
  writes.length = 0;
  const answers = Array.from({ length: 500 }, (_, index) => writer.submit(reportTick(identity, NOON_MS + index)));
  assert.equal(writer.queue().depth, 500);
  assert.deepEqual([...new Set(await outcomes(answers))], ['done']);
  assert.equal(writes.filter((write) => write === 'commit').length, 1);
  assert.equal(countTicks(store, identity), 500);
  assert.equal(writer.queue().depth, 0);
});

test('more commands than a batch holds take a second one', async (t) => {
  const writes: string[] = [];
  const { writer, store } = await openWriter(t, (inner) => watchWrites(inner, writes));
  const identity = await addAgent(writer, 'web-1');
  writes.length = 0;
  const count = WRITER_LIMITS.maxBatch + 1;
  await Promise.all(Array.from({ length: count }, (_, index) => writer.submit(reportTick(identity, NOON_MS + index))));
  assert.equal(writes.filter((write) => write === 'commit').length, 2);
  assert.equal(countTicks(store, identity), 513);
});

test('a command alone is committed within the turn, without waiting for others', async (t) => {
  const { writer, store } = await openWriter(t);
  const answer = writer.submit(addHost('web-1'));
  assert.deepEqual(hostNames(store), []);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(hostNames(store), ['web-1']);
  await answer;
});

test('commands of several turns share a commit while the writer rests from the one before', async (t) => {
  const writes: string[] = [];
  const { writer } = await openWriter(t, (inner) => watchWrites(inner, writes));
  const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
  // Each answer comes at the beginning of a rest; a machine that is busy may sleep through some of them.
  for (let attempt = 0; attempt < 50; attempt += 1) {
    await writer.submit(addHost(`host-${attempt}`));
    writes.length = 0;
    const first = writer.submit(addHost(`first-${attempt}`));
    await nextTurn();
    const second = writer.submit(addHost(`second-${attempt}`));
    await Promise.all([first, second]);
    if (writes.filter((write) => write === 'commit').length === 1) return;
  }
  assert.fail('no two turns shared a commit');
});

test('nobody is answered before the commit that holds the command has returned', async (t) => {
  const order: string[] = [];
  const { writer } = await openWriter(t, (inner) => ({
    ...inner,
    commit(writes) {
      inner.commit(writes);
      order.push('committed');
    },
  }));
  const first = writer.submit(addHost('web-1')).then(() => order.push('first answered'));
  const second = writer.submit(addHost('web-2')).then(() => order.push('second answered'));
  await Promise.all([first, second]);
  assert.deepEqual(order, ['committed', 'first answered', 'second answered']);
});

test('a refusal undoes nothing of the others in its batch', async (t) => {
  const { writer, store } = await openWriter(t);
  const answers = ['web-1', 'web-1', 'web-2'].map((name) => writer.submit(addHost(name)));
  assert.deepEqual(await outcomes(answers), ['done', 'conflict', 'done']);
  assert.deepEqual(hostNames(store), ['web-1', 'web-2']);
  assert.deepEqual(
    store.events.page(0, 10, {}).map((event) => event.kind),
    ['host_added', 'token_created', 'host_added', 'token_created'],
  );
});

test('commands of one turn see what those before them did', async (t) => {
  const { writer, store } = await openWriter(t);
  const identity = await addAgent(writer, 'web-1');
  const answers = [
    writer.submit(reportTick(identity, NOON_MS)),
    writer.submit({ kind: 'revoke_token', id: identity.tokenId, nowMs: NOON_MS }),
    writer.submit(reportTick(identity, NOON_MS + 1)),
    writer.submit({ kind: 'back_fill', identity, ticks: [tickAt(NOON_MS - 1)], nowMs: NOON_MS }),
  ];
  assert.deepEqual(await outcomes(answers), ['done', 'done', 'unauthorized', 'unauthorized']);
  assert.equal(countTicks(store, identity), 1);
});

function reportContainers(identity: AgentIdentity, atMs: number, ids: readonly string[]): CommandOf<'report_tick'> {
  const containers = ids.map((containerId) => ({ ...sampleContainer, containerId }));
  const tick = packTick({ ...tickAt(atMs), containers }, (text) => text);
  return { kind: 'report_tick', identity, tick, nowMs: NOON_MS };
}

test('a command that must know what one before it has changed in the store begins the next batch', async (t) => {
  const writes: string[] = [];
  const { writer, store } = await openWriter(t, (inner) => watchWrites(inner, writes));
  const identity = await addAgent(writer, 'web-1');
  await writer.submit(reportContainers(identity, NOON_MS, ['a', 'b']));
  await writer.submit(reportContainers(identity, NOON_MS + 1, ['a']));
  const [a, b] = store.containers.page(identity.hostId, { after: null, limit: 9 });
  writes.length = 0;
  const answers = [
    // 'b' has been missing for five minutes: memory forgets it.
    writer.submit(reportContainers(identity, NOON_MS + 300_001, ['a'])),
    writer.submit(reportTick(identity, NOON_MS + 300_002)),
    writer.submit(reportContainers(identity, NOON_MS + 300_003, ['a', 'b'])),
    writer.submit(reportTick(identity, NOON_MS + 300_004)),
  ];
  assert.deepEqual(await outcomes(answers), ['done', 'done', 'done', 'done']);
  assert.deepEqual(writes, [
    'commit',
    'mark_container',
    'insert_tick',
    'insert_tick',
    'commit',
    'save_container',
    'insert_tick',
    'insert_tick',
  ]);
  const now = store.containers.page(identity.hostId, { after: null, limit: 9 });
  assert.deepEqual(
    now.map(({ id, removedAtMs }) => [id, removedAtMs]),
    [
      [a?.id, null],
      [b?.id, null],
    ],
  );
});

test('a tick that comes twice in one turn is stored once, whether it is the newest or not', async (t) => {
  const { writer, store } = await openWriter(t);
  const identity = await addAgent(writer, 'web-1');
  await writer.submit(reportTick(identity, NOON_MS));
  const late: CommandOf<'back_fill'> = {
    kind: 'back_fill',
    identity,
    ticks: [tickAt(NOON_MS - 5), tickAt(NOON_MS - 5), tickAt(NOON_MS - 4)],
    nowMs: NOON_MS,
  };
  const answers = await Promise.all([
    writer.submit(reportTick(identity, NOON_MS + 1)),
    writer.submit(reportTick(identity, NOON_MS + 1)),
    writer.submit(reportTick(identity, NOON_MS - 4)),
    writer.submit(late),
    writer.submit(late),
  ]);
  assert.deepEqual(answers, [{ stored: true }, { stored: false }, { stored: true }, { stored: 1 }, { stored: 0 }]);
  assert.equal(countTicks(store, identity), 4);
});

test('a host that is archived while its tick is on its way takes no tick', async (t) => {
  const { writer, store } = await openWriter(t);
  const identity = await addAgent(writer, 'web-1');
  const answers = [
    writer.submit({ kind: 'archive_host', name: 'web-1', nowMs: NOON_MS }),
    writer.submit(reportTick(identity, NOON_MS)),
  ];
  assert.deepEqual(await outcomes(answers), ['done', 'unauthorized']);
  assert.equal(countTicks(store, identity), 0);
});

// ── A store that fails ──

const DISK_FULL = new NexusError('store_unavailable', 'the disk is full');

interface Failing extends OpenWriter {
  /** From now on the store fails here. */
  breakAt(point: 'lookup' | 'commit'): void;
  closed(): number;
}

async function openFailing(t: Parameters<typeof openWriter>[0]): Promise<Failing> {
  let broken: string | undefined;
  let closed = 0;
  const opened = await openWriter(t, (inner) => ({
    ...inner,
    lookUp(lookups) {
      if (broken === 'lookup') throw DISK_FULL;
      return inner.lookUp(lookups);
    },
    commit(writes) {
      if (broken === 'commit') throw DISK_FULL;
      return inner.commit(writes);
    },
    close() {
      closed += 1;
      inner.close();
    },
  }));
  return {
    ...opened,
    closed: () => closed,
    breakAt(point) {
      broken = point;
    },
  };
}

for (const point of ['lookup', 'commit'] as const) {
  test(`when the store fails at ${point}, everything in the batch fails and nothing of it is kept`, async (t) => {
    const { writer, breakAt, closed, detachments, log, dataDir } = await openFailing(t);
    const identity = await addAgent(writer, 'web-1');
    await writer.submit(reportTick(identity, NOON_MS));
    breakAt(point);
    const answers = [
      writer.submit(addHost('web-2')),
      writer.submit(addHost('web-1')),
      // Older than the latest, so that the store has to be asked whether it has come before.
      writer.submit(reportTick(identity, NOON_MS - 1)),
    ];
    assert.deepEqual(await outcomes(answers), ['store_unavailable', 'store_unavailable', 'store_unavailable']);
    assert.deepEqual(detachments, ['the disk is full']);
    assert.equal(closed(), 1);
    assert.equal(log.said('the store failed: the server answers 503 until it works again').length, 1);

    const reopened = openStore(dataDir, NOON_MS);
    t.after(() => reopened.close());
    assert.deepEqual(hostNames(reopened), ['web-1']);
    assert.equal(countTicks(reopened, identity), 1);
  });
}

test('those that wait behind a failed commit are refused as well', async (t) => {
  const { writer, breakAt } = await openFailing(t);
  const identity = await addAgent(writer, 'web-1');
  breakAt('commit');
  const count = WRITER_LIMITS.maxBatch + 100;
  const answers = Array.from({ length: count }, (_, index) => writer.submit(reportTick(identity, NOON_MS + index)));
  assert.deepEqual([...new Set(await outcomes(answers))], ['store_unavailable']);
  assert.equal(writer.queue().depth, 0);
});

test('without a store nothing is taken, read or identified, until one is attached again', async (t) => {
  const { writer, identities, clock, breakAt, dataDir } = await openFailing(t);
  const { minted } = await writer.submit(addHost('web-1'));
  breakAt('commit');
  await outcomes([writer.submit(addHost('web-2'))]);
  assert.equal(writer.unreadyReason(), 'the disk is full');
  assert.deepEqual(await outcomes([writer.submit(addHost('web-3'))]), ['store_unavailable']);
  assert.throws(() => identities.identify(minted?.plaintext ?? '', NOON_MS), { code: 'store_unavailable' });
  assert.throws(() => writer.attached(), { code: 'store_unavailable' });
  identities.noteUse(minted?.token.id ?? '', NOON_MS);
  clock.advance(3600);
  await writer.tick();

  await writer.attach(openStore(dataDir, NOON_MS), () => {});
  assert.equal(writer.unreadyReason(), null);
  assert.equal(identities.identify(minted?.plaintext ?? '', NOON_MS)?.kind, 'agent');
  assert.deepEqual(await outcomes([writer.submit(addHost('web-2'))]), ['done']);
});

test('a store that cannot be read is closed again and not attached', async (t) => {
  const { dataDir } = await openWriter(t);
  const store = openStore(dataDir, NOON_MS);
  let closed = 0;
  const writer = new Writer(systemRuntime, new RecordingLog());
  const unreadable: Store = {
    ...store,
    load() {
      throw new NexusError('store_unavailable', 'the file is damaged');
    },
    close() {
      closed += 1;
      store.close();
    },
  };
  await assert.rejects(
    writer.attach(unreadable, () => {}),
    { code: 'store_unavailable' },
  );
  assert.equal(closed, 1);
  assert.equal(writer.unreadyReason(), 'the store is being opened');
});

test('a damaged sample keeps its store from being attached, with a sentence that says what to do', async (t) => {
  const { writer, store, dataDir } = await openWriter(t);
  const { hostId } = await addAgent(writer, 'web-1');
  const sample = Uint8Array.from([1, 255, 3]);
  const tick = { hostId, recordedAtMs: NOON_MS, receivedAtMs: NOON_MS, tokenNumber: 1, live: true, sample };
  store.commit([{ kind: 'insert_tick', ...tick }]);
  const second = new Writer(systemRuntime, new RecordingLog());
  await assert.rejects(
    second.attach(openStore(dataDir, NOON_MS), () => {}),
    (error) =>
      error instanceof NexusError && error.code === 'store_unavailable' && /restore a backup/.test(error.message),
  );
});

// ── A defect of ours ──

test('a command that fails on a defect fails alone, and leaves nothing behind', async (t) => {
  const { writer, store, log } = await openWriter(t, (inner) => ({
    ...inner,
    commit(writes) {
      const isBad = writes.some((write) => write.kind === 'append_entry' && write.entry.host === 'bad');
      if (isBad) throw new TypeError('cannot read properties of undefined');
      return inner.commit(writes);
    },
  }));
  const answers = ['web-1', 'bad', 'web-2'].map((name) => writer.submit(addHost(name)));
  assert.deepEqual(await outcomes(answers), ['done', 'internal', 'done']);
  assert.deepEqual(hostNames(store), ['web-1', 'web-2']);
  const { hosts, tokens } = snapshotOf(store);
  assert.deepEqual(
    tokens.map((token) => token.hostId),
    hosts.map(({ host }) => host.id),
  );
  assert.equal(writer.unreadyReason(), null);
  assert.deepEqual(
    log
      .said('a command failed because of a defect in the server')
      .map(({ fields }) => [fields['command'], fields['reason']]),
    [['add_host', 'cannot read properties of undefined']],
  );
  // What was remembered of it is gone as well: the name is free.
  assert.equal(writer.attached().state.fleet.hostByName('bad'), undefined);
  assert.deepEqual(await outcomes([writer.submit(addHost('web-3'))]), ['done']);
});

test('the sentence of a defect says nothing of its inside', async (t) => {
  const { writer } = await openWriter(t, (inner) => ({
    ...inner,
    commit() {
      throw new Error('UNIQUE constraint failed: hosts.name');
    },
  }));
  await assert.rejects(writer.submit(addHost('web-1')), {
    code: 'internal',
    message: "this request failed because of a defect in Nexus: see the server's log",
  });
});

// ── Bounds ──

test('the inbox refuses telemetry first and everything at its limit', async (t) => {
  const { writer } = await openWriter(t);
  const identity = await addAgent(writer, 'web-1');
  const taken: Array<Promise<unknown>> = [];
  for (let index = 0; index < 6144; index += 1) taken.push(writer.submit(reportTick(identity, NOON_MS + index)));
  const tick = writer.submit(reportTick(identity, NOON_MS + 6144));
  const batch = writer.submit({ kind: 'back_fill', identity, ticks: [tickAt(NOON_MS - 1)], nowMs: NOON_MS });
  for (let index = 0; index < 2048; index += 1) taken.push(writer.submit(addHost('web-2')));
  assert.equal(writer.queue().depth, 8192);
  const host = writer.submit(addHost('web-3'));
  assert.deepEqual(await outcomes([tick, batch, host]), ['overloaded', 'overloaded', 'overloaded']);

  const settled = await outcomes(taken);
  assert.equal(
    settled.slice(0, 6144).every((outcome) => outcome === 'done'),
    true,
  );
  assert.deepEqual(settled.slice(6144, 6146), ['done', 'conflict']);
  assert.deepEqual(await outcomes([writer.submit(reportTick(identity, NOON_MS + 6144))]), ['done']);
});

// ── The end ──

test('a writer that closes finishes what it has taken, and takes nothing more', async (t) => {
  const { writer, dataDir } = await openWriter(t);
  const answers = ['web-1', 'web-2'].map((name) => writer.submit(addHost(name)));
  await writer.close();
  assert.deepEqual(await outcomes(answers), ['done', 'done']);
  assert.deepEqual(await outcomes([writer.submit(addHost('web-3'))]), ['store_unavailable']);
  const reopened = openStore(dataDir, NOON_MS);
  t.after(() => reopened.close());
  assert.deepEqual(hostNames(reopened), ['web-1', 'web-2']);
});

test('a writer without a store refuses, and can be closed', async () => {
  const writer = new Writer(systemRuntime, new RecordingLog());
  assert.equal(writer.unreadyReason(), 'the store is being opened');
  assert.deepEqual(await outcomes([writer.submit(addHost('web-1'))]), ['store_unavailable']);
  await writer.close();
});
