import type { Runtime, Timer } from '../../src/domain/runtime.ts';
import { SeededRandom } from './seeded-random.ts';

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A runtime whose time passes only by `advance`. Timers fire in the order in which they are due; what was deferred runs
 * before the next timer. Wall clock and monotonic clock move together until the wall clock is set.
 */
export class HandDrivenRuntime implements Runtime {
  readonly #random: SeededRandom;
  #due: Due[] = [];
  #deferred: (() => void)[] = [];
  #monotonicMs = 0;
  #wallOffsetMs: number;
  #order = 0;

  constructor(start = '2026-03-01T12:00:00Z', seed = 1) {
    this.#wallOffsetMs = Date.parse(start);
    this.#random = new SeededRandom(seed);
  }

  nowMs(): number {
    return this.#wallOffsetMs + this.#monotonicMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** Steps the wall clock, as an operator or a time server would. */
  setWall(instant: string | number): void {
    this.#wallOffsetMs = (typeof instant === 'number' ? instant : Date.parse(instant)) - this.#monotonicMs;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const entry = { atMs: this.#monotonicMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#due.push(entry);
    return {
      cancel: () => {
        this.#due = this.#due.filter((other) => other !== entry);
      },
    };
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  random(): number {
    return this.#random.next();
  }

  randomBytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => Math.floor(this.#random.next() * 256));
  }

  /** Lets `durationMs` pass, and everything happen that falls due meanwhile. */
  async advance(durationMs: number): Promise<void> {
    const untilMs = this.#monotonicMs + durationMs;
    for (;;) {
      await this.settle();
      const next = this.#due
        .filter(({ atMs }) => atMs <= untilMs)
        .sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if (next === undefined) break;
      this.#due = this.#due.filter((other) => other !== next);
      this.#monotonicMs = Math.max(this.#monotonicMs, next.atMs);
      next.callback();
    }
    this.#monotonicMs = untilMs;
    await this.settle();
  }

  /** Runs what was deferred, and the promises that follow from it. */
  async settle(): Promise<void> {
    for (;;) {
      // A turn of the real loop empties every queue of promises.
      await new Promise((resolve) => setImmediate(resolve));
      const callback = this.#deferred.shift();
      if (callback === undefined) return;
      callback();
    }
  }
}
