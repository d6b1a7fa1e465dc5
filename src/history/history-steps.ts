/**
 * Folds points of any tier, in time order, to the steps of a request: the mean of a gauge, the last value of a counter.
 * A step without a point yields none, so a gap stays a gap.
 */
import { type CounterColumns, type GaugeColumns, isCounter, type RolledSeries } from './roll-up.ts';
import type { Series } from './tick-block.ts';

/**
 * What the means hide: the least and greatest value of gauges, and by how much counters rose since the step before, with
 * resets allowed for; null in the first step.
 */
export interface Spread<N extends string> {
  readonly min: Partial<Record<N, number | null>>;
  readonly max: Partial<Record<N, number | null>>;
  readonly increase: Partial<Record<N, number | null>>;
}

export interface StepPoint<N extends string> {
  readonly recordedAtMs: number;
  readonly metrics: Record<N, number | null>;
  readonly spread?: Spread<N>;
}

/** One series of a chunk between two instants, of ticks or of roll-ups. */
export type Piece =
  | { readonly kind: 'ticks'; readonly times: readonly number[]; readonly series: Series }
  | { readonly kind: 'rolled'; readonly times: readonly number[]; readonly series: RolledSeries };

interface Cell {
  count: number;
  sum: number;
  min: number;
  max: number;
  last: number;
  /** NaN: the counter had no value before this step. */
  increase: number;
}

const emptyCell = (): Cell => ({ count: 0, sum: 0, min: 0, max: 0, last: 0, increase: 0 });

function empty(cell: Cell): void {
  cell.count = 0;
  cell.sum = 0;
  cell.increase = 0;
}

export class StepFolder<N extends string> {
  readonly #names: readonly N[];
  readonly #stepMs: number;
  readonly #withSpread: boolean;
  readonly #emit: (point: StepPoint<N>) => void;
  readonly #cells: readonly Cell[];
  /** Which of the names are counters. */
  readonly #counters: readonly boolean[];
  /** The last value of each counter so far; NaN before the first. */
  readonly #before: Float64Array;
  #startMs: number | null = null;

  constructor(names: readonly N[], stepMs: number, withSpread: boolean, emit: (point: StepPoint<N>) => void) {
    this.#names = names;
    this.#stepMs = stepMs;
    this.#withSpread = withSpread;
    this.#emit = emit;
    this.#cells = names.map(emptyCell);
    this.#counters = names.map(isCounter);
    this.#before = new Float64Array(names.length).fill(Number.NaN);
  }

  #open(atMs: number): void {
    const startMs = Math.floor(atMs / this.#stepMs) * this.#stepMs;
    if (this.#startMs === startMs) return;
    this.finish();
    this.#startMs = startMs;
  }

  /** One sample. */
  addSample(atMs: number, metrics: Readonly<Record<N, number | null>>): void {
    this.#open(atMs);
    this.#names.forEach((name, metric) => {
      const value = metrics[name];
      if (value !== null) this.#addValue(metric, value);
    });
  }

  #addValue(metric: number, value: number): void {
    if (this.#counters[metric] === true) this.#addCounter(metric, value, 0);
    else this.#addGauge(metric, 1, value, value, value);
  }

  #addGauge(metric: number, count: number, min: number, max: number, sum: number): void {
    const cell = this.#cells[metric];
    if (cell === undefined) return;
    cell.min = cell.count === 0 ? min : Math.min(cell.min, min);
    cell.max = cell.count === 0 ? max : Math.max(cell.max, max);
    cell.sum += sum;
    cell.count += count;
  }

  #addCounter(metric: number, last: number, lost: number): void {
    const cell = this.#cells[metric];
    if (cell === undefined) return;
    const before = this.#before[metric] ?? Number.NaN;
    const end = last + lost;
    cell.increase += end < before ? end : end - before;
    cell.last = last;
    cell.count += 1;
    this.#before[metric] = last;
  }

  /** Adds the point at `index` of a piece, if the series was reported then. */
  addPoint(piece: Piece, index: number): void {
    if (piece.series.present[index] !== 1) return;
    this.#open(piece.times[index] ?? 0);
    if (piece.kind === 'ticks') {
      for (let metric = 0; metric < this.#names.length; metric += 1) {
        const value = piece.series.columns[metric]?.[index] ?? Number.NaN;
        if (!Number.isNaN(value)) this.#addValue(metric, value);
      }
      return;
    }
    piece.series.columns.forEach((columns, metric) => {
      if (columns.kind === 'gauge') this.#addRolledGauge(metric, columns, index);
      else this.#addRolledCounter(metric, columns, index);
    });
  }

  #addRolledGauge(metric: number, columns: GaugeColumns, index: number): void {
    const count = columns.count[index] ?? 0;
    if (count === 0) return;
    this.#addGauge(metric, count, columns.min[index] ?? 0, columns.max[index] ?? 0, columns.sum[index] ?? 0);
  }

  #addRolledCounter(metric: number, columns: CounterColumns, index: number): void {
    const last = columns.last[index] ?? Number.NaN;
    if (!Number.isNaN(last)) this.#addCounter(metric, last, columns.lost[index] ?? 0);
  }

  /** Ends the current step and returns it. */
  finish(): void {
    if (this.#startMs === null) return;
    const recordedAtMs = this.#startMs;
    this.#startMs = null;
    const metrics = {} as Record<N, number | null>;
    for (let metric = 0; metric < this.#names.length; metric += 1) {
      const cell = this.#cells[metric];
      if (cell === undefined) continue;
      const value = this.#counters[metric] === true ? cell.last : cell.sum / cell.count;
      metrics[this.#names[metric] as N] = cell.count > 0 ? value : null;
    }
    this.#emit(this.#withSpread ? { recordedAtMs, metrics, spread: this.#spread() } : { recordedAtMs, metrics });
    for (const cell of this.#cells) empty(cell);
  }

  #spread(): Spread<N> {
    const spread: Spread<N> = { min: {}, max: {}, increase: {} };
    this.#names.forEach((name, metric) => {
      const cell = this.#cells[metric] ?? emptyCell();
      const has = cell.count > 0;
      if (this.#counters[metric] === true) {
        spread.increase[name] = has && !Number.isNaN(cell.increase) ? cell.increase : null;
      } else {
        spread.min[name] = has ? cell.min : null;
        spread.max[name] = has ? cell.max : null;
      }
    });
    return spread;
  }
}
