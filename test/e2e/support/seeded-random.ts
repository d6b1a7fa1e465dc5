/** Numbers that look random and are the same for the same seed, so that a failure can be run again. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to, not including, 1 (the mulberry32 generator). */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(values: readonly T[]): T | undefined {
    return values[this.between(0, values.length - 1)];
  }
}

/** The seed of a run: NEXUS_SEED to repeat one, otherwise a new one. */
export function chooseSeed(): number {
  const given = process.env['NEXUS_SEED'];
  if (given === undefined) return Math.floor(Math.random() * 0xffff_ffff);
  if (!/^\d{1,10}$/.test(given)) throw new Error(`NEXUS_SEED is '${given}': give a whole number`);
  return Number(given);
}
