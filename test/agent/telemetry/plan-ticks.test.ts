import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nextTickAtMs, tickOffsetMs, untilNextTickMs } from '../../../agent/telemetry/plan-ticks.ts';

const ROWS: [string, number, number][] = [
  ['in the middle of an interval', 900_000_010_000, 900_000_017_000],
  ['just before the tick', 900_000_016_999, 900_000_017_000],
  ['at the tick itself: the next one', 900_000_017_000, 900_000_047_000],
  ['an hour after a suspend: one tick, not 120', 900_003_610_000, 900_003_617_000],
  ['the clock was set back an hour', 899_996_410_000, 899_996_417_000],
];
for (const [when, nowMs, atMs] of ROWS) {
  test(`the next tick, ${when}`, () => assert.equal(nextTickAtMs(nowMs, 30_000, 17_000), atMs));
}

test('a host has its own place in the interval, the same every time', () => {
  assert.equal(tickOffsetMs('host-a', 30_000), tickOffsetMs('host-a', 30_000));
  const offsets = Array.from({ length: 300 }, (_, index) => tickOffsetMs(`host-${index}`, 30_000));
  assert.ok(offsets.every((offset) => Number.isInteger(offset) && offset >= 0 && offset < 30_000));
  // Three hundred hosts leave no third of the interval to others alone.
  for (const third of [0, 1, 2]) {
    const inThird = offsets.filter((offset) => Math.floor(offset / 10_000) === third).length;
    assert.ok(inThird > 60 && inThird < 140, `${inThird} of 300 in one third`);
  }
});

test('a timer that fired a little early does not make two ticks of one', () => {
  assert.equal(untilNextTickMs(900_000_016_990, 30_000, 17_000, 20), 30_010);
  assert.equal(untilNextTickMs(900_000_016_970, 30_000, 17_000, 20), 30);
});

test('whatever the clock says, the wait is more than nothing and little more than an interval', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 4_000_000_000_000 }),
      fc.integer({ min: 1, max: 3600 }),
      fc.string(),
      (nowMs, seconds, identity) => {
        const intervalMs = seconds * 1000;
        const offsetMs = tickOffsetMs(identity, intervalMs);
        const waitMs = untilNextTickMs(nowMs, intervalMs, offsetMs, 20);
        assert.ok(waitMs > 20 && waitMs <= intervalMs + 20);
        assert.equal((nowMs + waitMs - offsetMs) % intervalMs, 0);
      },
    ),
  );
});
