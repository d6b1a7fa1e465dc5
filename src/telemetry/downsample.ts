import { COUNTER_METRICS } from '../domain/telemetry.ts';

export interface Point<N extends string> {
  readonly recordedAtMs: number;
  readonly metrics: Record<N, number | null>;
}

/**
 * One point per `stepMs` that holds any sample, at the start of its step on the wall clock: the mean of a gauge, the
 * last value of a counter. A step without a sample yields no point, so a gap stays a gap. `points` are in time order.
 */
export function* downsample<N extends string>(
  points: Iterable<Point<N>>,
  names: readonly N[],
  stepMs: number,
): Generator<Point<N>> {
  let step: StepSums<N> | undefined;
  for (const point of points) {
    const startMs = Math.floor(point.recordedAtMs / stepMs) * stepMs;
    if (step !== undefined && step.startMs !== startMs) {
      yield step.point();
      step = undefined;
    }
    step ??= new StepSums(startMs, names);
    step.add(point.metrics);
  }
  if (step !== undefined) yield step.point();
}

class StepSums<N extends string> {
  readonly startMs: number;
  readonly #names: readonly N[];
  readonly #sums = new Map<N, { sum: number; count: number; last: number }>();

  constructor(startMs: number, names: readonly N[]) {
    this.startMs = startMs;
    this.#names = names;
  }

  add(metrics: Record<N, number | null>): void {
    for (const name of this.#names) {
      const value = metrics[name];
      if (value === null) continue;
      const sums = this.#sums.get(name) ?? { sum: 0, count: 0, last: 0 };
      sums.sum += value;
      sums.count += 1;
      sums.last = value;
      this.#sums.set(name, sums);
    }
  }

  point(): Point<N> {
    const metrics = {} as Record<N, number | null>;
    for (const name of this.#names) {
      const sums = this.#sums.get(name);
      if (sums === undefined) metrics[name] = null;
      else metrics[name] = COUNTER_METRICS.has(name) ? sums.last : sums.sum / sums.count;
    }
    return { recordedAtMs: this.startMs, metrics };
  }
}
