import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../../src/domain/store.ts';
import { HTTP_LIMITS } from '../../src/http/http-limits.ts';
import { Refusal } from '../../src/http/read-body.ts';
import type { Exchange } from '../../src/http/route.ts';
import { type GateLimits, TelemetryGate } from '../../src/http/telemetry-gate.ts';
import { bareTick } from '../wire/telemetry-body.ts';
import { FleetServer } from './fleet-server.ts';
import { HttpClient, type Reply } from './http-client.ts';
import { eventOf, RolloutFleet } from './rollout-fleet.ts';

const HOLD_MS = 40;
const { few, most, longMs } = HTTP_LIMITS.telemetryUnderWay;

/** A gate with a clock that the test sets, and posts that end when the test says so. */
class GateUnderTest {
  nowMs = 0;
  readonly #gate: TelemetryGate;
  readonly #ends: Array<() => void> = [];

  constructor(limits: Partial<GateLimits> = {}) {
    this.#gate = new TelemetryGate({ ...HTTP_LIMITS, refusalHeldMs: HOLD_MS, ...limits }, () => this.nowMs);
  }

  /** Begins a post, and brings its body unless it `isSlow`. Resolves to whether it was taken, once it is over. */
  post(isSlow = false): { readonly taken: Promise<boolean>; readonly request: EventEmitter } {
    const request = Object.assign(new EventEmitter(), { resume: () => request });
    const passing = this.#gate.pass(
      { request } as unknown as Exchange,
      () => new Promise<void>((resolve) => this.#ends.push(resolve)),
    );
    if (!isSlow) request.emit('end');
    const taken = passing.then(
      () => true,
      (error: unknown) => {
        assert(error instanceof Refusal);
        assert.equal(error.answer.status, 503);
        assert.equal(error.answer.headers?.['retry-after'], '1');
        return false;
      },
    );
    return { taken, request };
  }

  posts(count: number, isSlow = false): Array<Promise<boolean>> {
    return Array.from({ length: count }, () => this.post(isSlow).taken);
  }

  /** How many are in the hands of the store. */
  get underWay(): number {
    return this.#ends.length;
  }

  /** Answers the oldest ones. */
  answer(count = this.#ends.length): void {
    for (const end of this.#ends.splice(0, count)) end();
  }
}

test('a few posts are never too many, however long they wait', async () => {
  const gate = new GateUnderTest();
  const posts = gate.posts(few - 1);
  gate.nowMs = 3_600_000;
  posts.push(gate.post().taken);
  assert.equal(gate.underWay, few);
  gate.answer();
  assert.deepEqual(new Set(await Promise.all(posts)), new Set([true]));
});

test('more are too many when the first of them has waited for long', async () => {
  const gate = new GateUnderTest();
  const posts = gate.posts(few);
  gate.nowMs = longMs;
  posts.push(gate.post().taken);
  assert.equal(gate.underWay, few + 1, 'long is more than that');
  gate.nowMs = longMs + 1;
  const refusedAtMs = performance.now();
  assert.equal(await gate.post().taken, false);
  assert.ok(performance.now() - refusedAtMs >= HOLD_MS - 2, 'a refusal is held back');
  assert.equal(gate.underWay, few + 1);
  gate.answer();
  assert.deepEqual(new Set(await Promise.all(posts)), new Set([true]));
});

test('what counts is the first that still waits', async () => {
  const gate = new GateUnderTest();
  const old = gate.posts(few);
  gate.nowMs = longMs + 1;
  const young = gate.posts(0);
  gate.answer(1);
  await old[0];
  young.push(gate.post().taken);
  assert.equal(await gate.post().taken, false);
  gate.answer(few - 1);
  await Promise.all(old);
  young.push(...gate.posts(2 * few));
  assert.equal(gate.underWay, 2 * few + 1);
  gate.answer();
  assert.deepEqual(new Set(await Promise.all(young)), new Set([true]));
});

test('very many are too many at once', async () => {
  const gate = new GateUnderTest();
  const posts = gate.posts(most);
  assert.equal(await gate.post().taken, false);
  gate.answer(1);
  await posts[0];
  posts.push(gate.post().taken);
  assert.equal(gate.underWay, most);
  gate.answer();
  assert.deepEqual(new Set(await Promise.all(posts)), new Set([true]));
});

test('posts that are still being sent are no sign of a server that is behind', async () => {
  const gate = new GateUnderTest();
  const slow = Array.from({ length: 2 * few }, () => gate.post(true));
  gate.nowMs = 20_000;
  const posts = gate.posts(few);
  for (const { request } of slow) request.emit('end');
  posts.push(gate.post().taken);
  assert.equal(gate.underWay, 3 * few + 1);
  gate.nowMs += longMs + 1;
  assert.equal(await gate.post().taken, false);
  gate.answer();
  assert.deepEqual(new Set(await Promise.all([...posts, ...slow.map(({ taken }) => taken)])), new Set([true]));
});

test('a post that is over leaves nothing behind, even if the rest of its body comes later', async () => {
  const gate = new GateUnderTest();
  const slow = Array.from({ length: most }, () => gate.post(true));
  gate.answer();
  await Promise.all(slow.map(({ taken }) => taken));
  for (const { request } of slow) {
    request.emit('end');
    assert.equal(request.listenerCount('end'), 0);
  }
  const post = gate.post();
  gate.answer();
  assert.equal(await post.taken, true);
});

test('refusals that wait are bounded: more are told at once', async () => {
  const gate = new GateUnderTest({ refusalsHeld: 3, refusalHeldMs: 10_000 });
  const posts = gate.posts(few);
  gate.nowMs = longMs + 1;
  let told = 0;
  const held = gate.posts(3).map((taken) => taken.then(() => (told += 1)));
  assert.equal(await gate.post().taken, false);
  assert.equal(await gate.post().taken, false);
  assert.equal(told, 0);
  gate.answer();
  await Promise.all(posts);
  void held;
});

// ── Over HTTP ──

/** Takes its time for every transaction that stores a tick, as a disk that is far too slow. */
function slowStore(slowness: { readonly ms: number }): (store: Store) => Store {
  const block = new Int32Array(new SharedArrayBuffer(4));
  return (store) => {
    let ticks = 0;
    const insert: typeof store.ticks.insert = (row) => {
      ticks += 1;
      return store.ticks.insert(row);
    };
    return {
      ...store,
      ticks: { ...store.ticks, insert },
      transact<T>(work: () => T): T {
        ticks = 0;
        const result = store.transact(work);
        if (ticks > 0 && slowness.ms > 0) Atomics.wait(block, 0, 0, slowness.ms);
        return result;
      },
    };
  };
}

const CLIENTS = 3;
/** As many connections as a client keeps for later. */
const POSTS_EACH = 200;
const POSTS = CLIENTS * POSTS_EACH;

/** With connections that are open already, so that what is posted over them comes at once. */
async function connected(test: Pick<TestContext, 'after'>, server: FleetServer, count: number): Promise<HttpClient> {
  const client = new HttpClient(server.agents.target, { maxSockets: count });
  test.after(() => client.close());
  await Promise.all(Array.from({ length: count }, () => client.send({ method: 'GET', path: '/healthz' })));
  return client;
}

test('when the store is far too slow telemetry is shed, and events and operators pass', async (t) => {
  const slowness = { ms: 0 };
  const fleet = await RolloutFleet.start(t, ['web-1', 'web-2'], { watchStore: slowStore(slowness) });
  const { server } = fleet;
  const digest = await fleet.addRelease('1');
  const { id } = await fleet.createRollout(digest, ['web-1']);
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connected(t, server, POSTS_EACH)));
  const lateClient = await connected(t, server, 10);
  const post = (second: number, client = clients[second % CLIENTS]): Promise<Reply> => {
    const headers = { authorization: `Bearer ${fleet.tokenOf('web-2')}`, 'content-type': 'application/json' };
    const recordedAt = new Date(server.clock.nowMs() - 3_000_000 + second * 1000).toISOString();
    const call = { method: 'POST', path: '/agent/telemetry', headers, body: JSON.stringify(bareTick(recordedAt)) };
    assert(client !== undefined);
    return client.send(call);
  };

  slowness.ms = longMs + 50;
  const first = Array.from({ length: POSTS }, (_, second) => post(second));
  await Promise.race(first);
  const startedAtMs = performance.now();
  const late = Array.from({ length: 10 }, (_, index) => post(POSTS + index, lateClient));
  const event = fleet.send('web-1', id, 1, eventOf('dispatch_ack', digest));
  const listed = server.operator.send('GET', '/v1/hosts');
  const added = server.operator.send('POST', '/v1/hosts', { name: 'web-3' });
  assert.equal((await event).status, 204);
  assert.equal((await listed).status, 200);
  assert.equal((await added).status, 201);
  for (const reply of await Promise.all(late)) {
    assert.equal(reply.status, 503);
    assert.equal(reply.headers['retry-after'], '1');
    assert.match(reply.body, /more telemetry comes than can be stored/);
  }
  assert.ok(performance.now() - startedAtMs >= HTTP_LIMITS.refusalHeldMs - 5, 'refusals are held back');

  const statuses = (await Promise.all(first)).map((reply) => reply.status);
  const taken = statuses.filter((status) => status === 204).length;
  t.diagnostic(`${taken} of ${POSTS} posts were taken`);
  assert.ok(taken >= few);
  assert.ok(statuses.every((status) => status === 204 || status === 503));
  slowness.ms = 0;
  assert.equal((await post(POSTS + 10)).status, 204, 'the gate is open again');
  const { points } = await server.operator.history('web-2', '?from=2026-03-01T11:00:00Z&to=2026-03-01T11:59:00Z');
  assert.equal(points.length, taken + 1);
});

test('hosts that send slowly refuse nobody', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  const { target } = server.agents;
  assert('port' in target);
  const head =
    `POST /agent/telemetry HTTP/1.1\r\nHost: nexus\r\nAuthorization: Bearer ${token}\r\n` +
    'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{';
  const slow = Array.from({ length: few + 10 }, () => connect(target.port, target.host));
  await Promise.all(slow.map((socket) => new Promise<void>((resolve) => socket.write(head, () => resolve()))));
  await sleep(longMs + 100);
  const status = await server.report(token, bareTick('2026-03-01T12:00:00Z'));
  for (const socket of slow) socket.destroy();
  assert.equal(status, 204);
});
