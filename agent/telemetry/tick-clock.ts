import type { Runtime } from '../../src/domain/runtime.ts';

/** More than an hour of ticks one second apart: the server refuses what is recorded longer ago, other than in batches. */
const MAX_TIMES = 4_096;

/**
 * The wall clock, for the times of ticks: no two ticks of one agent have the same time, in milliseconds, even where the
 * clock is set back. The server knows a tick by its time and drops another one of that time as sent twice. Ticks keep
 * their place in the interval, so after a clock was set back many would meet one of those before it to the millisecond.
 */
export class TickClock {
  readonly #runtime: Runtime;
  /** In the order in which they were taken; the oldest are dropped. */
  readonly #times: number[] = [];
  #newestMs = Number.NEGATIVE_INFINITY;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** What the wall clock shows, or the first millisecond after that which no tick has yet. */
  takeMs(): number {
    let timeMs = this.#runtime.nowMs();
    if (timeMs <= this.#newestMs) {
      while (this.#times.includes(timeMs)) timeMs += 1;
    }
    this.#times.push(timeMs);
    if (this.#times.length > MAX_TIMES) this.#times.shift();
    this.#newestMs = Math.max(this.#newestMs, timeMs);
    return timeMs;
  }
}
