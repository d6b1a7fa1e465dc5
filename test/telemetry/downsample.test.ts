import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { downsample, type Point } from '../../src/telemetry/downsample.ts';

type Name = 'cpu_percent' | 'network_rx_bytes';
const NAMES: readonly Name[] = ['cpu_percent', 'network_rx_bytes'];

function point(recordedAtMs: number, cpu: number | null, received: number | null): Point<Name> {
  return { recordedAtMs, metrics: { cpu_percent: cpu, network_rx_bytes: received } };
}

interface Row {
  readonly name: string;
  readonly stepMs: number;
  readonly points: ReadonlyArray<Point<Name>>;
  readonly result: ReadonlyArray<Point<Name>>;
}

const ROWS: readonly Row[] = [
  { name: 'nothing comes of nothing', stepMs: 60_000, points: [], result: [] },
  {
    name: 'a gauge is the mean of its step and a counter its last value',
    stepMs: 60_000,
    points: [point(60_000, 10, 100), point(90_000, 20, 300), point(119_999, 60, 200)],
    result: [point(60_000, 30, 200)],
  },
  {
    name: 'a step begins on the wall clock, and its end belongs to the next one',
    stepMs: 60_000,
    points: [point(59_999, 1, 1), point(60_000, 2, 2), point(120_000, 3, 3)],
    result: [point(0, 1, 1), point(60_000, 2, 2), point(120_000, 3, 3)],
  },
  {
    name: 'a step without a tick is left out',
    stepMs: 60_000,
    points: [point(0, 1, 1), point(600_000, 2, 2)],
    result: [point(0, 1, 1), point(600_000, 2, 2)],
  },
  {
    name: 'null takes no part in a mean, and does not hide the last known value of a counter',
    stepMs: 60_000,
    points: [point(0, 10, 5), point(1_000, null, 6), point(2_000, 20, null)],
    result: [point(0, 15, 6)],
  },
  {
    name: 'a step of nothing but null is null',
    stepMs: 60_000,
    points: [point(0, null, null), point(1_000, null, null)],
    result: [point(0, null, null)],
  },
  {
    name: 'a counter that begins anew tells where it has got to',
    stepMs: 60_000,
    points: [point(0, 0, 900), point(30_000, 0, 10)],
    result: [point(0, 0, 10)],
  },
  {
    name: 'times before the epoch fall into steps as well',
    stepMs: 60_000,
    points: [point(-1, 4, 4)],
    result: [point(-60_000, 4, 4)],
  },
];

for (const { name, stepMs, points, result } of ROWS) {
  test(name, () => assert.deepEqual([...downsample(points, NAMES, stepMs)], result));
}

test('steps are in order, hold every tick once and no mean beyond what was measured', () => {
  const ticks = fc
    .array(fc.tuple(fc.nat({ max: 10_000_000 }), fc.nat({ max: 100 })), { maxLength: 200 })
    .map((pairs) => pairs.sort(([a], [b]) => a - b).map(([at, cpu]) => point(at, cpu, cpu)));
  fc.assert(
    fc.property(ticks, fc.integer({ min: 1, max: 1_000_000 }), (points, stepMs) => {
      const steps = [...downsample(points, NAMES, stepMs)];
      const starts = steps.map((step) => step.recordedAtMs);
      assert.deepEqual(starts, [...new Set(points.map((entry) => Math.floor(entry.recordedAtMs / stepMs) * stepMs))]);
      for (const step of steps) {
        const mean = step.metrics.cpu_percent ?? -1;
        assert(mean >= 0 && mean <= 100);
      }
    }),
  );
});
