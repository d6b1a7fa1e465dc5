/** When a host ticks, by the seconds that have passed. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { tickOffsetMs } from '../../../agent/telemetry/plan-ticks.ts';
import { TickPace } from '../../../agent/telemetry/tick-pace.ts';
import { HandDrivenRuntime } from '../../domain/hand-driven-runtime.ts';

const IDENTITY = 'web-1';

/** A pace that begins at its place in the interval, and the seconds after that at which it has ticked. */
async function start(t: TestContext, intervalMs: number) {
  const runtime = new HandDrivenRuntime('2026-03-01T12:00:00Z');
  await runtime.advance(tickOffsetMs(IDENTITY, intervalMs));
  const beganMs = runtime.monotonicMs();
  const pace = new TickPace(runtime, intervalMs, IDENTITY);
  const stop = new AbortController();
  const ticks: number[] = [];
  const ticking = (async () => {
    for (;;) {
      await pace.untilNext(stop.signal);
      if (stop.signal.aborted) return;
      ticks.push((runtime.monotonicMs() - beganMs) / 1000);
    }
  })();
  t.after(() => {
    stop.abort();
    return ticking;
  });
  return { runtime, pace, ticks };
}

test('a host ticks at its interval while no stack is in its soak', async (t) => {
  const { runtime, ticks } = await start(t, 30_000);
  await runtime.advance(95_000);
  assert.deepEqual(ticks, [30, 60, 90]);
});

test('a soak is sampled when it begins and every 5 s, and what comes after it as before', async (t) => {
  const { runtime, pace, ticks } = await start(t, 30_000);
  await runtime.advance(7_000);
  pace.noteSoak('shop', false);
  await runtime.advance(1_000);
  pace.noteSoak('shop', true);
  await runtime.advance(4_000);
  pace.noteSoak('shop', true);
  await runtime.advance(18_000);
  pace.noteSoak('shop', false);
  await runtime.advance(65_000);
  assert.deepEqual(ticks, [8, 10, 15, 20, 25, 30, 35, 60, 90]);
});

test('a second stack is sampled at once as well, and the short interval lasts until both soaks are over', async (t) => {
  const { runtime, pace, ticks } = await start(t, 30_000);
  pace.noteSoak('shop', true);
  await runtime.advance(6_000);
  pace.noteSoak('blog', true);
  await runtime.advance(1_000);
  pace.noteSoak('shop', false);
  await runtime.advance(4_000);
  pace.noteSoak('blog', false);
  await runtime.advance(30_000);
  assert.deepEqual(ticks, [0, 5, 6, 10, 15, 30]);
});

test('a shorter interval stays as it is', async (t) => {
  const { runtime, pace, ticks } = await start(t, 2_000);
  pace.noteSoak('shop', true);
  await runtime.advance(5_000);
  assert.deepEqual(ticks, [0, 2, 4]);
});
