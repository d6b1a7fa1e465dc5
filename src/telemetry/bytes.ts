/** Writes numbers as bytes and reads them back, for samples, chunks of history and remote-write requests. */

const LOW = 128;
/** Longest varint: 2^56 is beyond every safe integer. */
const MAX_VARINT_BYTES = 8;
const FLOAT64_BYTES = 8;

export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  /** The buffer grows beyond `capacity` when it must; a caller that knows the size saves the copying. */
  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** Begins anew, in the same buffer. */
  clear(): void {
    this.#length = 0;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** Overwrites an earlier byte, for example a length that was not known yet. */
  setByte(at: number, value: number): void {
    this.#bytes[at] = value;
  }

  /** A whole number from 0 to 2^53 - 1: seven bits a byte, the lowest first (LEB128). */
  varint(value: number): void {
    this.#reserve(MAX_VARINT_BYTES);
    let rest = value;
    while (rest >= 0x80000000) {
      this.#bytes[this.#length++] = (rest % LOW) + LOW;
      rest = Math.floor(rest / LOW);
    }
    while (rest >= LOW) {
      this.#bytes[this.#length++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }

  /** A whole number from -2^52 to 2^52: 0, -1, 1, -2, 2… become 0, 1, 2, 3, 4… */
  zigzag(value: number): void {
    this.varint(value >= 0 ? value * 2 : -value * 2 - 1);
  }

  /** IEEE 754, little endian. */
  float64(value: number): void {
    this.#reserve(FLOAT64_BYTES);
    new DataView(this.#bytes.buffer).setFloat64(this.#length, value, true);
    this.#length += FLOAT64_BYTES;
  }

  bytes(values: Uint8Array): void {
    this.#reserve(values.length);
    this.#bytes.set(values, this.#length);
    this.#length += values.length;
  }

  /** Appends a part of `from` byte by byte, which is faster than {@link bytes} for a few dozen of them. */
  copy(from: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    for (let at = start; at < end; at += 1) this.#bytes[this.#length++] = from[at] ?? 0;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #damaged: (what: string) => Error;
  #at = 0;

  /** `damaged` makes the error to throw on bytes that no {@link ByteWriter} wrote. */
  constructor(bytes: Uint8Array, damaged: (what: string) => Error) {
    this.#bytes = bytes;
    this.#damaged = damaged;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** The next byte without reading it; undefined at the end. */
  peek(): number | undefined {
    return this.#bytes[this.#at];
  }

  byte(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw this.#endsEarly();
    this.#at += 1;
    return value;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let length = 0; length < MAX_VARINT_BYTES; length += 1) {
      const byte = this.byte();
      if (byte < LOW) {
        value += byte * scale;
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      value += (byte - LOW) * scale;
      scale *= LOW;
    }
    throw this.#damaged('a number is too long');
  }

  zigzag(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  float64(): number {
    const start = this.#at;
    this.skip(FLOAT64_BYTES);
    if (this.#at > this.#bytes.length) throw this.#endsEarly();
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + start, FLOAT64_BYTES).getFloat64(0, true);
  }

  bytes(count: number): Uint8Array {
    if (count > this.left) throw this.#endsEarly();
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  /** May skip beyond the end: the next read throws then. */
  skip(count: number): void {
    this.#at += count;
  }

  /** As {@link skip}. */
  skipVarint(): void {
    while ((this.#bytes[this.#at++] ?? 0) >= LOW);
  }

  requireEnd(): void {
    if (this.left !== 0) throw this.#damaged('it is longer than it says');
  }

  #endsEarly(): Error {
    return this.#damaged('it ends too early');
  }
}
