/**
 * One and the same story, told in several ways: post after post, as posts that come together and are read by the
 * thread, and to a server that begins anew before every round and so remembers no list. All that can be seen of it
 * afterwards must be the same.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { startThread } from '../../src/intake/threaded-intake.ts';
import { SeededRandom } from '../domain/seeded-random.ts';
import { bareTick, containerBody, type JsonObject } from '../wire/telemetry-body.ts';
import { FleetServer } from './fleet-server.ts';

const START_MS = Date.UTC(2026, 2, 1, 12);
const ROUNDS = 48;
const ROUND_S = 60;
const HOSTS = ['web-1', 'web-2', 'web-3', 'web-4', 'web-5', 'web-6', 'web-7', 'web-8'];
const HEALTH = ['healthy', 'unhealthy', 'starting', null];

/** What every host posts in every round. */
type Story = ReadonlyArray<ReadonlyMap<string, JsonObject>>;

function timeOf(round: number): string {
  return new Date(START_MS + round * ROUND_S * 1000).toISOString();
}

/** A host whose containers come and go, change and change places; most of the time nothing happens to them. */
class StoryHost {
  readonly #random: SeededRandom;
  #present: JsonObject[];
  #gone: JsonObject[] = [];

  constructor(random: SeededRandom, count: number) {
    this.#random = random;
    this.#present = Array.from({ length: count }, (_, index) => containerBody({ container_id: `c${index}` }));
  }

  #anyIndex(): number {
    return this.#random.below(this.#present.length);
  }

  #change(fields: JsonObject, index = this.#anyIndex()): void {
    this.#present = this.#present.map((container, at) => (at === index ? { ...container, ...fields } : container));
  }

  #happen(round: number): void {
    switch (this.#random.below(12)) {
      case 0:
        return this.#change({ name: `renamed-${round}` });
      case 1:
        // Of the first few, so that one of them also recovers.
        return this.#change({ health_status: this.#random.pick(HEALTH) }, this.#random.below(2));
      case 2:
        return this.#change({ started_at: timeOf(round), state: 'running' });
      case 3:
        this.#gone.push(...this.#present.splice(this.#anyIndex(), 1));
        return;
      case 4:
        this.#present.push(...this.#gone.splice(0));
        return;
      case 5:
        this.#present.reverse();
        return;
      case 6:
        this.#present.push(containerBody({ container_id: `new-${round}` }));
        return;
      default:
        return;
    }
  }

  /** With numbers of its own, so that no two ticks are alike. */
  #listed(round: number): JsonObject[] {
    const listed = this.#present.map(
      (container, index): JsonObject => ({
        ...container,
        metrics: { cpu_percent: round + index / 100, memory_usage_mb: 100 * round + index, block_read_bytes: round },
      }),
    );
    const first = listed[0];
    // The last report of a container that is listed twice counts.
    if (this.#random.below(10) === 0 && first !== undefined) listed.push({ ...first, name: 'listed again' });
    return listed;
  }

  post(round: number): JsonObject {
    this.#happen(round);
    // Now and then a tick comes late: it is older than one that was posted before it.
    const isLate = round > 3 && this.#random.below(12) === 0;
    const recordedAt = isLate ? new Date(Date.parse(timeOf(round - 2)) + 1000).toISOString() : timeOf(round);
    const kind = this.#random.below(16);
    if (kind === 0) return bareTick(recordedAt);
    if (kind === 1) return bareTick(recordedAt, { containers: [] });
    return bareTick(recordedAt, { host: { metrics: { cpu_percent: round } }, containers: this.#listed(round) });
  }
}

function tellStory(seed: number): Story {
  const random = new SeededRandom(seed);
  const hosts = HOSTS.map((name, index) => ({ name, host: new StoryHost(random, index * 2) }));
  return Array.from({ length: ROUNDS }, (_, round) => new Map(hosts.map(({ name, host }) => [name, host.post(round)])));
}

interface Telling {
  readonly together: boolean;
  /** The server begins anew before these rounds. */
  readonly restarts: (round: number) => boolean;
}

async function tell(test: TestContext, story: Story, { together, restarts }: Telling) {
  let messages = 0;
  const countingThread = (): Worker => {
    const thread = startThread();
    thread.on('message', () => {
      messages += 1;
    });
    return thread;
  };
  const server = await FleetServer.start(test, { startThread: countingThread });
  const tokens = new Map<string, string>();
  for (const name of HOSTS) tokens.set(name, (await server.operator.addHost(name)).token);
  for (const [round, posts] of story.entries()) {
    if (restarts(round)) await server.restart();
    server.clock.set(timeOf(round));
    const send = ([name, body]: [string, JsonObject]) => server.report(tokens.get(name) ?? '', body);
    const statuses: number[] = [];
    if (together) statuses.push(...(await Promise.all([...posts].map(send))));
    else for (const post of posts) statuses.push(await send(post));
    assert.deepEqual(new Set(statuses), new Set([204]));
  }
  assert.deepEqual(
    server.log.said(
      'the thread that reads telemetry failed: telemetry is now read on the main thread, which is slower',
    ),
    [],
  );
  return { seen: await readAll(server), messages };
}

/** Everything that is told of hosts and containers. Hosts that post at once have no order among themselves. */
async function readAll(server: FleetServer): Promise<Record<string, unknown>> {
  const all: Record<string, unknown> = {};
  const events = await server.operator.events('?limit=1000');
  for (const name of HOSTS) {
    const containers = await server.operator.containers(name);
    all[name] = {
      host: { ...(await server.operator.host(name)), created_at: null },
      containers,
      history: await server.operator.history(name),
      containerHistories: await Promise.all(
        containers.map((container) => server.operator.containerHistory(name, container.container_id)),
      ),
      events: events
        .filter((event) => event.host === name && !event.kind.startsWith('token_'))
        .map(({ at, kind, data }) => ({ at, kind, data })),
    };
  }
  return all;
}

/** Their seeds. */
const STORIES = [1, 2, 3];
const ALONE: Telling = { together: false, restarts: () => false };
const TOGETHER: Telling = { together: true, restarts: () => false };

for (const seed of STORIES) {
  test(`posts that come together are stored as those that come one by one (story ${seed})`, async (t) => {
    const story = tellStory(seed);
    const alone = await tell(t, story, ALONE);
    const together = await tell(t, story, TOGETHER);
    assert.equal(alone.messages, 0);
    assert.ok(together.messages >= ROUNDS / 2, `${together.messages} messages of the thread`);
    assert.deepEqual(together.seen, alone.seen);
  });
}

test('a server that remembers no list of containers stores the same as one that does', async (t) => {
  const story = tellStory(4);
  const steady = await tell(t, story, ALONE);
  const forgetful = await tell(t, story, { together: false, restarts: () => true });
  const both = await tell(t, story, { together: true, restarts: (round) => round % 7 === 3 });
  assert.deepEqual(forgetful.seen, steady.seen);
  assert.deepEqual(both.seen, steady.seen);
});

test('the stories are eventful', async (t) => {
  const told = await Promise.all(STORIES.map((seed) => tell(t, tellStory(seed), ALONE)));
  const text = JSON.stringify(told.map(({ seen }) => seen));
  for (const kind of ['container_unhealthy', 'container_recovered']) assert.ok(text.includes(kind), kind);
  assert.match(text, /"removed_at":"2026/);
  assert.match(text, /"name":"listed again"/);
});
