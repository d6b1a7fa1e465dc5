/**
 * Reads history: decides which tier answers for which stretch of time, and merges rows and late ticks into it.
 *
 * Time is divided into cells of two hours, the span of the finest chunks. Each cell is read from the first tier that has
 * a chunk over it: the coarsest tier that divides the requested steps, then finer ones (not rolled up yet), then coarser
 * ones (no longer kept any finer).
 */
import { NexusError } from '../../domain/errors.ts';
import { TIERS, type Tier } from '../../domain/history.ts';
import type { History, HistoryRequest } from '../../domain/history-query.ts';
import type { HistoryReads } from '../../domain/history-store.ts';
import type { StoredTick } from '../../domain/records.ts';
import { decodeRolled, decodeTicks, finishNow } from '../../history/chunk-codec.ts';
import { type Piece, StepFolder, type StepPoint } from '../../history/history-steps.ts';
import { CELL_MS, shapeOf, startOfSpan, tiersToAsk } from '../../history/tiers.ts';
import type { DamagedChunks } from './damaged-chunks.ts';

export interface SeriesRequest<N extends string> {
  readonly hostId: number;
  /** The number of a container, or 0 for the host itself. */
  readonly seriesId: number;
  readonly names: readonly N[];
  /** Reads the values of the series from a tick; undefined when the tick does not report it. */
  readonly read: (tick: StoredTick) => Record<N, number | null> | undefined;
}

interface Stretch {
  readonly tier: Tier;
  /** Start of the chunk. */
  readonly startMs: number;
  readonly fromMs: number;
  /** Not included. */
  toMs: number;
}

interface LoadedStretch extends Stretch {
  readonly piece: Piece;
}

const keyOf = (tier: Tier, startMs: number): string => `${tier} ${startMs}`;

/** The chunk that each stretch is read from, in time order. Skips the chunks in `damaged`. */
function planStretches(
  history: HistoryReads,
  hostId: number,
  { fromMs, toMs, stepMs }: HistoryRequest,
  damaged: ReadonlySet<string>,
): Stretch[] {
  const cells = new Map<number, { tier: Tier; startMs: number }>();
  for (const tier of tiersToAsk(stepMs)) {
    const { spanMs } = shapeOf(tier);
    for (const { startMs, hasValues } of history.chunks.list(hostId, tier, fromMs, toMs)) {
      if (!hasValues || damaged.has(keyOf(tier, startMs))) continue;
      const lastMs = Math.min(startMs + spanMs - 1, toMs);
      for (let cell = Math.max(startMs, startOfSpan(fromMs, CELL_MS)); cell <= lastMs; cell += CELL_MS) {
        if (!cells.has(cell)) cells.set(cell, { tier, startMs });
      }
    }
  }
  const stretches: Stretch[] = [];
  for (const [cell, { tier, startMs }] of [...cells].sort(([a], [b]) => a - b)) {
    const last = stretches.at(-1);
    if (last?.tier === tier && last.startMs === startMs && last.toMs === cell) last.toMs = cell + CELL_MS;
    else stretches.push({ tier, startMs, fromMs: cell, toMs: cell + CELL_MS });
  }
  return stretches;
}

function loadPiece(history: HistoryReads, hostId: number, seriesId: number, { tier, startMs }: Stretch): Piece | null {
  const chunk = history.chunks.read(hostId, tier, startMs);
  if (chunk === undefined || chunk.values === null) return null;
  const { times, values } = chunk;
  if (tier === 'raw') {
    const series = finishNow(decodeTicks(times, values, seriesId)).series.get(seriesId);
    return series === undefined ? null : { kind: 'ticks', times, series };
  }
  const series = finishNow(decodeRolled(times, values, shapeOf(tier).stepMs, seriesId)).series.get(seriesId);
  return series === undefined ? null : { kind: 'rolled', times, series };
}

/** Loads the stretches. When a chunk is damaged, plans again without it: another tier may cover the same time. */
function loadStretches(
  history: HistoryReads,
  damage: DamagedChunks,
  hostId: number,
  seriesId: number,
  request: HistoryRequest,
): LoadedStretch[] {
  const damaged = new Set<string>();
  for (;;) {
    const before = damaged.size;
    const loaded: LoadedStretch[] = [];
    let known: { readonly key: string; readonly piece: Piece | null } = { key: '', piece: null };
    for (const stretch of planStretches(history, hostId, request, damaged)) {
      const key = keyOf(stretch.tier, stretch.startMs);
      if (known.key !== key) {
        const piece = damage.attempt(hostId, stretch.tier, stretch.startMs, () => {
          return loadPiece(history, hostId, seriesId, stretch);
        });
        if (piece === undefined) damaged.add(key);
        known = { key, piece: piece ?? null };
      }
      if (known.piece !== null) loaded.push({ ...stretch, piece: known.piece });
    }
    if (damaged.size === before) return loaded;
  }
}

/** Collects points. Throws `invalid` beyond the allowed number. */
class PointList<N extends string> {
  readonly points: Array<StepPoint<N>> = [];
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  add(point: StepPoint<N>): void {
    if (this.points.length >= this.#max) {
      throw new NexusError(
        'invalid',
        `that span has more than ${this.#max} points: shorten it with from and to, or use a larger step_seconds`,
      );
    }
    this.points.push(point);
  }
}

/** Throws `invalid` when the request has more points than allowed. */
export function readHistory<N extends string>(
  history: HistoryReads,
  damage: DamagedChunks,
  wanted: SeriesRequest<N>,
  request: HistoryRequest,
): History<Record<N, number | null>> {
  const { hostId, seriesId, names, read } = wanted;
  const { fromMs, toMs, stepMs } = request;
  const list = new PointList<N>(request.maxPoints);
  const folder =
    stepMs === null
      ? null
      : new StepFolder(names, stepMs, request.withSpread === true, (point: StepPoint<N>) => list.add(point));
  let coarsest = 0;
  const stretches = loadStretches(history, damage, hostId, seriesId, request);
  const rows = history.ticks.rows(hostId, fromMs, toMs, stepMs === null ? 'values' : 'rolled')[Symbol.iterator]();
  try {
    let row = rows.next();
    const takeRows = (beforeMs: number): void => {
      for (; row.done !== true && row.value.recordedAtMs < beforeMs; row = rows.next()) {
        const metrics = read(row.value);
        if (metrics === undefined) continue;
        if (folder === null) list.add({ recordedAtMs: row.value.recordedAtMs, metrics });
        else folder.addSample(row.value.recordedAtMs, metrics);
      }
    };
    for (const { tier, piece, ...stretch } of stretches) {
      const shape = shapeOf(tier);
      for (const [index, time] of piece.times.entries()) {
        // A point that begins before the requested span can reach into it.
        if (time < stretch.fromMs || time >= stretch.toMs) continue;
        if (time + Math.max(shape.stepMs - 1, 0) < fromMs || time > toMs) continue;
        if (piece.series.present[index] !== 1) continue;
        takeRows(time);
        coarsest = Math.max(coarsest, TIERS.indexOf(tier));
        if (folder !== null) folder.addPoint(piece, index);
        else list.add({ recordedAtMs: time, metrics: metricsAt(piece, names, index) });
      }
    }
    takeRows(Number.POSITIVE_INFINITY);
    folder?.finish();
  } finally {
    rows.return?.();
  }
  return { tier: TIERS[coarsest] ?? 'raw', points: list.points };
}

function metricsAt<N extends string>(piece: Piece, names: readonly N[], index: number): Record<N, number | null> {
  const metrics = {} as Record<N, number | null>;
  names.forEach((name, metric) => {
    const value = piece.kind === 'ticks' ? (piece.series.columns[metric]?.[index] ?? Number.NaN) : Number.NaN;
    metrics[name] = Number.isNaN(value) ? null : value;
  });
  return metrics;
}
