import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { MAX_TICK_JSON_BYTES } from '../telemetry-limits.ts';

/** One tick's JSON on its way to the server. */
export interface EncodedTick {
  readonly recordedAtMs: number;
  readonly json: Buffer;
}

/** One tick as the outbox keeps it. */
export interface StoredTick {
  readonly recordedAtMs: number;
  readonly jsonBytes: number;
  readonly gzipped: Buffer;
}

const gzipAsync = promisify(gzip);
const gunzipAsync = promisify(gunzip);

/** Compresses off the main thread. */
export function compress(json: Buffer): Promise<Buffer> {
  return gzipAsync(json);
}

export async function storedTickOf(tick: EncodedTick): Promise<StoredTick> {
  return { recordedAtMs: tick.recordedAtMs, jsonBytes: tick.json.length, gzipped: await compress(tick.json) };
}

/** The tick's JSON, or null when its bytes are damaged. */
export async function restoreJson(tick: StoredTick): Promise<Buffer | null> {
  try {
    const json = await gunzipAsync(tick.gzipped, { maxOutputLength: 2 * MAX_TICK_JSON_BYTES });
    return json.length === tick.jsonBytes ? json : null;
  } catch {
    return null;
  }
}
