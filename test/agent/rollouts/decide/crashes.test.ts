import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crashReason, hasNewRestarts, noteRestarts, untilCalmMs } from '../../../../agent/rollouts/decide/crashes.ts';
import { at, container, soaking } from '../sample.ts';

/** A restart at so many seconds of the soak, after which the container had been restarted so often in all. */
type Restart = readonly [seconds: number, restartCount: number, exitCodes: readonly number[]];

function soakAfter(restarts: readonly Restart[]) {
  return restarts.reduce(
    (soak, [seconds, restartCount, codes]) =>
      noteRestarts(soak, [container({ restartCount })], new Map([['id-of-web', codes]]), at(seconds)),
    soaking(),
  );
}

interface Row {
  readonly name: string;
  readonly restarts: readonly Restart[];
  readonly maxRestarts?: number;
  /** Null: it fails nobody. */
  readonly reason: string | null;
  /** From the second 60 on, with a failure that has to last for 15 s. */
  readonly untilCalmMs: number;
}

const ONCE = 'container shop-web-1 has exited with code 1 during its soak, and was restarted';

const ROWS: readonly Row[] = [
  { name: 'none', restarts: [], reason: null, untilCalmMs: 0 },
  {
    name: 'two in the first half minute are a start-up, and the soak goes on until it has been calm',
    restarts: [
      [5, 1, [1]],
      [30, 2, [1, 1]],
    ],
    reason: null,
    untilCalmMs: 15_000,
  },
  { name: 'a start-up long ago delays nothing', restarts: [[10, 1, [1]]], reason: null, untilCalmMs: 0 },
  {
    name: 'a third one in the first half minute is a loop',
    restarts: [[4, 3, [1, 1, 1]]],
    reason:
      'container shop-web-1 restarts in a loop: 3 times since the soak began, the last time after it had exited with code 1',
    untilCalmMs: 0,
  },
  {
    name: 'one after the first half minute fails the host',
    restarts: [[31, 1, [1]]],
    reason: ONCE,
    untilCalmMs: 16_000,
  },
  {
    name: 'every 25 seconds: the second one fails the host',
    restarts: [
      [24, 1, [1]],
      [49, 2, [1, 1]],
      [74, 3, [1, 1, 1]],
    ],
    reason:
      'container shop-web-1 restarts in a loop: 3 times since the soak began, the last time after it had exited with code 1',
    untilCalmMs: 45_000,
  },
  {
    name: 'as many as the release allows fail nobody, and delay nothing',
    restarts: [
      [40, 1, [1]],
      [55, 2, [1, 1]],
    ],
    maxRestarts: 2,
    reason: null,
    untilCalmMs: 0,
  },
  { name: 'an end with code 0 is the end of a round of work', restarts: [[40, 1, [0]]], reason: null, untilCalmMs: 0 },
  {
    name: 'an end whose code the engine has forgotten counts as a crash',
    restarts: [[40, 1, []]],
    reason: 'container shop-web-1 has exited during its soak, and was restarted',
    untilCalmMs: 25_000,
  },
  {
    name: 'an engine that was restarted counts from 0 again, and no crash after that is lost',
    restarts: [
      [5, 2, [1, 1]],
      [20, 0, []],
      [25, 1, [1]],
    ],
    reason:
      'container shop-web-1 restarts in a loop: 3 times since the soak began, the last time after it had exited with code 1',
    untilCalmMs: 10_000,
  },
  {
    name: 'a crash after a restart of the engine counts, also where nobody has looked between the two',
    restarts: [
      [5, 2, [1, 1]],
      [40, 1, [1]],
    ],
    reason:
      'container shop-web-1 restarts in a loop: 3 times since the soak began, the last time after it had exited with code 1',
    untilCalmMs: 25_000,
  },
  {
    name: 'only the ends since the last look count, not those of the start-up before',
    restarts: [
      [10, 1, [1]],
      [40, 2, [1, 0]],
    ],
    reason: null,
    untilCalmMs: 0,
  },
];

for (const row of ROWS) {
  test(`restarts in a soak: ${row.name}`, () => {
    const soak = soakAfter(row.restarts);
    const maxRestarts = row.maxRestarts ?? 0;
    assert.equal(crashReason(container(), soak, maxRestarts), row.reason);
    assert.equal(untilCalmMs(soak, 15_000, maxRestarts, at(60)), row.untilCalmMs);
  });
}

test('restarts before the soak, and those that were looked into, are not new', () => {
  const before = soaking({ restarts: { 'id-of-web': 4 } });
  assert.equal(hasNewRestarts(before, [container({ restartCount: 4 })]), false);
  assert.equal(hasNewRestarts(before, [container({ restartCount: 5 })]), true);
  const after = noteRestarts(before, [container({ restartCount: 5 })], new Map(), at(3));
  assert.equal(hasNewRestarts(after, [container({ restartCount: 5 })]), false);
});

test('a count that starts over is taken in, and what the container had before the soak with it', () => {
  const before = soaking({ restarts: { 'id-of-web': 4 } });
  assert.equal(hasNewRestarts(before, [container({ restartCount: 0 })]), true);
  const after = noteRestarts(before, [container({ restartCount: 0 })], new Map(), at(3));
  assert.deepEqual(after.restarts, { 'id-of-web': 0 });
  assert.deepEqual(after.crashes, {});
  assert.equal(hasNewRestarts(after, [container({ restartCount: 0 })]), false);
  assert.equal(hasNewRestarts(after, [container({ restartCount: 1 })]), true);
});
