/** An instant on both of a host's clocks: the wall clock is told to others, the monotonic one measures. */
export interface ClockReading {
  /** Milliseconds since the Unix epoch. */
  readonly wallMs: number;
  /** Milliseconds since the host was started; never steps, and goes on when the agent is restarted. */
  readonly monotonicMs: number;
}

/** Time as a port. */
export interface MonotonicClock {
  now(): ClockReading;
  /** Names the boot that the monotonic clock counts from. */
  readonly bootId: string;
}

/** Milliseconds from `since` to `now`, never negative. */
export function elapsedMs(since: ClockReading, now: ClockReading): number {
  return Math.max(0, now.monotonicMs - since.monotonicMs);
}

/**
 * A moment of an earlier boot on this boot's clock. Between boots only the wall clock connects; what it says is the
 * best there is, and a clock that was set back counts as no time passed.
 */
export function rebaseReading(moment: ClockReading, now: ClockReading): ClockReading {
  const passedMs = Math.max(0, now.wallMs - moment.wallMs);
  return { wallMs: moment.wallMs, monotonicMs: now.monotonicMs - passedMs };
}
