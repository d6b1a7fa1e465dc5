/** Turns the ticks of one host over a span from rows into columns, and back. */
import { CONTAINER_METRICS, HOST_METRICS } from '../domain/telemetry.ts';
import type { Sample } from '../telemetry/sample-codec.ts';

/** The number of a host's own metrics among those of its containers. */
export const HOST_SERIES = 0;

export interface Series {
  /** The store's number of a container, or {@link HOST_SERIES}. */
  readonly id: number;
  /** 1 where the tick reported it. */
  readonly present: Uint8Array;
  /** One per metric, in the order of its table, as long as the times; NaN: not measured. */
  readonly columns: readonly Float64Array[];
}

export interface TickBlock {
  /** Of the ticks, ascending. */
  readonly times: readonly number[];
  /** 1 where the tick reported containers, even none. */
  readonly reported: Uint8Array;
  readonly series: ReadonlyMap<number, Series>;
}

export function metricsOf(id: number): readonly string[] {
  return id === HOST_SERIES ? HOST_METRICS : CONTAINER_METRICS;
}

function emptySeries(id: number, count: number): Series {
  const columns = metricsOf(id).map(() => new Float64Array(count).fill(Number.NaN));
  return { id, present: new Uint8Array(count), columns };
}

/** Takes ticks one by one, in time order. */
export class TickBlockBuilder {
  readonly #times: readonly number[];
  readonly #reported: Uint8Array;
  readonly #series = new Map<number, Series>();

  constructor(times: readonly number[]) {
    this.#times = times;
    this.#reported = new Uint8Array(times.length);
  }

  add(index: number, sample: Sample): void {
    this.#put(index, HOST_SERIES, sample.metrics);
    if (sample.containers === null) return;
    this.#reported[index] = 1;
    for (const { id, metrics } of sample.containers) this.#put(index, id, metrics);
  }

  #put(index: number, id: number, metrics: Readonly<Record<string, number | null>>): void {
    let series = this.#series.get(id);
    if (series === undefined) {
      series = emptySeries(id, this.#times.length);
      this.#series.set(id, series);
    }
    series.present[index] = 1;
    const names = metricsOf(id);
    for (let metric = 0; metric < names.length; metric += 1) {
      const column = series.columns[metric];
      if (column !== undefined) column[index] = metrics[names[metric] ?? ''] ?? Number.NaN;
    }
  }

  finish(): TickBlock {
    return { times: this.#times, reported: this.#reported, series: this.#series };
  }
}

function metricsAt<N extends string>(series: Series, names: readonly N[], index: number): Record<N, number | null> {
  const metrics = {} as Record<N, number | null>;
  names.forEach((name, metric) => {
    const value = series.columns[metric]?.[index] ?? Number.NaN;
    metrics[name] = Number.isNaN(value) ? null : value;
  });
  return metrics;
}

/** One tick as it was reported. */
export function sampleAt(block: TickBlock, index: number): Sample {
  const host = block.series.get(HOST_SERIES) ?? emptySeries(HOST_SERIES, block.times.length);
  const metrics = metricsAt(host, HOST_METRICS, index);
  if (block.reported[index] !== 1) return { metrics, containers: null };
  const containers = [];
  for (const series of block.series.values()) {
    if (series.id === HOST_SERIES || series.present[index] !== 1) continue;
    containers.push({ id: series.id, metrics: metricsAt(series, CONTAINER_METRICS, index) });
  }
  return { metrics, containers };
}
