/** The numbers of a chunk as bytes. Every failure to read is one error. */
import { NexusError } from '../domain/errors.ts';

/** Thrown on bytes that no encoder of a known version wrote: a damaged chunk, or one of a newer Nexus. */
export class ChunkDamaged extends NexusError {
  constructor(what: string) {
    super('store_unavailable', `a stored chunk of history cannot be read (${what})`);
  }
}

const LOW = 128;
/** Longest varint: 2^56 is beyond every safe integer. */
const MAX_VARINT_BYTES = 8;

export class ByteWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
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

  bytes(values: Uint8Array): void {
    this.#reserve(values.length);
    this.#bytes.set(values, this.#length);
    this.#length += values.length;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw new ChunkDamaged('it ends too early');
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
    throw new ChunkDamaged('a number is too long');
  }

  zigzag(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  bytes(count: number): Uint8Array {
    if (count > this.left) throw new ChunkDamaged('it ends too early');
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  requireEnd(): void {
    if (this.left !== 0) throw new ChunkDamaged('it is longer than it says');
  }
}
