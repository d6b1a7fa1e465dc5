/**
 * Rolls points up to one for each step: a gauge becomes count, least, greatest and sum; a counter becomes its last value
 * and what its resets hide. Rolling up roll-ups gives the same as rolling up the samples.
 *
 * `lost` makes a counter's increase exact: from the last value of the point before to the last value of this one it is
 * `last - lastBefore + lost`. Without a reset `lost` is 0; a reset adds the value that the counter had before it.
 */
import { COUNTER_METRICS } from '../domain/telemetry.ts';
import { metricsOf, type Series, type TickBlock } from './tick-block.ts';

export interface GaugeColumns {
  readonly kind: 'gauge';
  /** Samples; 0 where none was measured, and the others are NaN there. */
  readonly count: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
  readonly sum: Float64Array;
}

export interface CounterColumns {
  readonly kind: 'counter';
  /** NaN where it was not measured, as `lost`. */
  readonly last: Float64Array;
  readonly lost: Float64Array;
}

export type RolledColumns = GaugeColumns | CounterColumns;

export interface RolledSeries {
  readonly id: number;
  /** 1 where any tick of the step reported it. */
  readonly present: Uint8Array;
  /** One per metric, in the order of its table. */
  readonly columns: readonly RolledColumns[];
}

export interface RolledBlock {
  readonly stepMs: number;
  /** Starts of the steps that hold anything, ascending. */
  readonly times: readonly number[];
  readonly series: ReadonlyMap<number, RolledSeries>;
}

const filled = (count: number, value: number): Float64Array => new Float64Array(count).fill(value);

export function isCounter(name: string): boolean {
  return COUNTER_METRICS.has(name);
}

function emptyColumns(name: string, count: number): RolledColumns {
  if (isCounter(name)) return { kind: 'counter', last: filled(count, Number.NaN), lost: filled(count, Number.NaN) };
  const [min, max, sum] = [filled(count, Number.NaN), filled(count, Number.NaN), filled(count, Number.NaN)];
  return { kind: 'gauge', count: filled(count, 0), min, max, sum };
}

/** Rounds a sum of hundredths to hundredths, so that it can be stored as a whole number of them. */
function tidySum(sum: number): number {
  const tidy = Math.round(sum * 100) / 100;
  return Math.abs(tidy - sum) <= 1e-9 * Math.max(1, Math.abs(sum)) ? tidy : sum;
}

function addToGauge(into: GaugeColumns, at: number, count: number, min: number, max: number, sum: number): void {
  const known = into.count[at] ?? 0;
  into.count[at] = known + count;
  into.min[at] = known === 0 ? min : Math.min(into.min[at] ?? min, min);
  into.max[at] = known === 0 ? max : Math.max(into.max[at] ?? max, max);
  into.sum[at] = known === 0 ? sum : (into.sum[at] ?? 0) + sum;
}

/** `before`: the counter's value at the end of the step before, NaN when there is none. Returns the new one. */
function addToCounter(into: CounterColumns, at: number, before: number, last: number, lost: number): number {
  const resetBetween = last + lost < before ? before : 0;
  const known = into.lost[at] ?? Number.NaN;
  into.lost[at] = (Number.isNaN(known) ? 0 : known) + lost + resetBetween;
  into.last[at] = last;
  return last;
}

/** Folds blocks of one host, given in time order, into one with `times` as its steps. */
export class RollUpBuilder {
  readonly #stepMs: number;
  readonly #times: readonly number[];
  readonly #positions: ReadonlyMap<number, number>;
  readonly #series = new Map<number, RolledSeries>();
  /** Per series, the last value of each counter. */
  readonly #before = new Map<number, Float64Array>();

  /** `times`: the instants of all points that will be added, in any finer step. */
  constructor(stepMs: number, times: Iterable<number>) {
    const starts = new Set<number>();
    for (const time of times) starts.add(this.#startOf(time, stepMs));
    this.#stepMs = stepMs;
    this.#times = [...starts].sort((a, b) => a - b);
    this.#positions = new Map(this.#times.map((time, index) => [time, index]));
  }

  #startOf(time: number, stepMs: number): number {
    return Math.floor(time / stepMs) * stepMs;
  }

  /** The index of the step that each of `times` falls into. */
  #placesOf(times: readonly number[]): Int32Array {
    return Int32Array.from(times, (time) => this.#positions.get(this.#startOf(time, this.#stepMs)) ?? 0);
  }

  #seriesOf(id: number): { series: RolledSeries; before: Float64Array } {
    let series = this.#series.get(id);
    let before = this.#before.get(id);
    if (series === undefined || before === undefined) {
      const count = this.#times.length;
      const names = metricsOf(id);
      series = { id, present: new Uint8Array(count), columns: names.map((name) => emptyColumns(name, count)) };
      before = filled(names.length, Number.NaN);
      this.#series.set(id, series);
      this.#before.set(id, before);
    }
    return { series, before };
  }

  /** Yields after every series, so that a large host can be handled in pieces. */
  *addTicks(block: TickBlock): Generator<void> {
    const places = this.#placesOf(block.times);
    for (const source of block.series.values()) {
      this.#addSeries(source, places);
      yield;
    }
  }

  #addSeries(source: Series, places: Int32Array): void {
    const { series, before } = this.#seriesOf(source.id);
    markPresent(series.present, source.present, places);
    series.columns.forEach((into, metric) => {
      const values = source.columns[metric];
      if (values === undefined) return;
      let last = before[metric] ?? Number.NaN;
      for (let index = 0; index < values.length; index += 1) {
        const value = values[index] ?? Number.NaN;
        if (Number.isNaN(value)) continue;
        const at = places[index] ?? 0;
        if (into.kind === 'gauge') addToGauge(into, at, 1, value, value, value);
        else last = addToCounter(into, at, last, value, 0);
      }
      before[metric] = last;
    });
  }

  /** As {@link addTicks}, for points that are roll-ups themselves. */
  *addRolled(block: RolledBlock): Generator<void> {
    const places = this.#placesOf(block.times);
    for (const source of block.series.values()) {
      this.#addRolledSeries(source, places);
      yield;
    }
  }

  #addRolledSeries(source: RolledSeries, places: Int32Array): void {
    const { series, before } = this.#seriesOf(source.id);
    markPresent(series.present, source.present, places);
    series.columns.forEach((into, metric) => {
      const from = source.columns[metric];
      if (from === undefined) return;
      if (into.kind === 'gauge' && from.kind === 'gauge') {
        from.count.forEach((count, index) => {
          if (count === 0) return;
          const [min = 0, max = 0, sum = 0] = [from.min[index], from.max[index], from.sum[index]];
          addToGauge(into, places[index] ?? 0, count, min, max, sum);
        });
      }
      if (into.kind === 'counter' && from.kind === 'counter') {
        from.last.forEach((last, index) => {
          if (Number.isNaN(last)) return;
          before[metric] = addToCounter(
            into,
            places[index] ?? 0,
            before[metric] ?? Number.NaN,
            last,
            from.lost[index] ?? 0,
          );
        });
      }
    });
  }

  finish(): RolledBlock {
    for (const series of this.#series.values()) {
      for (const columns of series.columns) {
        if (columns.kind !== 'gauge') continue;
        columns.sum.forEach((sum, index) => {
          if (!Number.isNaN(sum)) columns.sum[index] = tidySum(sum);
        });
      }
    }
    return { stepMs: this.#stepMs, times: this.#times, series: this.#series };
  }
}

function markPresent(into: Uint8Array, from: Uint8Array, places: Int32Array): void {
  for (let index = 0; index < from.length; index += 1) if (from[index] === 1) into[places[index] ?? 0] = 1;
}

/**
 * Merges two roll-ups of the same step whose samples are interleaved: late ticks came whose neighbours are gone. Gauges
 * stay exact. Which value of a counter came last is no longer known: the greater one is taken, as counters rise.
 */
export function mergeRolled(a: RolledBlock, b: RolledBlock): RolledBlock {
  const times = [...new Set([...a.times, ...b.times])].sort((one, other) => one - other);
  const positions = new Map(times.map((time, index) => [time, index]));
  const merged = new Map<number, RolledSeries>();
  for (const id of new Set([...a.series.keys(), ...b.series.keys()])) {
    const columns = metricsOf(id).map((name) => emptyColumns(name, times.length));
    const present = new Uint8Array(times.length);
    for (const block of [a, b]) {
      const source = block.series.get(id);
      if (source === undefined) continue;
      const places = Int32Array.from(block.times, (time) => positions.get(time) ?? 0);
      markPresent(present, source.present, places);
      for (const [metric, into] of columns.entries()) mergeColumns(into, source.columns[metric], places);
    }
    merged.set(id, { id, present, columns });
  }
  return { stepMs: a.stepMs, times, series: merged };
}

function mergeColumns(into: RolledColumns, from: RolledColumns | undefined, places: Int32Array): void {
  if (into.kind === 'gauge' && from?.kind === 'gauge') {
    from.count.forEach((count, index) => {
      const [min = 0, max = 0, sum = 0] = [from.min[index], from.max[index], from.sum[index]];
      if (count > 0) addToGauge(into, places[index] ?? 0, count, min, max, sum);
    });
  }
  if (into.kind === 'counter' && from?.kind === 'counter') {
    from.last.forEach((last, index) => {
      if (Number.isNaN(last)) return;
      const at = places[index] ?? 0;
      const [knownLast = Number.NaN, knownLost = Number.NaN] = [into.last[at], into.lost[at]];
      const lost = from.lost[index] ?? 0;
      into.last[at] = Number.isNaN(knownLast) ? last : Math.max(knownLast, last);
      into.lost[at] = Number.isNaN(knownLost) ? lost : Math.max(knownLost, lost);
    });
  }
}
