import { crc32 } from 'node:zlib';
import type { OutboxTick } from './outbox-tick.ts';

/**
 * The outbox's file format: records one after the other, only ever appended.
 *
 * ```
 *  0  4  "NXT1"
 *  4  4  payload length, bytes
 *  8  4  length of the JSON inside, bytes
 * 12  8  recorded_at, milliseconds since the epoch, float64
 * 20  4  CRC-32 of the payload
 * 24  4  CRC-32 of the 24 bytes before
 * 28  …  payload: the tick's JSON, gzip
 * ```
 * Integers are little-endian. The header has its own checksum, so that a damaged payload costs one tick and the next
 * record is still found.
 */
export const SEGMENT_HEADER_BYTES = 28;
const MAGIC = Buffer.from('NXT1', 'latin1');
const HEADER_CRC_AT = 24;

/** One record, ready to be appended. */
export function encodeRecord(tick: OutboxTick): Buffer {
  const record = Buffer.allocUnsafe(SEGMENT_HEADER_BYTES + tick.gzipped.length);
  MAGIC.copy(record, 0);
  record.writeUInt32LE(tick.gzipped.length, 4);
  record.writeUInt32LE(tick.jsonBytes, 8);
  record.writeDoubleLE(tick.recordedAtMs, 12);
  record.writeUInt32LE(crc32(tick.gzipped), 20);
  record.writeUInt32LE(crc32(record.subarray(0, HEADER_CRC_AT)), HEADER_CRC_AT);
  tick.gzipped.copy(record, SEGMENT_HEADER_BYTES);
  return record;
}

/** The contents of a segment file. */
export interface DecodedSegment {
  readonly ticks: readonly OutboxTick[];
  /** Places where bytes were damaged or missing: at least one tick each. */
  readonly damaged: number;
}

/** Reads a segment file that may be damaged: a torn end and flipped bits cost only the records they hit. */
export function decodeSegment(bytes: Buffer): DecodedSegment {
  const ticks: OutboxTick[] = [];
  let damaged = 0;
  let at = 0;
  while (at < bytes.length) {
    const headerEnd = at + SEGMENT_HEADER_BYTES;
    if (!hasHeaderAt(bytes, at)) {
      damaged++;
      const next = bytes.indexOf(MAGIC, at + 1);
      if (next < 0) break;
      at = next;
      continue;
    }
    const end = headerEnd + bytes.readUInt32LE(at + 4);
    if (end > bytes.length) {
      damaged++;
      break;
    }
    const gzipped = bytes.subarray(headerEnd, end);
    if (crc32(gzipped) === bytes.readUInt32LE(at + 20)) {
      ticks.push({ recordedAtMs: bytes.readDoubleLE(at + 12), jsonBytes: bytes.readUInt32LE(at + 8), gzipped });
    } else damaged++;
    at = end;
  }
  return { ticks, damaged };
}

function hasHeaderAt(bytes: Buffer, at: number): boolean {
  return (
    at + SEGMENT_HEADER_BYTES <= bytes.length &&
    bytes.compare(MAGIC, 0, MAGIC.length, at, at + MAGIC.length) === 0 &&
    crc32(bytes.subarray(at, at + HEADER_CRC_AT)) === bytes.readUInt32LE(at + HEADER_CRC_AT)
  );
}
