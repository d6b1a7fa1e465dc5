import { gunzipSync, gzipSync } from 'node:zlib';
import { MAX_TICK_JSON_BYTES } from '../telemetry-limits.ts';

/** One tick's JSON on its way to the server. */
export interface EncodedTick {
  readonly recordedAtMs: number;
  readonly json: Buffer;
}

/** One tick as the outbox keeps it. */
export interface OutboxTick {
  readonly recordedAtMs: number;
  readonly jsonBytes: number;
  readonly gzipped: Buffer;
}

/**
 * Compresses in this thread: a tick takes a fraction of a millisecond, less than handing it to the thread pool and back,
 * and the largest batch a few milliseconds.
 */
export function compress(json: Buffer): Buffer {
  return gzipSync(json);
}

export function outboxTickOf(tick: EncodedTick): OutboxTick {
  return { recordedAtMs: tick.recordedAtMs, jsonBytes: tick.json.length, gzipped: compress(tick.json) };
}

/** The tick's JSON, or null when its bytes are damaged. */
export function restoreJson(tick: OutboxTick): Buffer | null {
  try {
    const json = gunzipSync(tick.gzipped, { maxOutputLength: 2 * MAX_TICK_JSON_BYTES });
    return json.length === tick.jsonBytes ? json : null;
  } catch {
    return null;
  }
}
