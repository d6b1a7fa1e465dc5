import type { StoredTick } from '../../domain/records.ts';

/** Room beyond a sample's length: the next one, with numbers a little longer, fits as well. */
const SPARE_BYTES = 64;

/**
 * The latest tick of a host, written over by the next one: thousands of hosts replace theirs every few seconds, and
 * objects of that age would pile up until the next full garbage collection. Whoever wants to keep it copies it.
 */
export class LatestTick {
  recordedAtMs = 0;
  receivedAtMs = 0;
  tokenNumber = 0;
  #bytes = new Uint8Array(0);
  #length = 0;

  take({ recordedAtMs, receivedAtMs, tokenNumber, sample }: StoredTick): this {
    this.recordedAtMs = recordedAtMs;
    this.receivedAtMs = receivedAtMs;
    this.tokenNumber = tokenNumber;
    if (this.#bytes.length < sample.length) this.#bytes = new Uint8Array(sample.length + SPARE_BYTES);
    this.#bytes.set(sample);
    this.#length = sample.length;
    return this;
  }

  /** As it is now; written over by the next tick. */
  get sample(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}
