/** The times of ticks, where the wall clock is set meanwhile. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TickClock } from '../../../agent/telemetry/tick-clock.ts';
import { HandDrivenRuntime } from '../../domain/hand-driven-runtime.ts';

/** What the wall clock shows at each tick, and the times that the ticks get, in milliseconds after noon. */
const ROWS: [string, number[], number[]][] = [
  ['while the clock goes on', [0, 5_000, 10_001], [0, 5_000, 10_001]],
  ['at one millisecond', [0, 0, 0], [0, 1, 2]],
  ['after the clock was set ahead', [0, 5_000, 155_000, 160_000], [0, 5_000, 155_000, 160_000]],
  [
    'after the clock was set back: those that were taken are left out, and the others stay as they are',
    [0, 5_000, 10_001, 0, 4_999, 5_000, 10_000, 10_001],
    [0, 5_000, 10_001, 1, 4_999, 5_001, 10_000, 10_002],
  ],
  [
    'after the clock was set back twice',
    [0, 5_000, 10_000, 0, 5_000, 0, 5_000, 10_000, 15_000],
    [0, 5_000, 10_000, 1, 5_001, 2, 5_002, 10_001, 15_000],
  ],
];
const NOON_MS = Date.UTC(2026, 2, 1, 12);

for (const [when, shown, expected] of ROWS) {
  test(`the times of ticks ${when}`, () => {
    const runtime = new HandDrivenRuntime('2026-03-01T12:00:00Z');
    const clock = new TickClock(runtime);
    const times = shown.map((ms) => {
      runtime.setWall(NOON_MS + ms);
      return clock.takeMs() - NOON_MS;
    });
    assert.deepEqual(times, expected);
  });
}

test('an hour of ticks is remembered', () => {
  const runtime = new HandDrivenRuntime('2026-03-01T12:00:00Z');
  const clock = new TickClock(runtime);
  const hour = Array.from({ length: 3_600 }, (_, second) => NOON_MS + second * 1_000);
  const take = (ms: number): number => {
    runtime.setWall(ms);
    return clock.takeMs();
  };
  assert.deepEqual(hour.map(take), hour);
  assert.equal(take(NOON_MS), NOON_MS + 1);
});
