import type { Runtime } from '../domain/runtime.ts';

/** Less is what a time server corrects, or a busy machine between two readings. */
const MIN_STEP_MS = 1_000;

/**
 * Notices that somebody set the wall clock or that the machine slept: then it has moved otherwise than the monotonic one.
 * Times are kept by the wall clock, because they are for people and outlive a restart; so what is measured between two of
 * them has to be mended after a step.
 */
export class ClockSteps {
  readonly #runtime: Runtime;
  /** How far the wall clock is ahead of the monotonic one. */
  #aheadMs: number;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#aheadMs = runtime.nowMs() - runtime.monotonicMs();
  }

  /** By how many milliseconds the wall clock was set since the last call that noticed a step; 0: by next to nothing. */
  take(): number {
    const aheadMs = this.#runtime.nowMs() - this.#runtime.monotonicMs();
    const byMs = Math.round(aheadMs - this.#aheadMs);
    if (Math.abs(byMs) < MIN_STEP_MS) return 0;
    this.#aheadMs = aheadMs;
    return byMs;
  }
}
