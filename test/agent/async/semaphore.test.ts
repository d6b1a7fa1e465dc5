import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Semaphore } from '../../../agent/async/semaphore.ts';
import { WakeUp } from '../../../agent/async/wake-up.ts';

test('two at once, the others in the order they came, whatever becomes of them', async () => {
  const semaphore = new Semaphore(2);
  const begun: number[] = [];
  let [running, most] = [0, 0];
  const work = (number: number) =>
    semaphore.run(async () => {
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
  const wakeUp = new WakeUp();
  const never = new AbortController().signal;
  wakeUp.notify();
  wakeUp.notify();
  await wakeUp.wait(60_000, never);
  const startedAt = performance.now();
  await wakeUp.wait(30, never);
  assert.ok(performance.now() - startedAt >= 25);
});

test('a ring and an abort wake whoever waits', async () => {
  const wakeUp = new WakeUp();
  const stop = new AbortController();
  setTimeout(() => wakeUp.notify(), 5);
  await wakeUp.wait(60_000, stop.signal);
  setTimeout(() => stop.abort(), 5);
  await wakeUp.wait(60_000, stop.signal);
  await wakeUp.wait(60_000, stop.signal);
});
