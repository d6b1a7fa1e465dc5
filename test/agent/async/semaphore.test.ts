import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Lane } from '../../../agent/async/semaphore.ts';
import { Bell } from '../../../agent/async/wake-up.ts';

test('two at once, the others in the order they came, whatever becomes of them', async () => {
  const lane = new Lane(2);
  const begun: number[] = [];
  let [running, most] = [0, 0];
  const work = (number: number) =>
    lane.run(async () => {
      begun.push(number);
      most = Math.max(most, ++running);
      await sleep(5);
      running--;
      if (number === 1) throw new Error('fails');
    });
  const ends = await Promise.allSettled([1, 2, 3, 4, 5].map(work));
  assert.deepEqual(begun, [1, 2, 3, 4, 5]);
  assert.equal(most, 2);
  assert.deepEqual(
    ends.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled', 'fulfilled', 'fulfilled'],
  );
});

test('a ring while nobody waits is not lost, and wakes only once', async () => {
  const bell = new Bell();
  const never = new AbortController().signal;
  bell.ring();
  bell.ring();
  await bell.wait(60_000, never);
  const startedAt = performance.now();
  await bell.wait(30, never);
  assert.ok(performance.now() - startedAt >= 25);
});

test('a ring and an abort wake whoever waits', async () => {
  const bell = new Bell();
  const stop = new AbortController();
  setTimeout(() => bell.ring(), 5);
  await bell.wait(60_000, stop.signal);
  setTimeout(() => stop.abort(), 5);
  await bell.wait(60_000, stop.signal);
  await bell.wait(60_000, stop.signal);
});
