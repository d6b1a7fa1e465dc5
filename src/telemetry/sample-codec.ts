/**
 * Encodes the numbers of one tick as one compact row.
 *
 *     row       := version(1 byte = 1) block(host) flags(1 byte) [count(varint) {id(varint) block(container)}…]
 *     block     := presence bitmap(1 byte, bit i = i-th metric of the table) value…(of the present ones, in order)
 *     value     := integer n:            varint(n * 4)            0 ≤ n ≤ 2^50
 *                | hundredths n / 100:   varint(n * 4 + 1)        0 ≤ n ≤ 2^50
 *                | anything else:        byte 2, 8 bytes of IEEE 754, little endian
 *     flags     := 1 when the tick reported containers (even none), 0 when it did not mention them
 *
 * Lossless: what is decoded is the number that was encoded. A container's `id` is the store's own number for it.
 */
import { NexusError } from '../domain/errors.ts';
import { CONTAINER_METRICS, type ContainerMetrics, HOST_METRICS, type HostMetrics } from '../domain/telemetry.ts';
import { ByteReader, ByteWriter } from './bytes.ts';

export interface ContainerSample {
  readonly id: number;
  readonly metrics: ContainerMetrics;
}

export interface Sample {
  readonly metrics: HostMetrics;
  /** Null: the tick did not mention containers. */
  readonly containers: readonly ContainerSample[] | null;
}

const VERSION = 1;
const INTEGER = 0;
const HUNDREDTHS = 1;
const FLOAT = 2;
const MAX_VARINT_VALUE = 2 ** 50;
const MAX_VALUE_BYTES = 9;
export const MAX_BLOCK_BYTES = 1 + 8 * MAX_VALUE_BYTES;

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

function sampleDamaged(what: string): SampleDamaged {
  return new SampleDamaged(what);
}

type Metrics = Readonly<Record<string, number | null>>;

function writeValue(writer: ByteWriter, value: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= MAX_VARINT_VALUE && !Object.is(value, -0)) {
    writer.varint(value * 4 + INTEGER);
    return;
  }
  const hundredths = Math.round(value * 100);
  if (hundredths >= 0 && hundredths <= MAX_VARINT_VALUE && hundredths / 100 === value && !Object.is(value, -0)) {
    writer.varint(hundredths * 4 + HUNDREDTHS);
    return;
  }
  writer.byte(FLOAT);
  writer.float64(value);
}

/** The values of one block on their way into it. */
const VALUES = new Float64Array(8);

/** Lays the values of a block out; returns which of them there are, bit i for the i-th. */
function layOut(names: readonly string[], metrics: Metrics): number {
  let present = 0;
  for (let index = 0; index < names.length; index += 1) {
    const value = metrics[names[index] ?? ''];
    if (value === null || value === undefined) continue;
    VALUES[index] = value;
    present |= 1 << index;
  }
  return present;
}

/** Writes a block of those `values` whose bit in `present` is set: bit i for the i-th in the order of their table. */
export function writeBlock(writer: ByteWriter, values: Float64Array, present: number): void {
  writer.byte(present);
  for (let index = 0; index < values.length; index += 1) {
    if ((present & (1 << index)) !== 0) writeValue(writer, values[index] ?? 0);
  }
}

/** As {@link writeBlock}, after the length of the block in one byte. */
export function writeMeasuredBlock(writer: ByteWriter, values: Float64Array, present: number): void {
  const lengthAt = writer.length;
  writer.byte(0);
  writeBlock(writer, values, present);
  writer.setByte(lengthAt, writer.length - lengthAt - 1);
}

function readValue(reader: ByteReader): number {
  if (reader.peek() === FLOAT) {
    reader.skip(1);
    return reader.float64();
  }
  const tagged = reader.varint();
  const tag = tagged % 4;
  const value = (tagged - tag) / 4;
  if (tag === INTEGER) return value;
  if (tag === HUNDREDTHS) return value / 100;
  throw new SampleDamaged('a number has an unknown form');
}

function readBlock<N extends string>(reader: ByteReader, names: readonly N[]): Record<N, number | null> {
  const bitmap = reader.byte();
  const metrics = {} as Record<N, number | null>;
  names.forEach((name, index) => {
    metrics[name] = (bitmap & (1 << index)) === 0 ? null : readValue(reader);
  });
  return metrics;
}

function skipBlock(reader: ByteReader): void {
  for (let bitmap = reader.byte(); bitmap !== 0; bitmap >>>= 1) {
    if ((bitmap & 1) === 0) continue;
    if (reader.peek() === FLOAT) reader.skip(1 + 8);
    else reader.skipVarint();
  }
}

/** A reader past the version byte. */
function openSample(bytes: Uint8Array): ByteReader {
  const reader = new ByteReader(bytes, sampleDamaged);
  const version = reader.byte();
  if (version !== VERSION) throw new SampleDamaged(`the row has version ${version}, this Nexus reads ${VERSION}`);
  return reader;
}

/** The host's part of a row, for {@link assembleSample}. */
export function packHost(metrics: HostMetrics): Uint8Array {
  const writer = new ByteWriter(MAX_BLOCK_BYTES);
  writeBlock(writer, VALUES, layOut(HOST_METRICS, metrics));
  return writer.finish();
}

/** The containers' part of a row, each after its length in one byte, for {@link assembleSample}. */
export function packContainers(containers: readonly ContainerMetrics[]): Uint8Array {
  const writer = new ByteWriter(containers.length * (1 + MAX_BLOCK_BYTES));
  for (const metrics of containers) writeMeasuredBlock(writer, VALUES, layOut(CONTAINER_METRICS, metrics));
  return writer.finish();
}

/** Puts a row together. `ids`: of the packed containers, in their order; null when the tick did not mention them. */
export function assembleSample(host: Uint8Array, ids: readonly number[] | null, blocks: Uint8Array): Uint8Array {
  const writer = new ByteWriter(1 + host.length + 1 + 8 + blocks.length + 8 * (ids?.length ?? 0));
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
  const reader = openSample(bytes);
  const metrics = readBlock(reader, HOST_METRICS);
  if (reader.byte() === 0) return { metrics, containers: null };
  const containers: ContainerSample[] = [];
  for (let left = reader.varint(); left > 0; left -= 1) {
    containers.push({ id: reader.varint(), metrics: readBlock(reader, CONTAINER_METRICS) });
  }
  return { metrics, containers };
}

/** The host's numbers alone. Throws {@link SampleDamaged}. */
export function decodeHostMetrics(bytes: Uint8Array): HostMetrics {
  const reader = openSample(bytes);
  return readBlock(reader, HOST_METRICS);
}

/** One container's numbers alone; undefined when the row does not hold it. Throws {@link SampleDamaged}. */
export function decodeContainerMetrics(bytes: Uint8Array, id: number): ContainerMetrics | undefined {
  const reader = openSample(bytes);
  skipBlock(reader);
  if (reader.byte() === 0) return undefined;
  for (let left = reader.varint(); left > 0; left -= 1) {
    if (reader.varint() === id) return readBlock(reader, CONTAINER_METRICS);
    skipBlock(reader);
  }
  return undefined;
}
