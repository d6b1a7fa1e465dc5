import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../domain/seeded-random.ts';
import { EventQueue } from './event-queue.ts';
import { Machine } from './machine.ts';

const START_MS = Date.UTC(2031, 0, 8);

function machine(): { readonly queue: EventQueue; readonly web: Machine } {
  const queue = new EventQueue(START_MS);
  return { queue, web: new Machine('web-1', queue, new SeededRandom(7)) };
}

const nothing = (): void => {};

test('a suspended machine stands still on its monotonic clock, and its timers wait', async () => {
  const { queue, web } = machine();
  const { runtime } = web.spawn('agent');
  const startMs = runtime.monotonicMs();
  let firedAtMs = 0;
  runtime.setTimer(1_000, () => {
    firedAtMs = queue.nowMs;
  });
  queue.after(500, () => web.suspend());
  queue.after(60_500, () => web.resume());
  await queue.runUntil(START_MS + 100_000, nothing);
  assert.ok(firedAtMs - START_MS >= 61_000 && firedAtMs - START_MS < 61_010, `fired after ${firedAtMs - START_MS} ms`);
  assert.equal(Math.round(runtime.monotonicMs() - startMs), 40_000);
  assert.equal(runtime.nowMs(), START_MS + 100_000);
});

test('a step of the wall clock moves no timer', async () => {
  const { queue, web } = machine();
  const { runtime } = web.spawn('agent');
  let firedAtMs = 0;
  runtime.setTimer(1_000, () => {
    firedAtMs = queue.nowMs;
  });
  web.stepWall(-86_400_000);
  await queue.runUntil(START_MS + 5_000, nothing);
  assert.equal(Math.floor((firedAtMs - START_MS) / 10), 100);
  assert.equal(runtime.nowMs(), START_MS + 5_000 - 86_400_000);
});

test('a dead process hears of nothing any more', async () => {
  const { queue, web } = machine();
  const agent = web.spawn('agent');
  const heard: string[] = [];
  agent.runtime.setTimer(10, () => heard.push('timer'));
  agent.runtime.defer(() => heard.push('deferred'));
  queue.after(
    20,
    agent.guard(() => heard.push('answer')),
  );
  void agent.elapse(30).then(() => heard.push('disk'));
  agent.kill();
  agent.runtime.setTimer(10, () => heard.push('late timer'));
  await queue.runUntil(START_MS + 1_000, nothing);
  assert.deepEqual(heard, []);
  assert.equal(agent.timerCount, 0);
});

test('a reboot begins another monotonic clock', async () => {
  const { queue, web } = machine();
  const before = web.bootId;
  await queue.runUntil(START_MS + 1_000, nothing);
  web.reboot();
  assert.notEqual(web.bootId, before);
  assert.ok(web.monotonicMs() <= 60_000);
  assert.equal(web.wallMs(), START_MS + 1_000);
});
