/**
 * Time, waiting and chance as one port. The edge hands it in; what is decided receives readings and random values as
 * data. Nothing else in `src` and `agent` asks the system for them, so that a simulator can stand in for all of it.
 */
import type { Clock } from './clock.ts';

/** Something that is still to be called back. */
export interface Timer {
  /** Harmless when it has been called back, or cancelled, already. */
  cancel(): void;
}

export interface TimerOptions {
  /** Whether the process stays alive for it; default true. */
  readonly keepsAlive?: boolean;
}

export interface Runtime extends Clock {
  /** Milliseconds since the Unix epoch by the wall clock, which people and time servers set: data, never a duration. */
  nowMs(): number;
  /** Milliseconds since some fixed moment, with fractions; never steps. The only clock that durations are measured on. */
  monotonicMs(): number;
  /** Calls back once, `delayMs` from now or a little later. */
  setTimer(delayMs: number, callback: () => void, options?: TimerOptions): Timer;
  /** Calls back once what is ready to be read in this turn has been read: Node's `setImmediate`. */
  defer(callback: () => void): void;
  /** Uniformly from 0 up to, and without, 1; for spreading load, never for secrets. */
  random(): number;
  /** Unpredictable bytes, for secrets and ids. */
  randomBytes(count: number): Uint8Array;
}
