/** With a store that commits asynchronously, nothing that memory knows before it is stored gets out before it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NexusError } from '../../src/domain/errors.ts';
import { DEFAULT_POLICY, DEFAULT_TELEMETRY_LIMITS } from '../../src/domain/release.ts';
import type { AgentIdentity } from '../../src/domain/token.ts';
import { TokenIdentities } from '../../src/server/identities.ts';
import type { Writer } from '../../src/server/writer.ts';
import { FleetServer } from '../http/fleet-server.ts';
import { bareTick } from '../wire/telemetry-body.ts';
import { HeldCommits } from './held-commits.ts';
import { addHost, NOON_MS, type OpenWriter, openWriter, reportedTickAt } from './open-writer.ts';

interface Held extends OpenWriter {
  readonly commits: HeldCommits;
}

async function openHeld(t: Parameters<typeof openWriter>[0]): Promise<Held> {
  const commits = new HeldCommits();
  const opened = await openWriter(t, (store) => commits.watch(store));
  t.after(() => {
    commits.isHolding = false;
    while (commits.count > 0) commits.letThrough();
  });
  return { ...opened, commits };
}

/** What a promise has come to by now. */
class Watched<T> {
  state = 'waits';
  readonly over: Promise<void>;

  constructor(promise: T | Promise<T>) {
    const fulfilled = (value: T): void => {
      this.state = `got ${JSON.stringify(value)}`;
    };
    const rejected = (error: unknown): void => {
      this.state = error instanceof NexusError ? error.code : String(error);
    };
    if (promise instanceof Promise) this.over = promise.then(fulfilled, rejected);
    else {
      fulfilled(promise);
      this.over = Promise.resolve();
    }
  }
}

/** Long enough for everything that could happen without the commit. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

function hostNames(writer: Writer): string[] | Promise<string[]> {
  return writer.read(({ state }) => [...state.fleet.hosts()].map((host) => host.stored.name));
}

const DISK_FULL = new NexusError('store_unavailable', 'the disk is full');

test('a command is answered when its commit has succeeded, and those that come meanwhile share the next one', async (t) => {
  const { writer, commits } = await openHeld(t);
  commits.isHolding = true;
  const first = new Watched(writer.submit(addHost('web-1')).then(({ host }) => host.name));
  await commits.untilHeld();
  const later = ['web-2', 'web-3'].map(
    (name) => new Watched(writer.submit(addHost(name)).then(({ host }) => host.name)),
  );
  await turns();
  assert.deepEqual([first.state, commits.count], ['waits', 1]);
  commits.letThrough();
  await first.over;
  assert.equal(first.state, 'got "web-1"');
  await commits.untilHeld();
  assert.deepEqual(
    later.map(({ state }) => state),
    ['waits', 'waits'],
  );
  commits.letThrough();
  await Promise.all(later.map(({ over }) => over));
  assert.deepEqual(
    later.map(({ state }) => state),
    ['got "web-2"', 'got "web-3"'],
  );
});

test('what is read while a commit is under way leaves when that has succeeded', async (t) => {
  const { writer, commits } = await openHeld(t);
  await writer.submit(addHost('web-1'));
  assert.deepEqual(hostNames(writer), ['web-1'], 'at once while nothing is under way');
  commits.isHolding = true;
  const added = writer.submit(addHost('web-2'));
  await commits.untilHeld();
  const read = new Watched(hostNames(writer));
  const refused = new Watched(
    writer.read(() => {
      throw new NexusError('not_found', 'there is no such host');
    }),
  );
  await turns();
  assert.deepEqual([read.state, refused.state], ['waits', 'waits']);
  commits.letThrough();
  await Promise.all([added, read.over, refused.over]);
  assert.deepEqual([read.state, refused.state], ['got ["web-1","web-2"]', 'not_found']);
});

test('what was read of a commit that fails never leaves, and memory is what was committed', async (t) => {
  const { writer, store, commits, detachments } = await openHeld(t);
  await writer.submit(addHost('web-1'));
  commits.isHolding = true;
  const added = new Watched(writer.submit(addHost('web-2')));
  await commits.untilHeld();
  const behind = new Watched(writer.submit(addHost('web-3')));
  const read = new Watched(hostNames(writer));
  commits.fail(DISK_FULL);
  await Promise.all([added.over, behind.over, read.over]);
  assert.deepEqual([added.state, behind.state, read.state], Array(3).fill('store_unavailable'));
  assert.deepEqual(detachments, ['the disk is full']);
  assert.throws(() => store.hosts(), 'the store was let go of');
});

test('a defect in the middle of an asynchronous commit fails its command alone', async (t) => {
  const { writer, commits } = await openHeld(t);
  commits.isHolding = true;
  const answers = ['web-1', 'web-2'].map(
    (name) => new Watched(writer.submit(addHost(name)).then(({ host }) => host.name)),
  );
  await commits.untilHeld();
  commits.fail(new TypeError('cannot read properties of undefined'));
  await commits.untilHeld();
  commits.fail(new TypeError('again'));
  await commits.untilHeld();
  commits.letThrough();
  await Promise.all(answers.map(({ over }) => over));
  assert.deepEqual(
    answers.map(({ state }) => state),
    ['internal', 'got "web-2"'],
  );
  assert.deepEqual(await hostNames(writer), ['web-2']);
});

async function addAgent(writer: Writer, name: string): Promise<AgentIdentity> {
  const { minted } = await writer.submit(addHost(name));
  const identity = new TokenIdentities(writer).identify(minted?.plaintext ?? '', NOON_MS);
  assert(identity?.kind === 'agent');
  await writer.submit({ kind: 'report_tick', identity, tick: reportedTickAt(NOON_MS), nowMs: NOON_MS });
  return identity;
}

const RELEASE = {
  digest: `sha256:${'a'.repeat(64)}`,
  stack: 'web',
  version: '1',
  createdAtMs: NOON_MS,
  policy: { ...DEFAULT_POLICY, onHealthFailure: 'halt', telemetry: { ...DEFAULT_TELEMETRY_LIMITS, mode: 'off' } },
  publishedPorts: [],
  containerNames: [],
  removesStack: false,
} as const;

for (const fails of [false, true]) {
  test(`a dispatch that is committed leaves after that, and one whose commit fails never does: fails ${fails}`, async (t) => {
    const { writer, dispatches, commits } = await openHeld(t);
    const identity = await addAgent(writer, 'web-1');
    await writer.submit({ kind: 'add_release', release: RELEASE, manifest: new Uint8Array(), nowMs: NOON_MS });
    const before = new Watched(
      dispatches.nextDispatch(identity, 60_000, () => {}).then((dispatch) => dispatch?.epoch ?? null),
    );
    commits.isHolding = true;
    const request = { hosts: { names: ['web-1'] }, waves: [{ count: 1 }], maxInFlight: 1, failureThreshold: 0 };
    const created = writer.submit({
      kind: 'create_rollout',
      release: RELEASE.digest,
      ...request,
      idSeed: 1,
      nowMs: NOON_MS,
    });
    const outcome = new Watched(created.then(() => 'created'));
    await commits.untilHeld();
    // Memory holds the offer already.
    const meanwhile = new Watched(
      dispatches.nextDispatch(identity, 0, () => {}).then((dispatch) => dispatch?.epoch ?? null),
    );
    await turns();
    assert.deepEqual([before.state, meanwhile.state, outcome.state], ['waits', 'waits', 'waits']);
    if (fails) commits.fail(DISK_FULL);
    else commits.letThrough();
    await Promise.all([meanwhile.over, outcome.over]);
    if (fails) {
      assert.deepEqual([meanwhile.state, outcome.state], ['store_unavailable', 'store_unavailable']);
      assert.equal(before.state, 'waits');
      dispatches.endPolls();
      await before.over;
      assert.equal(before.state, 'got null');
      return;
    }
    await before.over;
    assert.deepEqual([before.state, meanwhile.state, outcome.state], ['got 1', 'got 1', 'got "created"']);
  });
}

test('nothing ages history while a commit is under way', async (t) => {
  const { writer, commits } = await openHeld(t);
  assert.notEqual(writer.atRest(), null);
  commits.isHolding = true;
  const added = writer.submit(addHost('web-1'));
  await commits.untilHeld();
  assert.equal(writer.atRest(), null);
  commits.letThrough();
  await added;
  await turns();
  assert.notEqual(writer.atRest(), null);
});

test('a writer that closes waits for the commit that is under way, and for what waits behind it', async (t) => {
  const { writer, dataDir, commits } = await openHeld(t);
  commits.isHolding = true;
  const answers = [new Watched(writer.submit(addHost('web-1')).then(() => 1))];
  await commits.untilHeld();
  answers.push(new Watched(writer.submit(addHost('web-2')).then(() => 2)));
  const closed = new Watched(writer.close().then(() => 'closed'));
  await turns();
  assert.equal(closed.state, 'waits');
  commits.isHolding = false;
  commits.letThrough();
  await closed.over;
  assert.deepEqual(
    [...answers, closed].map(({ state }) => state),
    ['got 1', 'got 2', 'got "closed"'],
  );
  assert.notEqual(dataDir, '');
});

// ── Over HTTP ──

test('over HTTP, too, a read waits for the commit under way, and is answered 503 when that fails', async (t) => {
  const commits = new HeldCommits();
  const server = await FleetServer.start(t, { watchStore: (store) => commits.watch(store) });
  const { token } = await server.operator.addHost('web-1');
  assert.equal(await server.report(token, bareTick('2026-03-01T12:00:00Z')), 204);
  commits.isHolding = true;
  const revoked = server.operator.send('DELETE', '/v1/hosts/web-1');
  await commits.untilHeld();
  const shown = new Watched(server.operator.send('GET', '/v1/hosts/web-1').then(({ status }) => status));
  const metrics = new Watched(server.operator.send('GET', '/metrics').then(({ status }) => status));
  const agent = new Watched(server.report(token, bareTick('2026-03-01T12:00:30Z')));
  const alive = await server.operator.send('GET', '/healthz');
  assert.equal(alive.status, 200);
  assert.deepEqual([shown.state, metrics.state, agent.state], ['waits', 'waits', 'waits']);
  commits.fail(DISK_FULL);
  await Promise.all([shown.over, metrics.over, agent.over]);
  assert.equal((await revoked).status, 503);
  // The agent's token is not revoked: it must not be told so.
  assert.deepEqual([shown.state, metrics.state, agent.state], ['got 503', 'got 503', 'got 503']);
  commits.isHolding = false;
  await server.restart();
  assert.equal(await server.report(token, bareTick('2026-03-01T12:00:30Z')), 204);
});
