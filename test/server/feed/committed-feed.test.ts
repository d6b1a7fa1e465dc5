import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NexusError } from '../../../src/domain/errors.ts';
import type { LogEvent } from '../../../src/domain/event-log.ts';
import { CommittedFeed, FEED_LIMITS } from '../../../src/server/feed/committed-feed.ts';
import type { Committed, Writer } from '../../../src/server/writer.ts';
import { HandDrivenRuntime } from '../../domain/hand-driven-runtime.ts';

function entry(id: number, host: string | null = null, rolloutId: string | null = null): LogEvent {
  return { id, atMs: id, kind: 'host_added', host, rolloutId, data: {} };
}

/** A log in memory, the feed over it, and how often the feed has read the log. */
class Bench {
  readonly runtime = new HandDrivenRuntime();
  readonly log: LogEvent[];
  readonly feed: CommittedFeed;
  reads = 0;
  failure: NexusError | null = null;
  #follow: (committed: Committed) => void = () => {};
  #onAttached: () => void = () => {};

  constructor(stored: readonly LogEvent[] = []) {
    this.log = [...stored];
    const page = (after: number, limit: number, of: { host: string | null; rolloutId: string | null }): LogEvent[] => {
      this.reads += 1;
      if (this.failure !== null) throw this.failure;
      const found = this.log.filter(
        (event) => event.id > after && (of.rolloutId === null || event.rolloutId === of.rolloutId),
      );
      return found.slice(0, limit);
    };
    const attached = { store: { events: { page } }, state: { numbers: { last: () => this.log.at(-1)?.id ?? 0 } } };
    const source = {
      follow: (follow: (committed: Committed) => void) => {
        this.#follow = follow;
      },
      followAttachments: (react: () => void) => {
        this.#onAttached = react;
      },
      attached: () => attached,
      read: (read: (from: typeof attached) => unknown) => read(attached),
    };
    this.feed = new CommittedFeed(source as unknown as Writer, this.runtime);
  }

  commit(...entries: readonly LogEvent[]): void {
    this.log.push(...entries);
    this.#follow({ entries, effects: [], ticks: 0 });
  }

  /** The store takes the entries and fails all the same, and is attached again. */
  commitUnannounced(...entries: readonly LogEvent[]): void {
    this.log.push(...entries);
    this.#onAttached();
  }
}

const ids = (entries: readonly LogEvent[] | null): number[] | null => entries?.map(({ id }) => id) ?? null;

test('a cursor is handed every entry after its position once, from the log and then as it is committed', async () => {
  const bench = new Bench([entry(1), entry(2), entry(3)]);
  const cursor = bench.feed.open('stream', 1, {});
  assert.deepEqual(ids(await cursor.next(1000)), [2, 3]);
  const waiting = cursor.next(1000);
  bench.commit(entry(4), entry(5));
  assert.deepEqual(ids(await waiting), [4, 5]);
  bench.commit(entry(6));
  assert.deepEqual(ids(await cursor.next(1000)), [6]);
});

test('what a store has taken although its commit failed is handed over once the store is attached again', async () => {
  const bench = new Bench();
  bench.commit(entry(1));
  const cursor = bench.feed.open('stream', 0, {});
  assert.deepEqual(ids(await cursor.next(1000)), [1]);
  const waiting = cursor.next(1000);
  bench.commitUnannounced(entry(2));
  assert.deepEqual(ids(await waiting), [2]);
  bench.commit(entry(3));
  assert.deepEqual(ids(await cursor.next(1000)), [3]);
});

test('without a position a cursor begins at the end', async () => {
  const bench = new Bench([entry(1), entry(2)]);
  const cursor = bench.feed.open('stream', null, {});
  bench.commit(entry(3));
  assert.deepEqual(ids(await cursor.next(1000)), [3]);
});

test('who keeps up costs the log nothing, however many there are', async () => {
  const bench = new Bench([entry(1)]);
  bench.commit(entry(2));
  const cursors = Array.from({ length: 50 }, () => bench.feed.open('stream', 1, {}));
  for (const cursor of cursors) assert.deepEqual(ids(await cursor.next(1000)), [2]);
  assert.equal(bench.reads, 0);
});

test('who is further behind than what is kept reads the log in pages, without a gap', async () => {
  const bench = new Bench();
  const count = 3 * FEED_LIMITS.recent;
  for (let id = 1; id <= count; id += 1) bench.commit(entry(id));
  const cursor = bench.feed.open('stream', 0, {});
  const seen: number[] = [];
  while (seen.length < count) {
    const entries = ids(await cursor.next(1000)) ?? [];
    assert.ok(entries.length <= FEED_LIMITS.page);
    seen.push(...entries);
  }
  assert.deepEqual(
    seen,
    Array.from({ length: count }, (_, index) => index + 1),
  );
  assert.ok(bench.reads > 0);
});

test('a filter passes over entries without keeping the cursor from its turn', async () => {
  const bench = new Bench([entry(1, 'web-1', 'ro_1'), entry(2, 'web-2', 'ro_2'), entry(3, 'web-2', 'ro_1')]);
  const ofRollout = bench.feed.open('watch', 0, { rolloutId: 'ro_1' });
  const ofBoth = bench.feed.open('watch', 0, { rolloutId: 'ro_1', host: 'web-2' });
  assert.deepEqual(ids(await ofRollout.next(1000)), [1, 3]);
  assert.deepEqual(ids(await ofBoth.next(1000)), [3]);
  const waiting = ofRollout.next(1000);
  bench.commit(entry(4, 'web-1', 'ro_2'));
  bench.commit(entry(5, 'web-1', 'ro_1'));
  assert.deepEqual(ids(await waiting), [5]);
  assert.equal(ofRollout.position, 5);
});

test('nothing for so long is an empty list, and the wait leaves no timer', async () => {
  const bench = new Bench();
  const cursor = bench.feed.open('stream', 0, {});
  let answer: readonly LogEvent[] | null | undefined;
  void cursor.next(15_000).then((entries) => {
    answer = entries;
  });
  await bench.runtime.advance(14_999);
  assert.equal(answer, undefined);
  await bench.runtime.advance(1);
  assert.deepEqual(answer, []);
});

test('closing a cursor or the feed ends the wait, and a closed feed opens none', async () => {
  const bench = new Bench();
  const [first, second] = [bench.feed.open('stream', 0, {}), bench.feed.open('stream', 0, {})];
  const waiting = [first.next(1000), second.next(1000)];
  await bench.runtime.settle();
  first.close();
  bench.feed.close();
  assert.deepEqual(await Promise.all(waiting), [null, null]);
  assert.equal(await first.next(1000), null);
  assert.throws(
    () => bench.feed.open('stream', 0, {}),
    new NexusError('overloaded', 'the server is shutting down: try again shortly'),
  );
});

test('cursors are bounded, and counted with their lag by name', () => {
  const bench = new Bench();
  bench.commit(entry(1), entry(2), entry(3));
  const cursors = Array.from({ length: FEED_LIMITS.cursors }, (_, index) => bench.feed.open('stream', index % 3, {}));
  assert.throws(() => bench.feed.open('stream', 0, {}), /256 readers follow the log already/);
  assert.deepEqual([...bench.feed.figures()], [['stream', { cursors: FEED_LIMITS.cursors, lag: 3 }]]);
  for (const cursor of cursors) cursor.close();
  assert.deepEqual([...bench.feed.figures()], []);
});

test("a log that cannot be read is the reader's to know, and the cursor stays where it is", async () => {
  const bench = new Bench([entry(1)]);
  const cursor = bench.feed.open('stream', 0, {});
  bench.failure = new NexusError('store_unavailable', 'not ready');
  await assert.rejects(cursor.next(1000), bench.failure);
  bench.failure = null;
  assert.deepEqual(ids(await cursor.next(1000)), [1]);
});

test('what was kept of a log that went back is forgotten', async () => {
  const bench = new Bench();
  bench.commit(entry(1), entry(2), entry(3));
  bench.log.length = 1;
  bench.commit(entry(2, 'restored'));
  const cursor = bench.feed.open('stream', 0, {});
  assert.deepEqual(
    (await cursor.next(1000))?.map(({ id, host }) => [id, host]),
    [
      [1, null],
      [2, 'restored'],
    ],
  );
});
