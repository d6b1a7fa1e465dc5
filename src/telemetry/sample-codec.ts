/**
 * One tick's numbers as one compact row.
 *
 *     row       := version(1 byte = 1) block(host) flags(1 byte) [count(varint) {id(varint) block(container)}…]
 *     block     := presence bitmap(1 byte, bit i = i-th metric of the table) value…(of the present ones, in order)
 *     value     := integer n:            varint(n * 4)            0 ≤ n ≤ 2^50
 *                | hundredths n / 100:   varint(n * 4 + 1)        0 ≤ n ≤ 2^50
 *                | anything else:        byte 2, 8 bytes of IEEE 754, little endian
 *     flags     := 1 when the tick reported containers (even none), 0 when it said nothing of them
 *
 * Lossless: what is decoded is the number that was encoded. A container's `id` is the store's own number for it.
 */
import { NexusError } from '../domain/errors.ts';
import { CONTAINER_METRICS, type ContainerMetrics, HOST_METRICS, type HostMetrics } from '../domain/telemetry.ts';

export interface ContainerSample {
  readonly id: number;
  readonly metrics: ContainerMetrics;
}

export interface Sample {
  readonly metrics: HostMetrics;
  /** Null: the tick said nothing of containers. */
  readonly containers: readonly ContainerSample[] | null;
}

const VERSION = 1;
const INTEGER = 0;
const HUNDREDTHS = 1;
const FLOAT = 2;
const MAX_VARINT_VALUE = 2 ** 50;
const MAX_VALUE_BYTES = 9;
const MAX_BLOCK_BYTES = 1 + 8 * MAX_VALUE_BYTES;

/** Thrown on bytes that no encoder of a known version wrote: a damaged row, or one of a newer Nexus. */
export class SampleDamaged extends NexusError {
  constructor(what: string) {
    super(
      'store_unavailable',
      `a stored sample cannot be read (${what}): the database is damaged or was written by a newer Nexus; ` +
        'start that version again, or stop Nexus, keep nexus.db aside and restore a backup',
    );
  }
}

class SampleWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  byte(value: number): void {
    this.#bytes[this.#length++] = value;
  }

  varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  value(value: number): void {
    if (Number.isInteger(value) && value >= 0 && value <= MAX_VARINT_VALUE && !Object.is(value, -0)) {
      this.varint(value * 4 + INTEGER);
      return;
    }
    const hundredths = Math.round(value * 100);
    if (hundredths >= 0 && hundredths <= MAX_VARINT_VALUE && hundredths / 100 === value && !Object.is(value, -0)) {
      this.varint(hundredths * 4 + HUNDREDTHS);
      return;
    }
    this.byte(FLOAT);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  block(names: readonly string[], metrics: Readonly<Record<string, number | null>>): void {
    const bitmapAt = this.#length++;
    let bitmap = 0;
    for (let index = 0; index < names.length; index += 1) {
      const value = metrics[names[index] ?? ''];
      if (value === null || value === undefined) continue;
      bitmap |= 1 << index;
      this.value(value);
    }
    this.#bytes[bitmapAt] = bitmap;
  }

  /** A block after its length, which one byte holds. */
  measuredBlock(names: readonly string[], metrics: Readonly<Record<string, number | null>>): void {
    const lengthAt = this.#length++;
    this.block(names, metrics);
    this.#bytes[lengthAt] = this.#length - lengthAt - 1;
  }

  /** Byte by byte: a block is too short for anything that has to be set up. */
  copy(from: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end; at += 1) this.#bytes[this.#length++] = from[at] ?? 0;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

class SampleReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  byte(): number {
    const value = this.#bytes[this.#at++];
    if (value === undefined) throw new SampleDamaged('the row ends too early');
    return value;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let length = 0; length < 8; length += 1) {
      const byte = this.byte();
      value += (byte % 128) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    throw new SampleDamaged('a number is too long');
  }

  value(): number {
    if (this.#bytes[this.#at] === FLOAT) {
      const start = this.#at + 1;
      if (start + 8 > this.#bytes.length) throw new SampleDamaged('the row ends too early');
      this.#at = start + 8;
      return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + start, 8).getFloat64(0, true);
    }
    const tagged = this.varint();
    const tag = tagged % 4;
    const value = (tagged - tag) / 4;
    if (tag === INTEGER) return value;
    if (tag === HUNDREDTHS) return value / 100;
    throw new SampleDamaged('a number has an unknown form');
  }

  block<N extends string>(names: readonly N[]): Record<N, number | null> {
    const bitmap = this.byte();
    const metrics = {} as Record<N, number | null>;
    names.forEach((name, index) => {
      metrics[name] = (bitmap & (1 << index)) === 0 ? null : this.value();
    });
    return metrics;
  }

  skipBlock(): void {
    for (let bitmap = this.byte(); bitmap !== 0; bitmap >>>= 1) {
      if ((bitmap & 1) === 1) this.#skipValue();
    }
  }

  /** Beyond the end it goes on: whatever is read next throws then. */
  #skipValue(): void {
    if (this.#bytes[this.#at] === FLOAT) this.#at += 1 + 8;
    else while ((this.#bytes[this.#at++] ?? 0) >= 128);
  }

  header(): void {
    const version = this.byte();
    if (version !== VERSION) throw new SampleDamaged(`the row has version ${version}, this Nexus reads ${VERSION}`);
  }
}

/** The host's numbers of a row that {@link assembleSample} puts together. */
export function packHost(metrics: HostMetrics): Uint8Array {
  const writer = new SampleWriter(MAX_BLOCK_BYTES);
  writer.block(HOST_METRICS, metrics);
  return writer.finish();
}

/** The containers' numbers of a row that {@link assembleSample} puts together, each after its length in one byte. */
export function packContainers(containers: readonly ContainerMetrics[]): Uint8Array {
  const writer = new SampleWriter(containers.length * (1 + MAX_BLOCK_BYTES));
  for (const metrics of containers) writer.measuredBlock(CONTAINER_METRICS, metrics);
  return writer.finish();
}

/** A row out of its parts. `ids`: of the packed containers, in their order; null when the tick said nothing of them. */
export function assembleSample(host: Uint8Array, ids: readonly number[] | null, blocks: Uint8Array): Uint8Array {
  const writer = new SampleWriter(1 + host.length + 1 + 8 + blocks.length + 8 * (ids?.length ?? 0));
  writer.byte(VERSION);
  writer.copy(host, 0, host.length);
  writer.byte(ids === null ? 0 : 1);
  if (ids === null) return writer.finish();
  writer.varint(ids.length);
  let at = 0;
  for (const id of ids) {
    const length = blocks[at] ?? 0;
    writer.varint(id);
    writer.copy(blocks, at + 1, at + 1 + length);
    at += 1 + length;
  }
  return writer.finish();
}

export function encodeSample({ metrics, containers }: Sample): Uint8Array {
  const ids = containers === null ? null : containers.map((container) => container.id);
  return assembleSample(packHost(metrics), ids, packContainers((containers ?? []).map(({ metrics: own }) => own)));
}

/** Throws {@link SampleDamaged}. */
export function decodeSample(bytes: Uint8Array): Sample {
  const reader = new SampleReader(bytes);
  reader.header();
  const metrics = reader.block(HOST_METRICS);
  if (reader.byte() === 0) return { metrics, containers: null };
  const containers: ContainerSample[] = [];
  for (let left = reader.varint(); left > 0; left -= 1) {
    containers.push({ id: reader.varint(), metrics: reader.block(CONTAINER_METRICS) });
  }
  return { metrics, containers };
}

/** The host's numbers alone. Throws {@link SampleDamaged}. */
export function decodeHostMetrics(bytes: Uint8Array): HostMetrics {
  const reader = new SampleReader(bytes);
  reader.header();
  return reader.block(HOST_METRICS);
}

/** One container's numbers alone; undefined when the row does not hold it. Throws {@link SampleDamaged}. */
export function decodeContainerMetrics(bytes: Uint8Array, id: number): ContainerMetrics | undefined {
  const reader = new SampleReader(bytes);
  reader.header();
  reader.skipBlock();
  if (reader.byte() === 0) return undefined;
  for (let left = reader.varint(); left > 0; left -= 1) {
    if (reader.varint() === id) return reader.block(CONTAINER_METRICS);
    reader.skipBlock();
  }
  return undefined;
}
