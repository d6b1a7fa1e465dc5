import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../../src/domain/store.ts';
import { Admission, type GateLimits } from '../../src/http/admission.ts';
import { HTTP_LIMITS } from '../../src/http/http-limits.ts';
import { Refusal } from '../../src/http/refusal.ts';
import { HandDrivenRuntime } from '../domain/hand-driven-runtime.ts';
import type { SettableRuntime } from '../domain/settable-runtime.ts';
import { bareTick } from '../wire/telemetry-body.ts';
import { FleetServer } from './fleet-server.ts';
import { HttpClient, type Reply } from './http-client.ts';
import { eventOf, RolloutFleet } from './rollout-fleet.ts';

const HOLD_MS = 40;
const { few, most, longMs } = HTTP_LIMITS.telemetryUnderWay;

/** A gate whose time passes, and whose posts end, when the test says so. */
class GateUnderTest {
  readonly runtime = new HandDrivenRuntime();
  readonly #gate: Admission;
  readonly #ends: Array<() => void> = [];

  constructor(limits: Partial<GateLimits> = {}) {
    const quick = { refusalHeldMs: HOLD_MS, telemetryWaiting: { most: 8192, longMs: 5 } };
    this.#gate = new Admission(this.runtime, { ...HTTP_LIMITS, ...quick, ...limits });
  }

  /** Begins a post. Resolves to whether it was taken, once it is over. */
  async post(bytes = 1000): Promise<boolean> {
    const request = { resume: () => request };
    try {
      if (this.isFull) await this.#gate.wait(request as unknown as IncomingMessage);
    } catch (error) {
      assert(error instanceof Refusal);
      assert.equal(error.answer.status, 503);
      assert.equal(error.answer.headers?.['retry-after'], '1');
      return false;
    }
    await this.#gate.pass(bytes, () => new Promise<void>((resolve) => this.#ends.push(resolve)));
    return true;
  }

  posts(count: number, bytes?: number): Array<Promise<boolean>> {
    return Array.from({ length: count }, () => this.post(bytes));
  }

  get isFull(): boolean {
    return this.#gate.isFull;
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

/** Takes as many posts as there is room for, and lets all of them take `tookMs`; returns how many those were. */
async function fillOnce(gate: GateUnderTest, tookMs: number): Promise<number> {
  const posts: Array<Promise<boolean>> = [];
  while (!gate.isFull) posts.push(gate.post());
  await gate.runtime.advance(tookMs);
  gate.answer();
  assert.deepEqual(new Set(await Promise.all(posts)), new Set([true]));
  return posts.length;
}

test('a burst fits in, and what is beyond it is refused after a while', async () => {
  const gate = new GateUnderTest();
  const posts = gate.posts(most);
  let isRefused = false;
  const refused = gate.post().then((taken) => {
    isRefused = !taken;
  });
  await gate.runtime.advance(5 + HOLD_MS - 1);
  assert.equal(isRefused, false, 'a refusal is held back');
  await gate.runtime.advance(1);
  await refused;
  assert.equal(isRefused, true);
  gate.answer(1);
  await posts[0];
  posts.push(gate.post());
  assert.equal(gate.underWay, most);
  gate.answer();
  assert.deepEqual(new Set(await Promise.all(posts)), new Set([true]));
});

test('posts that take long leave room for fewer, down to a few that are never too many', async () => {
  const gate = new GateUnderTest();
  const rooms: number[] = [];
  for (let round = 0; round < 20; round += 1) rooms.push(await fillOnce(gate, longMs + 1));
  assert.equal(rooms[0], most);
  // All of a round waited together, and count as one.
  assert.equal(rooms[1], Math.ceil(most * 0.8));
  assert.equal(rooms.at(-1), few);
});

test('posts that take no longer than they should make room again', async () => {
  const gate = new GateUnderTest();
  for (let round = 0; round < 20; round += 1) await fillOnce(gate, longMs + 1);
  assert.equal(await fillOnce(gate, longMs), few);
  assert.equal(await fillOnce(gate, longMs), 2 * few);
  for (let round = 0; round < 10; round += 1) await fillOnce(gate, 1);
  assert.equal(await fillOnce(gate, 1), most);
});

test('large posts fill the room as well', async () => {
  const gate = new GateUnderTest();
  const posts = gate.posts(32, HTTP_LIMITS.telemetryBodyBytes);
  const refused = gate.post();
  await gate.runtime.advance(5 + HOLD_MS);
  assert.equal(await refused, false);
  gate.answer(1);
  await posts[0];
  assert.equal(gate.isFull, false);
  gate.answer();
  await Promise.all(posts);
});

test('what waits at the gate goes in when there is room again, the newest first', async () => {
  const gate = new GateUnderTest({ telemetryWaiting: { most: 8, longMs: 60_000 } });
  const posts = gate.posts(most);
  const order: string[] = [];
  const waiting = ['old', 'new'].map((name) => gate.post().then((taken) => order.push(`${name} ${taken}`)));
  assert.equal(gate.underWay, most);
  gate.answer(1);
  await posts[0];
  await setImmediate();
  assert.equal(gate.underWay, most);
  gate.answer(1);
  await posts[1];
  await setImmediate();
  gate.answer();
  await Promise.all([...posts, ...waiting]);
  assert.deepEqual(order, ['new true', 'old true']);
});

test('what has waited too long at the gate is refused, and those beyond the line at once', async () => {
  const gate = new GateUnderTest({ telemetryWaiting: { most: 3, longMs: 10 }, refusalHeldMs: 500 });
  const posts = gate.posts(most);
  void gate.posts(3);
  assert.equal(await gate.post(), false);
  await gate.runtime.advance(30);
  // The three are about to be refused, and still count.
  assert.equal(await gate.post(), false);
  gate.answer();
  assert.deepEqual(new Set(await Promise.all(posts)), new Set([true]));
});

// ── Over HTTP ──

/** Takes its time, by the clock as well, for every commit that holds a tick: a disk that is far too slow. */
function slowStore(slowness: { readonly ms: number }, clock: () => SettableRuntime): (store: Store) => Store {
  const block = new Int32Array(new SharedArrayBuffer(4));
  return (store) => ({
    ...store,
    commit(writes) {
      const committed = store.commit(writes);
      if (slowness.ms > 0 && writes.some((write) => write.kind === 'insert_tick')) {
        Atomics.wait(block, 0, 0, slowness.ms);
        clock().advance(slowness.ms / 1000);
      }
      return committed;
    },
  });
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
  const fleet: RolloutFleet = await RolloutFleet.start(t, ['web-1', 'web-2'], {
    watchStore: slowStore(slowness, () => fleet.server.clock),
  });
  const { server } = fleet;
  const digest = await fleet.addRelease('1');
  const { id } = await fleet.createRollout(digest, ['web-1']);
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connected(t, server, POSTS_EACH)));
  let seconds = 0;
  const post = (): Promise<Reply> => {
    const headers = { authorization: `Bearer ${fleet.tokenOf('web-2')}`, 'content-type': 'application/json' };
    const recordedAt = new Date(server.clock.nowMs() - 3_000_000 + seconds * 100).toISOString();
    const client = clients[seconds % CLIENTS];
    seconds += 1;
    assert(client !== undefined);
    return client.send({
      method: 'POST',
      path: '/agent/telemetry',
      headers,
      body: JSON.stringify(bareTick(recordedAt)),
    });
  };
  const flood = (): Array<Promise<Reply>> => Array.from({ length: POSTS }, post);

  slowness.ms = longMs + 50;
  const replies: Reply[] = [];
  // Every flood that is stored too slowly leaves room for less of the next.
  while (!replies.some((reply) => reply.status === 503)) {
    assert.ok(replies.length < 20 * POSTS, 'nothing was refused');
    replies.push(...(await Promise.all(flood())));
  }
  const last = flood();
  await Promise.race(last);
  const event = fleet.send('web-1', id, 1, eventOf('dispatch_ack', digest));
  const listed = server.operator.send('GET', '/v1/hosts');
  const added = server.operator.send('POST', '/v1/hosts', { name: 'web-3' });
  assert.equal((await event).status, 204);
  assert.equal((await listed).status, 200);
  assert.equal((await added).status, 201);
  replies.push(...(await Promise.all(last)));
  const refused = replies.filter((reply) => reply.status !== 204);
  for (const reply of refused) {
    assert.equal(reply.status, 503);
    assert.equal(reply.headers['retry-after'], '1');
    assert.match(reply.body, /more telemetry comes than can be stored/);
  }
  const taken = replies.length - refused.length;
  t.diagnostic(`${taken} of ${replies.length} posts were taken`);

  slowness.ms = 0;
  assert.equal((await post()).status, 204, 'the gate is open again');
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
