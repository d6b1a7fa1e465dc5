import type { EncodedTick } from './outbox/outbox-tick.ts';
import type { TickClock } from './tick-clock.ts';

/** Measures this host and its containers, as a port. */
export interface TickSource {
  /** Keeps in step with the engine until `signal` aborts, whether ticks are taken or not. */
  run(signal: AbortSignal): Promise<void>;
  /** Takes the first readings, which the first tick's CPU figures are measured from. Ends within five seconds. */
  prime(): Promise<void>;
  /**
   * Takes one tick, with its time from `clock`. Ends within about five seconds even when the engine hangs, with what is
   * known by then.
   */
  collect(clock: TickClock): Promise<EncodedTick>;
}
