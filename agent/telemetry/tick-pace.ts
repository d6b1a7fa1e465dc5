import type { Runtime } from '../../src/domain/runtime.ts';
import { SOAK_INTERVAL_MS } from '../../src/domain/telemetry.ts';
import { WakeUp } from '../async/wake-up.ts';
import { tickOffsetMs, untilNextTickMs } from './plan-ticks.ts';

/** A timer may fire this much before the clock agrees. */
const EARLY_TIMER_MS = 20;

/**
 * When this host ticks: at its own place in the interval. While a stack is in its soak that is judged by its samples, so
 * the host ticks at once when the soak begins, and at short intervals until it ends.
 */
export class TickPace {
  readonly #runtime: Runtime;
  readonly #intervalMs: number;
  readonly #offsetMs: number;
  readonly #wakeUp: WakeUp;
  readonly #soaking = new Set<string>();

  /** `identity`: what gives this host its place in the interval. */
  constructor(runtime: Runtime, intervalMs: number, identity: string) {
    this.#runtime = runtime;
    this.#intervalMs = intervalMs;
    this.#offsetMs = tickOffsetMs(identity, intervalMs);
    this.#wakeUp = new WakeUp(runtime);
  }

  /** May be told the same any number of times. */
  noteSoak(stack: string, isSoaking: boolean): void {
    if (!isSoaking) this.#soaking.delete(stack);
    if (!isSoaking || this.#soaking.has(stack)) return;
    this.#soaking.add(stack);
    this.#wakeUp.notify();
  }

  /** Resolves when the next tick is due, or when `signal` aborts. */
  async untilNext(signal: AbortSignal): Promise<void> {
    const intervalMs = this.#soaking.size > 0 ? Math.min(SOAK_INTERVAL_MS, this.#intervalMs) : this.#intervalMs;
    const waitMs = untilNextTickMs(this.#runtime.nowMs(), intervalMs, this.#offsetMs, EARLY_TIMER_MS);
    await this.#wakeUp.wait(waitMs, signal);
  }
}
