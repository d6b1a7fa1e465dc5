/**
 * Encodes one metric over the points of a chunk. NaN stands for null, because no metric can be NaN.
 *
 *     column    := form(1 byte) [runs] payload          runs only with the flag 0x10: which values are null
 *     form      := 0 empty: every value is null, no payload
 *                | 1 constant:    zigzag(v)
 *                | 2 offsets:     zigzag(least) varint(v - least)…
 *                | 3 deltas:      zigzag(v) zigzag(v - previous)…
 *                | 4 accelerations: zigzag(v) zigzag(delta) zigzag(delta - previous delta)…
 *                | 5 floats:      IEEE 754 bits XOR those of the value before, as eight planes: all least bytes first
 *     flags     := 0x08: whole numbers are hundredths of the values     0x10: some values are null
 *     runs      := varint(length)… of present, null, present, … until all are named
 *
 * The smallest of the whole-number forms is taken; numbers that are neither whole nor hundredths, or above 2^50, are
 * floats. Lossless: what is decoded is the number that was encoded.
 */
import type { ByteReader, ByteWriter } from '../telemetry/bytes.ts';
import { ChunkDamaged } from './chunk-damaged.ts';

const EMPTY = 0;
const CONSTANT = 1;
const OFFSETS = 2;
const DELTAS = 3;
const ACCELERATIONS = 4;
const FLOATS = 5;
const HUNDREDTHS = 0x08;
const NULLS = 0x10;
const MAX_WHOLE = 2 ** 50;

function present(values: Float64Array): Float64Array {
  let count = 0;
  for (const value of values) if (!Number.isNaN(value)) count += 1;
  if (count === values.length) return values;
  const kept = new Float64Array(count);
  let at = 0;
  for (const value of values) if (!Number.isNaN(value)) kept[at++] = value;
  return kept;
}

/** The values times `scale`, if all of them are whole then and come back exactly; else null. */
export function toWhole(values: Float64Array, scale: 1 | 100): Float64Array | null {
  const whole = new Float64Array(values.length);
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] ?? 0;
    const number = scale === 1 ? value : Math.round(value * 100);
    if (!Number.isInteger(number) || Math.abs(number) > MAX_WHOLE || Object.is(number, -0)) return null;
    if (scale === 100 && number / 100 !== value) return null;
    whole[index] = number;
  }
  return whole;
}

function bitsOf(magnitude: number): number {
  return magnitude < 0x80000000 ? 32 - Math.clz32(magnitude) : Math.ceil(Math.log2(magnitude + 1));
}

function chooseForm(values: Float64Array): number {
  const first = values[0] ?? 0;
  let least = first;
  for (const value of values) if (value < least) least = value;
  let offsetBits = 0;
  let deltaBits = 0;
  let accelerationBits = 0;
  let previous = first;
  let delta = 0;
  for (const value of values) {
    const next = value - previous;
    offsetBits += bitsOf(value - least);
    deltaBits += bitsOf(Math.abs(next) * 2);
    accelerationBits += bitsOf(Math.abs(next - delta) * 2);
    previous = value;
    delta = next;
  }
  if (deltaBits === 0) return CONSTANT;
  if (accelerationBits < deltaBits && accelerationBits < offsetBits) return ACCELERATIONS;
  return deltaBits < offsetBits ? DELTAS : OFFSETS;
}

function writeWhole(writer: ByteWriter, form: number, values: Float64Array): void {
  const first = values[0] ?? 0;
  if (form === OFFSETS) {
    let least = first;
    for (const value of values) if (value < least) least = value;
    writer.zigzag(least);
    for (const value of values) writer.varint(value - least);
    return;
  }
  writer.zigzag(first);
  if (form === CONSTANT) return;
  let previous = first;
  let delta = 0;
  for (let index = 1; index < values.length; index += 1) {
    const value = values[index] ?? 0;
    const next = value - previous;
    writer.zigzag(form === DELTAS ? next : next - delta);
    previous = value;
    delta = next;
  }
}

function readWhole(reader: ByteReader, form: number, values: Float64Array): void {
  const first = reader.zigzag();
  if (form === CONSTANT) {
    values.fill(first);
    return;
  }
  if (form === OFFSETS) {
    for (let index = 0; index < values.length; index += 1) values[index] = first + reader.varint();
    return;
  }
  values[0] = first;
  let value = first;
  let delta = 0;
  for (let index = 1; index < values.length; index += 1) {
    delta = form === DELTAS ? reader.zigzag() : delta + reader.zigzag();
    value += delta;
    values[index] = value;
  }
}

/** XOR of neighbours, split into planes so that bytes that seldom change lie together. The byte order is fixed. */
function writeFloats(writer: ByteWriter, values: Float64Array): void {
  const count = values.length;
  const planes = new Uint8Array(count * 8);
  const view = new DataView(new ArrayBuffer(8));
  const before = new Uint8Array(8);
  for (let index = 0; index < count; index += 1) {
    view.setFloat64(0, values[index] ?? 0, true);
    for (let plane = 0; plane < 8; plane += 1) {
      const byte = view.getUint8(plane);
      planes[plane * count + index] = byte ^ (before[plane] ?? 0);
      before[plane] = byte;
    }
  }
  writer.bytes(planes);
}

function readFloats(reader: ByteReader, values: Float64Array): void {
  const count = values.length;
  const planes = reader.bytes(count * 8);
  const view = new DataView(new ArrayBuffer(8));
  for (let index = 0; index < count; index += 1) {
    for (let plane = 0; plane < 8; plane += 1) {
      view.setUint8(plane, view.getUint8(plane) ^ (planes[plane * count + index] ?? 0));
    }
    const value = view.getFloat64(0, true);
    if (!Number.isFinite(value)) throw new ChunkDamaged('a number is none');
    values[index] = value;
  }
}

/** Which of `flags` are 1, as lengths of alternating runs, the first of ones. */
export function writeRuns(writer: ByteWriter, flags: Uint8Array): void {
  let value = 1;
  let length = 0;
  for (const flag of flags) {
    if (flag !== value) {
      writer.varint(length);
      value = flag;
      length = 0;
    }
    length += 1;
  }
  writer.varint(length);
}

/** Throws {@link ChunkDamaged}. */
export function readRuns(reader: ByteReader, count: number): Uint8Array {
  const flags = new Uint8Array(count);
  let value = 1;
  let at = 0;
  do {
    const length = reader.varint();
    if (length > count - at || (length === 0 && at > 0)) throw new ChunkDamaged('a run has a wrong length');
    flags.fill(value, at, at + length);
    at += length;
    value = 1 - value;
  } while (at < count);
  return flags;
}

function presence(values: Float64Array): Uint8Array {
  const flags = new Uint8Array(values.length);
  for (let index = 0; index < values.length; index += 1) flags[index] = Number.isNaN(values[index]) ? 0 : 1;
  return flags;
}

export function writeColumn(writer: ByteWriter, values: Float64Array): void {
  const kept = present(values);
  if (kept.length === 0) return writer.byte(EMPTY);
  const nulls = kept.length < values.length ? NULLS : 0;
  const whole = toWhole(kept, 1);
  const numbers = whole ?? toWhole(kept, 100);
  const form = numbers === null ? FLOATS : chooseForm(numbers);
  writer.byte(form | nulls | (whole === null && numbers !== null ? HUNDREDTHS : 0));
  if (nulls !== 0) writeRuns(writer, presence(values));
  if (numbers === null) writeFloats(writer, kept);
  else writeWhole(writer, form, numbers);
}

/** `count` values, NaN where there is none. Throws {@link ChunkDamaged}. */
export function readColumn(reader: ByteReader, count: number): Float64Array {
  const head = reader.byte();
  const form = head & 7;
  if (form > FLOATS || head >= 0x20) throw new ChunkDamaged('a column has an unknown form');
  const values = new Float64Array(count);
  if (form === EMPTY) return values.fill(Number.NaN);
  const flags = (head & NULLS) === 0 ? null : readRuns(reader, count);
  let kept = values;
  if (flags !== null) kept = new Float64Array(flags.reduce((sum, flag) => sum + flag, 0));
  if (kept.length === 0) throw new ChunkDamaged('a column holds nothing');
  if (form === FLOATS) readFloats(reader, kept);
  else readWhole(reader, form, kept);
  if ((head & HUNDREDTHS) !== 0)
    for (let index = 0; index < kept.length; index += 1) kept[index] = (kept[index] ?? 0) / 100;
  if (flags === null) return kept;
  let at = 0;
  for (let index = 0; index < count; index += 1)
    values[index] = flags[index] === 1 ? (kept[at++] ?? Number.NaN) : Number.NaN;
  return values;
}
