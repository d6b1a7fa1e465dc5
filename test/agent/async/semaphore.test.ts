import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Semaphore } from '../../../agent/async/semaphore.ts';
import { WakeUp } from '../../../agent/async/wake-up.ts';
import { HandDrivenRuntime } from '../../domain/hand-driven-runtime.ts';

test('two at once, the others in the order they came, whatever becomes of them', async () => {
  const semaphore = new Semaphore(2);
  const begun: number[] = [];
  let [running, most] = [0, 0];
  const work = (number: number) =>
    semaphore.run(`stack-${number}`, async () => {
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

test('who is at work is known by name, and a place that becomes free goes to the one who waits for it', async () => {
  const semaphore = new Semaphore(1);
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const ends = [semaphore.run('a', () => first.promise), semaphore.run('b', () => second.promise)];
  assert.deepEqual(semaphore.holders, ['a']);
  first.resolve();
  await ends[0];
  assert.deepEqual(semaphore.holders, ['b']);
  second.resolve();
  await ends[1];
  assert.deepEqual(semaphore.holders, []);
});

test('a notification while nobody waits is not lost, and wakes only once', async () => {
  const runtime = new HandDrivenRuntime();
  const wakeUp = new WakeUp(runtime);
  const never = new AbortController().signal;
  wakeUp.notify();
  wakeUp.notify();
  await wakeUp.wait(60_000, never);
  let isAwake = false;
  void wakeUp.wait(30, never).then(() => {
    isAwake = true;
  });
  await runtime.advance(29);
  assert.equal(isAwake, false);
  await runtime.advance(1);
  assert.equal(isAwake, true);
});

test('a notification and an abort both end a wait, and an aborted signal allows none', async () => {
  const runtime = new HandDrivenRuntime();
  const wakeUp = new WakeUp(runtime);
  const stop = new AbortController();
  const first = wakeUp.wait(60_000, stop.signal);
  wakeUp.notify();
  await first;
  const second = wakeUp.wait(60_000, stop.signal);
  stop.abort();
  await second;
  await wakeUp.wait(60_000, stop.signal);
});
