import { invariant } from '../../src/domain/errors.ts';
import { parseInstant } from '../../src/domain/instant.ts';
import type { Runtime, Timer, TimerOptions } from '../../src/domain/runtime.ts';
import { systemRuntime } from '../../src/runtime/system-runtime.ts';

/** A runtime whose clocks stand still until the test moves them; timers, turns and chance are the system's. */
export class SettableRuntime implements Runtime {
  #nowMs = 0;
  #monotonicMs = 0;

  constructor(instant: string) {
    this.set(instant);
    this.#monotonicMs = 0;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** Moves both clocks to `2026-03-01T12:00:00Z`; the monotonic one stays where it is when that is earlier. */
  set(instant: string): void {
    const ms = parseInstant(instant);
    invariant(ms !== undefined, `${instant} is an instant`);
    this.#monotonicMs += Math.max(0, ms - this.#nowMs);
    this.#nowMs = ms;
  }

  advance(seconds: number): void {
    this.#nowMs += seconds * 1000;
    this.#monotonicMs += seconds * 1000;
  }

  /** Somebody sets the wall clock; no time has passed. */
  stepWall(seconds: number): void {
    this.#nowMs += seconds * 1000;
  }

  setTimer(delayMs: number, callback: () => void, options?: TimerOptions): Timer {
    return systemRuntime.setTimer(delayMs, callback, options);
  }

  defer(callback: () => void): void {
    systemRuntime.defer(callback);
  }

  random(): number {
    return systemRuntime.random();
  }

  randomBytes(count: number): Uint8Array {
    return systemRuntime.randomBytes(count);
  }
}
