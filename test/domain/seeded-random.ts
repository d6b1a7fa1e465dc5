/** The one random source of tests and benchmarks: equal seeds give equal sequences, so that a failure can be repeated. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed, 0x9e3779b1);
    for (let round = 0; round < 4; round += 1) this.next();
  }

  /** 0 ≤ x < 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 4_294_967_296;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** A whole number from 0 up to, not including, `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  /** Throws when there is nothing to pick from. */
  pick<T>(from: readonly T[]): T {
    const item = from[this.below(from.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  /** A part of a list, in its order, of about that share; never empty. */
  sample<T>(from: readonly T[], share: number): T[] {
    const some = from.filter(() => this.chance(share));
    return some.length > 0 ? some : [this.pick(from)];
  }
}

/** The seed of a test run: NEXUS_SEED repeats a run, otherwise every run has a new one. */
export function chooseSeed(): number {
  const given = process.env['NEXUS_SEED'];
  if (given === undefined) return Math.floor(Math.random() * 0xffff_ffff);
  if (!/^\d{1,10}$/.test(given)) throw new Error(`NEXUS_SEED is '${given}': give a whole number`);
  return Number(given);
}
