/**
 * Prometheus remote write 1.0 (https://prometheus.io/docs/specs/prw/remote_write_spec/): a Snappy block of
 *
 *     WriteRequest := { 1: TimeSeries }…    TimeSeries := { 1: Label }… { 2: Sample }…
 *     Label        := { 1: name  2: value } Sample     := { 1: value (double)  2: timestamp (int64, ms) }
 *
 * These are four messages of length-delimited fields. They are written by hand: a protobuf library would be larger.
 */
import { snappyCompress } from 'hyparquet-writer/src/snappy.js';
import { ByteWriter } from '../telemetry/bytes.ts';

const LENGTH_DELIMITED = 2;
const FIXED_64 = 1;
const VARINT = 0;
const MAX_SAMPLE_BYTES = 1 + 8 + 1 + 8;
const field = (number: number, type: number): number => (number << 3) | type;

type SeriesLabels = ReadonlyArray<readonly [name: string, value: string]>;

const text = new TextEncoder();

function putBytes(writer: ByteWriter, number: number, bytes: Uint8Array): void {
  writer.varint(field(number, LENGTH_DELIMITED));
  writer.varint(bytes.length);
  writer.bytes(bytes);
}

/** Encodes the labels of one series, sorted by name as the specification requires. The bytes can be reused. */
export function encodeLabels(labels: SeriesLabels): Uint8Array {
  const writer = new ByteWriter();
  for (const [name, value] of [...labels].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const label = new ByteWriter();
    putBytes(label, 1, text.encode(name));
    putBytes(label, 2, text.encode(value));
    putBytes(writer, 1, label.finish());
  }
  return writer.finish();
}

export interface SeriesSamples {
  /** Encoded by {@link encodeLabels}. */
  readonly labels: Uint8Array;
  /** In time order. */
  readonly samples: Array<{ readonly value: number; readonly atMs: number }>;
}

/** Encodes the body of one request. */
export function encodeWriteRequest(series: Iterable<SeriesSamples>): Uint8Array {
  const request = new ByteWriter();
  for (const { labels, samples } of series) {
    const one = new ByteWriter();
    one.bytes(labels);
    for (const { value, atMs } of samples) {
      const sample = new ByteWriter(MAX_SAMPLE_BYTES);
      sample.varint(field(1, FIXED_64));
      sample.float64(value);
      sample.varint(field(2, VARINT));
      sample.varint(atMs);
      putBytes(one, 2, sample.finish());
    }
    putBytes(request, 1, one.finish());
  }
  return snappyCompress(request.finish());
}
