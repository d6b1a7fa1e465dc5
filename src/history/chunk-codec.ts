/**
 * Encodes a chunk: the points of one host over one span of time, column by column. Its instants and its values are
 * encoded apart, because the instants are kept longer.
 *
 *     instants  := version(1 byte = 1) count(varint) unit(varint, ms) zigzag(t) zigzag(delta) zigzag(delta - previous)…
 *                  each t in units
 *     values    := version(1 byte = 1) kind(1 byte: 0 ticks, 1 roll-ups) directory [reported] series…
 *     directory := count(varint) {id(varint) length(varint)}…         length in bytes of each series, in the same order
 *     reported  := runs                                               ticks only: which reported containers
 *     series    := runs of presence, metrics(1 byte), then per metric
 *                    ticks:    column
 *                    roll-ups: 0 not measured | 1 counter: column(last) column(lost)
 *                    | 2 gauge of whole numbers | 3 gauge of hundredths:
 *                        column(count) column(min) column(max - min) column(2 · sum - count · (min + max))
 *                    | 4 other gauge: column(count) column(min) column(max) column(sum)
 *
 * Id 0 is the host itself, any other the store's number of a container; metrics stand in the order of
 * `domain/telemetry`, and one that a chunk does not have yet is null. In forms 2 and 3 the columns after `count` hold
 * only the points with a count, as whole numbers; the last of them is 0 throughout where no more than two samples fall
 * into a step. Columns are described in `column-codec`.
 */
import { ByteReader, ByteWriter } from '../telemetry/bytes.ts';
import { ChunkDamaged, chunkDamaged } from './chunk-damaged.ts';
import { readColumn, readRuns, toWhole, writeColumn, writeRuns } from './column-codec.ts';
import {
  type CounterColumns,
  type GaugeColumns,
  isCounter,
  type RolledBlock,
  type RolledColumns,
  type RolledSeries,
} from './roll-up.ts';
import { metricsOf, type Series, type TickBlock } from './tick-block.ts';

const CHUNK_VERSION = 1;
const TICKS = 0;
const ROLL_UPS = 1;
const NOT_MEASURED = 0;
const COUNTER = 1;
const WHOLE_GAUGE = 2;
const HUNDREDTHS_GAUGE = 3;
const OTHER_GAUGE = 4;
/** No span holds more points: seven days at two ticks a second. */
const MAX_POINTS = 1_209_600;

/** `unit`: every time is a multiple of it. */
export function encodeInstants(times: readonly number[], unit: number): Uint8Array {
  const writer = new ByteWriter();
  writer.byte(CHUNK_VERSION);
  writer.varint(times.length);
  writer.varint(unit);
  let previous = 0;
  let delta = 0;
  times.forEach((time, index) => {
    const value = time / unit;
    const next = value - previous;
    writer.zigzag(index < 2 ? next : next - delta);
    previous = value;
    delta = next;
  });
  return writer.finish();
}

/** Ascending. Throws {@link ChunkDamaged}. */
export function decodeInstants(bytes: Uint8Array): number[] {
  const reader = new ByteReader(bytes, chunkDamaged);
  requireVersion(reader);
  const count = reader.varint();
  if (count > MAX_POINTS || count > reader.left) throw new ChunkDamaged('it says to hold too many points');
  const unit = reader.varint();
  const times: number[] = [];
  let value = 0;
  let delta = 0;
  for (let index = 0; index < count; index += 1) {
    const number = reader.zigzag();
    delta = index < 2 ? number : delta + number;
    if (index > 0 && delta <= 0) throw new ChunkDamaged('its times do not rise');
    value += delta;
    times.push(value * unit);
  }
  reader.requireEnd();
  return times;
}

function requireVersion(reader: ByteReader): void {
  const version = reader.byte();
  if (version !== CHUNK_VERSION) throw new ChunkDamaged(`it has version ${version}, this Nexus reads ${CHUNK_VERSION}`);
}

function* join(
  kind: number,
  reported: Uint8Array | null,
  ids: readonly number[],
  encode: (id: number) => Uint8Array,
): Generator<void, Uint8Array> {
  const bodies: Uint8Array[] = [];
  for (const id of ids) {
    bodies.push(encode(id));
    yield;
  }
  const writer = new ByteWriter();
  writer.byte(CHUNK_VERSION);
  writer.byte(kind);
  writer.varint(ids.length);
  ids.forEach((id, index) => {
    writer.varint(id);
    writer.varint(bodies[index]?.length ?? 0);
  });
  if (reported !== null) writeRuns(writer, reported);
  for (const body of bodies) writer.bytes(body);
  return writer.finish();
}

/** Yields after every series; returns the values. */
export function encodeTicks(block: TickBlock): Generator<void, Uint8Array> {
  return join(TICKS, block.reported, [...block.series.keys()], (id) => {
    const writer = new ByteWriter();
    const series = block.series.get(id);
    writeRuns(writer, series?.present ?? new Uint8Array(0));
    writer.byte(series?.columns.length ?? 0);
    for (const column of series?.columns ?? []) writeColumn(writer, onlyWhere(series?.present, column));
    return writer.finish();
  });
}

/** As {@link encodeTicks}. */
export function encodeRolled(block: RolledBlock): Generator<void, Uint8Array> {
  return join(ROLL_UPS, null, [...block.series.keys()], (id) => {
    const writer = new ByteWriter();
    const series = block.series.get(id);
    writeRuns(writer, series?.present ?? new Uint8Array(0));
    writer.byte(series?.columns.length ?? 0);
    for (const columns of series?.columns ?? []) {
      if (columns.kind === 'counter') writeCounter(writer, columns, series?.present);
      else writeGauge(writer, columns, series?.present);
    }
    return writer.finish();
  });
}

/** The values at the points where the series is present. */
function onlyWhere(present: Uint8Array | undefined, values: Float64Array): Float64Array {
  const count = present === undefined ? 0 : countOf(present);
  if (count === values.length) return values;
  const kept = new Float64Array(count);
  let at = 0;
  for (let index = 0; index < values.length; index += 1) {
    if (present?.[index] === 1) kept[at++] = values[index] ?? Number.NaN;
  }
  return kept;
}

function spread(present: Uint8Array, values: Float64Array, missing = Number.NaN): Float64Array {
  if (values.length === present.length) return values;
  const all = new Float64Array(present.length).fill(missing);
  let at = 0;
  for (let index = 0; index < present.length; index += 1)
    if (present[index] === 1) all[index] = values[at++] ?? missing;
  return all;
}

function countOf(flags: Uint8Array): number {
  let count = 0;
  for (const flag of flags) count += flag;
  return count;
}

function writeCounter(writer: ByteWriter, columns: CounterColumns, present: Uint8Array | undefined): void {
  const last = onlyWhere(present, columns.last);
  if (last.every((value) => Number.isNaN(value))) return writer.byte(NOT_MEASURED);
  writer.byte(COUNTER);
  writeColumn(writer, last);
  writeColumn(writer, onlyWhere(present, columns.lost));
}

function writeGauge(writer: ByteWriter, columns: GaugeColumns, present: Uint8Array | undefined): void {
  const counts = onlyWhere(present, columns.count);
  const at = new Uint8Array(columns.count.length);
  for (let index = 0; index < at.length; index += 1) at[index] = (columns.count[index] ?? 0) > 0 ? 1 : 0;
  const [count, min, max, sum] = [columns.count, columns.min, columns.max, columns.sum].map((column) =>
    onlyWhere(at, column),
  );
  if (count === undefined || min === undefined || max === undefined || sum === undefined || count.length === 0)
    return writer.byte(NOT_MEASURED);
  for (const scale of [1, 100] as const) {
    const parts = wholeGauge(scale, count, min, max, sum);
    if (parts === null) continue;
    writer.byte(scale === 1 ? WHOLE_GAUGE : HUNDREDTHS_GAUGE);
    writeColumn(writer, counts);
    for (const part of parts) writeColumn(writer, part);
    return;
  }
  writer.byte(OTHER_GAUGE);
  writeColumn(writer, counts);
  for (const part of [min, max, sum]) writeColumn(writer, part);
}

function wholeGauge(
  scale: 1 | 100,
  count: Float64Array,
  min: Float64Array,
  max: Float64Array,
  sum: Float64Array,
): Float64Array[] | null {
  const least = toWhole(min, scale);
  const greatest = toWhole(max, scale);
  const total = toWhole(sum, scale);
  if (least === null || greatest === null || total === null) return null;
  const range = greatest.map((value, index) => value - (least[index] ?? 0));
  const excess = total.map(
    (value, index) => 2 * value - (count[index] ?? 0) * ((least[index] ?? 0) + (greatest[index] ?? 0)),
  );
  // Above this, a difference would no longer be exact.
  return excess.every((value) => Math.abs(value) <= 2 ** 50) ? [least, range, excess] : null;
}

interface Opened {
  readonly kind: number;
  readonly reported: Uint8Array | null;
  readonly sections: ReadonlyArray<{ readonly id: number; readonly bytes: Uint8Array }>;
}

function open(bytes: Uint8Array, kind: number, points: number, only: number | null): Opened {
  const reader = new ByteReader(bytes, chunkDamaged);
  requireVersion(reader);
  if (reader.byte() !== kind) throw new ChunkDamaged('it is of another kind');
  const count = reader.varint();
  if (count > reader.left) throw new ChunkDamaged('it says to hold too many series');
  const directory: Array<{ id: number; length: number }> = [];
  for (let left = count; left > 0; left -= 1) directory.push({ id: reader.varint(), length: reader.varint() });
  const reported = kind === TICKS ? readRuns(reader, points) : null;
  const sections: Array<{ id: number; bytes: Uint8Array }> = [];
  for (const { id, length } of directory) {
    const section = reader.bytes(length);
    if (only === null || only === id) sections.push({ id, bytes: section });
  }
  reader.requireEnd();
  return { kind, reported, sections };
}

function* readTickSeries(id: number, bytes: Uint8Array, points: number): Generator<void, Series> {
  const reader = new ByteReader(bytes, chunkDamaged);
  const present = readRuns(reader, points);
  const count = countOf(present);
  const stored = reader.byte();
  if (stored > metricsOf(id).length) throw new ChunkDamaged('it holds metrics that this Nexus does not know');
  const columns: Float64Array[] = [];
  for (let metric = 0; metric < stored; metric += 1) columns.push(spread(present, readColumn(reader, count)));
  reader.requireEnd();
  while (columns.length < metricsOf(id).length) columns.push(new Float64Array(points).fill(Number.NaN));
  yield;
  return { id, present, columns };
}

/** Runs for every answer that is made from roll-ups, so it is one plain pass. */
function readGauge(reader: ByteReader, form: number, present: Uint8Array): GaugeColumns {
  const points = present.length;
  const count = spread(present, readColumn(reader, countOf(present)), 0);
  let measured = 0;
  for (let index = 0; index < points; index += 1) if ((count[index] ?? 0) > 0) measured += 1;
  const first = readColumn(reader, measured);
  const second = readColumn(reader, measured);
  const third = readColumn(reader, measured);
  const [min, max, sum] = [nulls(points), nulls(points), nulls(points)];
  const scale = form === HUNDREDTHS_GAUGE ? 100 : 1;
  let at = 0;
  for (let index = 0; index < points; index += 1) {
    const samples = count[index] ?? 0;
    if (samples <= 0) continue;
    const [least = 0, other = 0, rest = 0] = [first[at], second[at], third[at]];
    at += 1;
    min[index] = least / scale;
    max[index] = form === OTHER_GAUGE ? other : (least + other) / scale;
    sum[index] = form === OTHER_GAUGE ? rest : (rest + samples * (2 * least + other)) / 2 / scale;
  }
  return { kind: 'gauge', count, min, max, sum };
}

const nulls = (points: number): Float64Array => new Float64Array(points).fill(Number.NaN);

function notMeasured(name: string, points: number): RolledColumns {
  if (isCounter(name)) return { kind: 'counter', last: nulls(points), lost: nulls(points) };
  return { kind: 'gauge', count: new Float64Array(points), min: nulls(points), max: nulls(points), sum: nulls(points) };
}

function readRolledColumns(reader: ByteReader, name: string, present: Uint8Array): RolledColumns {
  const form = reader.byte();
  const points = present.length;
  if (form === NOT_MEASURED) return notMeasured(name, points);
  if (form > OTHER_GAUGE || (form === COUNTER) !== isCounter(name))
    throw new ChunkDamaged('a metric has an unknown form');
  if (form !== COUNTER) return readGauge(reader, form, present);
  const count = countOf(present);
  const last = spread(present, readColumn(reader, count));
  return { kind: 'counter', last, lost: spread(present, readColumn(reader, count)) };
}

function* readRolledSeries(id: number, bytes: Uint8Array, points: number): Generator<void, RolledSeries> {
  const reader = new ByteReader(bytes, chunkDamaged);
  const present = readRuns(reader, points);
  const stored = reader.byte();
  const names = metricsOf(id);
  if (stored > names.length) throw new ChunkDamaged('it holds metrics that this Nexus does not know');
  const columns: RolledColumns[] = [];
  for (const name of names.slice(0, stored)) columns.push(readRolledColumns(reader, name, present));
  reader.requireEnd();
  for (const name of names.slice(stored)) columns.push(notMeasured(name, points));
  yield;
  return { id, present, columns };
}

/** Yields after every series. `only`: the one series that is wanted; null: all. Throws {@link ChunkDamaged}. */
export function* decodeTicks(
  times: readonly number[],
  bytes: Uint8Array,
  only: number | null = null,
): Generator<void, TickBlock> {
  const { reported, sections } = open(bytes, TICKS, times.length, only);
  const series = new Map<number, Series>();
  for (const section of sections)
    series.set(section.id, yield* readTickSeries(section.id, section.bytes, times.length));
  return { times, reported: reported ?? new Uint8Array(times.length), series };
}

/** As {@link decodeTicks}, for a chunk whose points are `stepMs` apart. */
export function* decodeRolled(
  times: readonly number[],
  bytes: Uint8Array,
  stepMs: number,
  only: number | null = null,
): Generator<void, RolledBlock> {
  const { sections } = open(bytes, ROLL_UPS, times.length, only);
  const series = new Map<number, RolledSeries>();
  for (const section of sections)
    series.set(section.id, yield* readRolledSeries(section.id, section.bytes, times.length));
  return { stepMs, times, series };
}

/** Runs work that yields between its pieces to its end at once. */
export function finishNow<T>(work: Generator<void, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}
