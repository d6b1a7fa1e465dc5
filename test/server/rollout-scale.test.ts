/** What a rollout to many hosts asks of the writer: bounded transactions, and work for what changed only. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandOf } from '../../src/domain/command.ts';
import { DEFAULT_POLICY, type Release } from '../../src/domain/release.ts';
import type { AgentEvent } from '../../src/domain/rollout.ts';
import type { Store } from '../../src/domain/store.ts';
import type { AgentIdentity } from '../../src/domain/token.ts';
import type { Write } from '../../src/domain/writes.ts';
import { TokenIdentities } from '../../src/server/identities.ts';
import { CommittedRolloutQueries } from '../../src/server/queries/rollout-queries.ts';
import { Writer } from '../../src/server/writer.ts';
import { openStore } from '../../src/sqlite/open-store.ts';
import { RecordingLog } from '../domain/recording-log.ts';
import { waitUntil } from '../runtime/wait-until.ts';
import { addHost, NOON_MS, openWriter, reportedTickAt } from './open-writer.ts';

const RELEASE: Release = {
  digest: `sha256:${'a'.repeat(64)}`,
  stack: 'web',
  version: '1',
  createdAtMs: NOON_MS,
  policy: {
    ...DEFAULT_POLICY,
    activationTimeoutSeconds: 600,
    soakSeconds: 60,
    sustainedFailureSeconds: 15,
    onHealthFailure: 'halt',
  },
  publishedPorts: [],
  containerNames: [],
  removesStack: false,
};

/** What rollouts cause in the store, in order, with the host where there is one. */
function watch(store: Store, calls: string[]): Store {
  return {
    ...store,
    lookUp(lookups) {
      for (const lookup of lookups) if (lookup.kind === 'stack_usage') calls.push(`read ticks of ${lookup.hostId}`);
      return store.lookUp(lookups);
    },
    commit(writes) {
      calls.push('begin', ...writes.map(nameOf).filter((name) => name !== null));
      return store.commit(writes);
    },
  };
}

function nameOf(write: Write): string | null {
  switch (write.kind) {
    case 'save_progress':
      return 'save progress';
    case 'save_rollout_host':
      return `save ${write.host.name}`;
    case 'save_epoch':
      return `save epoch of ${write.host}`;
    case 'append_entry':
      return `log ${write.entry.kind}`;
    default:
      return null;
  }
}

function hostNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `web-${index + 1}`);
}

/** Hosts that are online, or only known, and their agents. */
async function addFleet(
  writer: Writer,
  names: readonly string[],
  isOnline = true,
): Promise<Map<string, AgentIdentity>> {
  const agents = new Map<string, AgentIdentity>();
  for (const added of await Promise.all(names.map((name) => writer.submit(addHost(name))))) {
    const identity = new TokenIdentities(writer).identify(added.minted?.plaintext ?? '', NOON_MS);
    assert(identity?.kind === 'agent');
    agents.set(added.host.name, identity);
  }
  if (isOnline) await Promise.all([...agents.values()].map((identity) => writer.submit(reportTick(identity, NOON_MS))));
  return agents;
}

function reportTick(identity: AgentIdentity, nowMs: number): CommandOf<'report_tick'> {
  return { kind: 'report_tick', identity, tick: reportedTickAt(nowMs), nowMs };
}

async function rollOut(writer: Writer, names: readonly string[]): Promise<string> {
  await writer.submit({ kind: 'add_release', release: RELEASE, manifest: new Uint8Array(), nowMs: NOON_MS });
  const { id } = await writer.submit({
    kind: 'create_rollout',
    release: RELEASE.digest,
    hosts: { names },
    waves: [{ percent: 100 }],
    maxInFlight: names.length,
    failureThreshold: 0,
    idSeed: 1,
    nowMs: NOON_MS,
  });
  return id;
}

function report(rolloutId: string, hostname: string, identity: AgentIdentity, seq: number, event: AgentEvent) {
  const numbered = { seq, bodyDigest: `digest ${seq}`, event };
  return { kind: 'report_event', identity, hostname, rolloutId, numbered, nowMs: NOON_MS } as const;
}

const ACK: AgentEvent = { type: 'dispatch_ack', currentRelease: null, receivedAtMs: NOON_MS };
const STARTED: AgentEvent = { type: 'activation_started', startedAtMs: NOON_MS, method: 'compose' };
const COMPLETED: AgentEvent = {
  type: 'activation_completed',
  observedRelease: RELEASE.digest,
  exitCode: 0,
  completedAtMs: NOON_MS,
};

async function countInFlight(writer: Writer, id: string): Promise<number> {
  return (await new CommittedRolloutQueries(writer).rollout(id)).counts.inFlight;
}

async function untilInFlight(writer: Writer, id: string, count: number): Promise<void> {
  await waitUntil(`${count} hosts to be in flight`, async () => (await countInFlight(writer, id)) >= count);
  assert.equal(await countInFlight(writer, id), count);
}

/** How many calls there were in each transaction. */
function countByTransaction(calls: readonly string[], wanted: string): number[] {
  const counts: number[] = [];
  for (const call of calls) {
    if (call === 'begin') counts.push(0);
    else if (call === wanted) counts.push((counts.pop() ?? 0) + 1);
  }
  return counts.filter((count) => count > 0);
}

test('a wave of hundreds is dispatched a part at a time, and every waiting poll gets its dispatch', async (t) => {
  const calls: string[] = [];
  const { writer, dispatches: asked } = await openWriter(t, (store) => watch(store, calls));
  const agents = await addFleet(writer, hostNames(300));
  const polls = [...agents.values()].map((identity) => asked.nextDispatch(identity, 60_000, () => {}));
  const id = await rollOut(writer, [...agents.keys()]);
  const dispatches = await Promise.all(polls);
  assert.deepEqual([...new Set(dispatches.map((dispatch) => dispatch?.rolloutId))], [id]);
  assert.deepEqual(countByTransaction(calls, 'log host_dispatched'), [64, 64, 64, 64, 44]);
  assert.equal(await countInFlight(writer, id), 300);
  assert.equal((await new CommittedRolloutQueries(writer).replay(id)).equal, true);
});

test('an event that comes while a wave is being dispatched is answered before the wave is', async (t) => {
  const { writer } = await openWriter(t);
  const agents = await addFleet(writer, hostNames(300));
  const id = await rollOut(writer, [...agents.keys()]);
  const identity = agents.get('web-1');
  assert(identity !== undefined);
  assert.deepEqual(await writer.submit(report(id, 'web-1', identity, 1, ACK)), { applied: true });
  assert.ok((await countInFlight(writer, id)) < 300);
  await untilInFlight(writer, id, 300);
});

test('a wave that was cut short by the end of the server is dispatched to its end by the next one', async (t) => {
  const { writer, clock, dataDir } = await openWriter(t);
  const agents = await addFleet(writer, hostNames(300));
  const id = await rollOut(writer, [...agents.keys()]);
  assert.ok((await countInFlight(writer, id)) < 200);
  // Whose last transaction dispatches another part.
  await writer.close();

  const next = new Writer(clock, new RecordingLog());
  await next.attach(openStore(dataDir, NOON_MS), () => {});
  t.after(() => next.close());
  assert.ok((await countInFlight(next, id)) < 300);
  clock.advance(1);
  await next.tick();
  await untilInFlight(next, id, 300);
  assert.equal((await new CommittedRolloutQueries(next).replay(id)).equal, true);
});

test('one host that comes online is written for alone, however many wait beside it', async (t) => {
  for (const count of [3, 200]) {
    const calls: string[] = [];
    const { writer } = await openWriter(t, (store) => watch(store, calls));
    const agents = await addFleet(writer, hostNames(count), false);
    const id = await rollOut(writer, [...agents.keys()]);
    await sleep(20);
    const identity = agents.get('web-2');
    assert(identity !== undefined);
    calls.length = 0;
    await writer.submit(reportTick(identity, NOON_MS));
    assert.deepEqual(calls, ['begin', 'log host_dispatched', 'save epoch of web-2', 'save progress', 'save web-2']);
    assert.equal(await countInFlight(writer, id), 1);
  }
});

test('what changes often in one transaction is written once, as it is at its end', async (t) => {
  const calls: string[] = [];
  const { writer } = await openWriter(t, (store) => watch(store, calls));
  const agents = await addFleet(writer, ['web-1']);
  const id = await rollOut(writer, ['web-1']);
  const identity = agents.get('web-1');
  assert(identity !== undefined);
  calls.length = 0;
  const events = [ACK, STARTED, COMPLETED];
  await Promise.all(events.map((event, index) => writer.submit(report(id, 'web-1', identity, index + 1, event))));
  const logged = 'log host_reported';
  assert.deepEqual(calls, ['begin', logged, logged, logged, 'save web-1']);
  const replay = await new CommittedRolloutQueries(writer).replay(id);
  assert.deepEqual([replay.equal, replay.entries], [true, 5]);
});

test('of soaking hosts only those that have reported are read again', async (t) => {
  const calls: string[] = [];
  const { writer, clock } = await openWriter(t, (store) => watch(store, calls));
  const agents = await addFleet(writer, ['web-1', 'web-2']);
  const id = await rollOut(writer, ['web-1', 'web-2']);
  for (const [name, identity] of agents) {
    for (const [index, event] of [ACK, STARTED, COMPLETED].entries())
      await writer.submit(report(id, name, identity, index + 1, event));
  }
  clock.advance(4);
  await writer.tick();
  const identity = agents.get('web-2');
  assert(identity !== undefined);
  await writer.submit(reportTick(identity, NOON_MS + 5_000));
  calls.length = 0;
  clock.advance(4);
  await writer.tick();
  const reads = () => calls.filter((call) => call.startsWith('read ticks'));
  assert.deepEqual([...new Set(reads())], [`read ticks of ${identity.hostId}`]);
  calls.length = 0;
  clock.advance(4);
  await writer.tick();
  assert.deepEqual(reads(), []);
});
