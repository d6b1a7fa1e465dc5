import type { StoredTick } from '../../domain/records.ts';

/** Spare room in the buffer, so that a slightly longer sample fits without a new one. */
const SPARE_BYTES = 64;

/**
 * The latest tick of a host, overwritten in place by the next one: thousands of hosts replace theirs every few seconds,
 * and old objects would pile up until the next full garbage collection. Copy it to keep it.
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

  /** A view of the buffer: the next tick overwrites it. */
  get sample(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}
