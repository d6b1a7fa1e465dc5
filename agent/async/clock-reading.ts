import type { Runtime } from '../../src/domain/runtime.ts';

/** An instant on both of a host's clocks: the wall clock is told to others, the monotonic one measures. */
export interface ClockReading {
  /** Milliseconds since the Unix epoch. */
  readonly wallMs: number;
  /** Whole milliseconds since the host was started; never steps, and goes on when the agent is restarted. */
  readonly monotonicMs: number;
}

/** Both clocks, and the boot that the monotonic one counts from, so that a reading can be kept on disk. */
export interface MonotonicClock {
  now(): ClockReading;
  /** A reading with another boot's id is on another monotonic clock: see {@link rebaseReading}. */
  readonly bootId: string;
}

export function monotonicClock(runtime: Pick<Runtime, 'nowMs' | 'monotonicMs'>, bootId: string): MonotonicClock {
  return {
    now: () => ({ wallMs: runtime.nowMs(), monotonicMs: Math.floor(runtime.monotonicMs()) }),
    bootId,
  };
}

/** Milliseconds from `since` to `now`, never negative. */
export function elapsedMs(since: ClockReading, now: ClockReading): number {
  return Math.max(0, now.monotonicMs - since.monotonicMs);
}

/**
 * A reading of an earlier boot on this boot's clock. Only the wall clock connects two boots; what it says is the best
 * there is, and a clock that was set back counts as no time passed.
 */
export function rebaseReading(reading: ClockReading, now: ClockReading): ClockReading {
  const passedMs = Math.max(0, now.wallMs - reading.wallMs);
  return { wallMs: reading.wallMs, monotonicMs: now.monotonicMs - passedMs };
}
