import assert from 'node:assert/strict';
import { test } from 'node:test';
import { delay, every, timeLimit } from '../../src/runtime/wait.ts';
import { HandDrivenRuntime } from '../domain/hand-driven-runtime.ts';

test('a delay ends after its time, or when its signal aborts', async () => {
  const runtime = new HandDrivenRuntime();
  const ended: string[] = [];
  const abort = new AbortController();
  void delay(runtime, 100).then(() => ended.push('time'));
  void delay(runtime, 1_000_000, abort.signal).then(() => ended.push('abort'));
  await runtime.advance(99);
  assert.deepEqual(ended, []);
  await runtime.advance(1);
  assert.deepEqual(ended, ['time']);
  abort.abort();
  await runtime.settle();
  assert.deepEqual(ended, ['time', 'abort']);
});

test('every calls once a period until it is stopped, also from within', async () => {
  const runtime = new HandDrivenRuntime();
  const calledAtMs: number[] = [];
  const repeating = every(runtime, 10, () => {
    calledAtMs.push(runtime.monotonicMs());
    if (calledAtMs.length === 3) repeating.stop();
  });
  await runtime.advance(100);
  assert.deepEqual(calledAtMs, [10, 20, 30]);
});

test('a time limit aborts with a TimeoutError unless it is cancelled', async () => {
  const runtime = new HandDrivenRuntime();
  const kept = timeLimit(runtime, 50);
  const cancelled = timeLimit(runtime, 50);
  cancelled.cancel();
  await runtime.advance(50);
  assert.equal(kept.signal.reason.name, 'TimeoutError');
  assert.equal(cancelled.signal.aborted, false);
});

test('stepping the wall clock moves no timer', async () => {
  const runtime = new HandDrivenRuntime('2026-03-01T12:00:00Z');
  let isCalled = false;
  runtime.setTimer(10, () => {
    isCalled = true;
  });
  runtime.setWall('2029-03-01T12:00:00Z');
  await runtime.settle();
  assert.equal(isCalled, false);
  assert.equal(runtime.monotonicMs(), 0);
  await runtime.advance(10);
  assert.equal(isCalled, true);
  assert.equal(new Date(runtime.nowMs()).toISOString(), '2029-03-01T12:00:00.010Z');
});
