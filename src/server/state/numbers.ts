import type { LastNumbers, Numbered } from '../../domain/store.ts';

/** Gives out the numbers of hosts, tokens, log entries and so on. A number is never given out twice. */
export class Numbers {
  readonly #last: Record<Numbered, number>;

  constructor(last: LastNumbers) {
    this.#last = { ...last };
  }

  /** The last one that was given out; 0 before the first. */
  last(of: Numbered): number {
    return this.#last[of];
  }

  next(of: Numbered): number {
    this.#last[of] += 1;
    return this.#last[of];
  }
}
