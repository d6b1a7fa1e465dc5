import type { Clock } from '../../src/domain/clock.ts';
import { invariant } from '../../src/domain/errors.ts';
import { parseInstant } from '../../src/domain/instant.ts';

/** A clock that stands still until it is told otherwise. */
export class SettableClock implements Clock {
  #nowMs = 0;

  constructor(text: string) {
    this.set(text);
  }

  nowMs(): number {
    return this.#nowMs;
  }

  /** `2026-03-01T12:00:00Z` */
  set(text: string): void {
    const ms = parseInstant(text);
    invariant(ms !== undefined, `${text} is an instant`);
    this.#nowMs = ms;
  }

  advance(seconds: number): void {
    this.#nowMs += seconds * 1000;
  }
}
