/** A question about history, and its answer. */
import type { Tier } from './history.ts';

/** A step of history: a year is as long as any roll-up makes sense. */
export const STEP_SECONDS = { min: 1, max: 31_536_000 } as const;

/** A history answer never has more points; a longer span takes a larger step. */
export const MAX_HISTORY_POINTS = 11_000;

export interface HistoryRequest {
  readonly fromMs: number;
  readonly toMs: number;
  /** Null: every sample as it was stored. */
  readonly stepMs: number | null;
  /** More points than this are refused with `invalid`. */
  readonly maxPoints: number;
  /** With steps: what lies between the means as well. */
  readonly withSpread?: boolean;
}

export interface HistorySpread<M> {
  /** Of gauges. */
  readonly min: Partial<M>;
  readonly max: Partial<M>;
  /** Of counters, since the point before, resets allowed for; null in the first. */
  readonly increase: Partial<M>;
}

export interface HistoryPoint<M> {
  readonly recordedAtMs: number;
  readonly metrics: M;
  readonly spread?: HistorySpread<M>;
}

export interface History<M> {
  /** The coarsest tier that any point was made from. */
  readonly tier: Tier;
  readonly points: ReadonlyArray<HistoryPoint<M>>;
}
