import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CommandOf } from '../../src/domain/command.ts';
import { NexusError } from '../../src/domain/errors.ts';
import type { Store } from '../../src/domain/store.ts';
import type { AgentIdentity } from '../../src/domain/token.ts';
import { systemRuntime } from '../../src/runtime/system-runtime.ts';
import { WRITER_LIMITS, Writer } from '../../src/server/writer.ts';
import { openStore } from '../../src/sqlite/open-store.ts';
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
  const identity = writer.identify(minted.plaintext, NOON_MS);
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
  return store.hosts.all().map((host) => host.name);
}

function countTicks(store: Store, identity: AgentIdentity): number {
  return [...store.ticks.range(identity.hostId, 0, Number.MAX_SAFE_INTEGER)].length;
}

// ── Group commit ──

test('all commands of one turn share one transaction', async (t) => {
  const writes: string[] = [];
  const { writer, store } = openWriter(t, (inner) => watchWrites(inner, writes));
  const identity = await addAgent(writer, 'web-1');
  writes.length = 0;
  const answers = Array.from({ length: 500 }, (_, index) => writer.submit(reportTick(identity, NOON_MS + index)));
  assert.equal(writer.queue().depth, 500);
  assert.deepEqual([...new Set(await outcomes(answers))], ['done']);
  assert.equal(writes.filter((write) => write === 'transact').length, 1);
  assert.equal(countTicks(store, identity), 500);
  assert.equal(writer.queue().depth, 0);
});

test('more commands than a transaction holds take a second one', async (t) => {
  const writes: string[] = [];
  const { writer, store } = openWriter(t, (inner) => watchWrites(inner, writes));
  const identity = await addAgent(writer, 'web-1');
  writes.length = 0;
  const count = WRITER_LIMITS.maxBatch + 1;
  await Promise.all(Array.from({ length: count }, (_, index) => writer.submit(reportTick(identity, NOON_MS + index))));
  assert.equal(writes.filter((write) => write === 'transact').length, 2);
  assert.equal(countTicks(store, identity), 513);
});

test('a command alone is committed within the turn, without waiting for others', async (t) => {
  const { writer, store } = openWriter(t);
  const answer = writer.submit(addHost('web-1'));
  assert.deepEqual(hostNames(store), []);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(hostNames(store), ['web-1']);
  await answer;
});

test('commands of several turns share a transaction while the writer rests from the one before', async (t) => {
  const writes: string[] = [];
  const { writer } = openWriter(t, (inner) => watchWrites(inner, writes));
  const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
  // Each answer comes at the beginning of a rest; a machine that is busy may sleep through some of them.
  for (let attempt = 0; attempt < 50; attempt += 1) {
    await writer.submit(addHost(`host-${attempt}`));
    writes.length = 0;
    const first = writer.submit(addHost(`first-${attempt}`));
    await nextTurn();
    const second = writer.submit(addHost(`second-${attempt}`));
    await Promise.all([first, second]);
    if (writes.filter((write) => write === 'transact').length === 1) return;
  }
  assert.fail('no two turns shared a transaction');
});

test('nobody is answered before the commit that holds the command has returned', async (t) => {
  const order: string[] = [];
  const { writer } = openWriter(t, (inner) => ({
    ...inner,
    transact<T>(work: () => T): T {
      const result = inner.transact(work);
      order.push('committed');
      return result;
    },
  }));
  const first = writer.submit(addHost('web-1')).then(() => order.push('first answered'));
  const second = writer.submit(addHost('web-2')).then(() => order.push('second answered'));
  await Promise.all([first, second]);
  assert.deepEqual(order, ['committed', 'first answered', 'second answered']);
});

test('a refusal undoes nothing of the others in its transaction', async (t) => {
  const { writer, store } = openWriter(t);
  const answers = ['web-1', 'web-1', 'web-2'].map((name) => writer.submit(addHost(name)));
  assert.deepEqual(await outcomes(answers), ['done', 'conflict', 'done']);
  assert.deepEqual(hostNames(store), ['web-1', 'web-2']);
  assert.deepEqual(
    store.events.page(0, 10, {}).map((event) => event.kind),
    ['host_added', 'token_created', 'host_added', 'token_created'],
  );
});

test('commands of one turn see what those before them did', async (t) => {
  const { writer, store } = openWriter(t);
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

test('a host that is archived while its tick is on its way takes no tick', async (t) => {
  const { writer, store } = openWriter(t);
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
  /** From now on the store fails at this point of its transactions. */
  breakAt(point: 'begin' | 'commit' | 'statement'): void;
  closed(): number;
}

function openFailing(t: Parameters<typeof openWriter>[0]): Failing {
  let broken: string | undefined;
  let closed = 0;
  const opened = openWriter(t, (inner) => ({
    ...inner,
    ticks: {
      ...inner.ticks,
      insert(tick) {
        if (broken === 'statement') throw DISK_FULL;
        return inner.ticks.insert(tick);
      },
    },
    transact<T>(work: () => T): T {
      if (broken === 'begin') throw DISK_FULL;
      return inner.transact(() => {
        const result = work();
        if (broken === 'commit') throw DISK_FULL;
        return result;
      });
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

for (const point of ['begin', 'statement', 'commit'] as const) {
  test(`when the store fails at ${point}, everything in the transaction fails and nothing of it is kept`, async (t) => {
    const { writer, breakAt, closed, detachments, log, dataDir } = openFailing(t);
    const identity = await addAgent(writer, 'web-1');
    breakAt(point);
    const answers = [
      writer.submit(addHost('web-2')),
      writer.submit(addHost('web-1')),
      writer.submit(reportTick(identity, NOON_MS)),
    ];
    assert.deepEqual(await outcomes(answers), ['store_unavailable', 'store_unavailable', 'store_unavailable']);
    assert.deepEqual(detachments, ['the disk is full']);
    assert.equal(closed(), 1);
    assert.equal(log.said('the store failed: answering 503 until it works again').length, 1);

    const reopened = openStore(dataDir, NOON_MS);
    t.after(() => reopened.close());
    assert.deepEqual(hostNames(reopened), ['web-1']);
    assert.equal(countTicks(reopened, identity), 0);
  });
}

test('those that wait behind a failed transaction are refused as well', async (t) => {
  const { writer, breakAt } = openFailing(t);
  const identity = await addAgent(writer, 'web-1');
  breakAt('commit');
  const count = WRITER_LIMITS.maxBatch + 100;
  const answers = Array.from({ length: count }, (_, index) => writer.submit(reportTick(identity, NOON_MS + index)));
  assert.deepEqual([...new Set(await outcomes(answers))], ['store_unavailable']);
  assert.equal(writer.queue().depth, 0);
});

test('without a store nothing is taken, read or identified, until one is attached again', async (t) => {
  const { writer, clock, breakAt, dataDir } = openFailing(t);
  const { minted } = await writer.submit(addHost('web-1'));
  breakAt('commit');
  await outcomes([writer.submit(addHost('web-2'))]);
  assert.equal(writer.unreadyReason(), 'the disk is full');
  assert.deepEqual(await outcomes([writer.submit(addHost('web-3'))]), ['store_unavailable']);
  assert.throws(() => writer.identify(minted?.plaintext ?? '', NOON_MS), { code: 'store_unavailable' });
  assert.throws(() => writer.committed(), { code: 'store_unavailable' });
  writer.noteUse(minted?.token.id ?? '', NOON_MS);
  clock.advance(3600);
  await writer.tick();

  writer.attach(openStore(dataDir, NOON_MS), () => {});
  assert.equal(writer.unreadyReason(), null);
  assert.equal(writer.identify(minted?.plaintext ?? '', NOON_MS)?.kind, 'agent');
  assert.deepEqual(await outcomes([writer.submit(addHost('web-2'))]), ['done']);
});

test('a store that cannot be read is closed again and not attached', (t) => {
  const { dataDir } = openWriter(t);
  const store = openStore(dataDir, NOON_MS);
  let closed = 0;
  const writer = new Writer(systemRuntime, new RecordingLog());
  const unreadable: Store = {
    ...store,
    hosts: {
      ...store.hosts,
      all() {
        throw new NexusError('store_unavailable', 'the file is damaged');
      },
    },
    close() {
      closed += 1;
      store.close();
    },
  };
  assert.throws(() => writer.attach(unreadable, () => {}), { code: 'store_unavailable' });
  assert.equal(closed, 1);
  assert.equal(writer.unreadyReason(), 'the store is being opened');
});

test('a damaged sample keeps its store from being attached, with a sentence that says what to do', async (t) => {
  const { writer, store, dataDir } = openWriter(t);
  const { hostId } = await addAgent(writer, 'web-1');
  const sample = Uint8Array.from([1, 255, 3]);
  store.transact(() =>
    store.ticks.insert({ hostId, recordedAtMs: NOON_MS, receivedAtMs: NOON_MS, tokenNumber: 1, live: true, sample }),
  );
  const second = new Writer(systemRuntime, new RecordingLog());
  assert.throws(
    () => second.attach(openStore(dataDir, NOON_MS), () => {}),
    (error) =>
      error instanceof NexusError && error.code === 'store_unavailable' && /restore a backup/.test(error.message),
  );
});

// ── A defect of ours ──

test('a command that fails on a defect fails alone, and leaves nothing behind', async (t) => {
  const { writer, store, log } = openWriter(t, (inner) => ({
    ...inner,
    events: {
      ...inner.events,
      append(event) {
        if (event.host === 'bad') throw new TypeError('cannot read properties of undefined');
        return inner.events.append(event);
      },
    },
  }));
  const answers = ['web-1', 'bad', 'web-2'].map((name) => writer.submit(addHost(name)));
  assert.deepEqual(await outcomes(answers), ['done', 'internal', 'done']);
  assert.deepEqual(hostNames(store), ['web-1', 'web-2']);
  assert.deepEqual(
    store.tokens.all().map((token) => token.hostId),
    store.hosts.all().map((host) => host.id),
  );
  assert.equal(writer.unreadyReason(), null);
  assert.deepEqual(
    log.said('a command failed on a defect').map(({ fields }) => [fields['command'], fields['reason']]),
    [['add_host', 'cannot read properties of undefined']],
  );
  // What was remembered of it is gone as well: the name is free.
  assert.equal(writer.committed().fleet.hostByName('bad'), undefined);
  assert.deepEqual(await outcomes([writer.submit(addHost('web-3'))]), ['done']);
});

test('the sentence of a defect says nothing of its inside', async (t) => {
  const { writer } = openWriter(t, (inner) => ({
    ...inner,
    hosts: {
      ...inner.hosts,
      insert() {
        throw new Error('UNIQUE constraint failed: hosts.name');
      },
    },
  }));
  await assert.rejects(writer.submit(addHost('web-1')), {
    code: 'internal',
    message: "this request failed because of a defect in Nexus: see the server's log",
  });
});

// ── Bounds ──

test('the inbox refuses telemetry first and everything at its limit', async (t) => {
  const { writer } = openWriter(t);
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
  const { writer, dataDir } = openWriter(t);
  const answers = ['web-1', 'web-2'].map((name) => writer.submit(addHost(name)));
  writer.close();
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
  writer.close();
});
