/** Reads plain telemetry bodies. A body that is not plain is left to the schema. */
import { hash } from 'node:crypto';
import type { PackedTick, ReportedTick, Tick } from '../domain/telemetry.ts';
import { packReported, packTick } from '../telemetry/pack-tick.ts';
import { decodeJson, faultOf, JSON_LIMITS, parseJsonBytes } from '../wire/json-text.ts';
import { readPlain } from '../wire/plain-telemetry.ts';

/**
 * A body up to this size is parsed before it is looked over, and looked over only when it holds what the reader does not
 * know: the worst of them take some milliseconds and a few megabytes, and all others are spared the look.
 */
const SMALL_BYTES = 64 * 1024;

function fingerprintOf(text: string): string {
  return hash('sha1', text, 'base64url');
}

export function packed(tick: Tick): PackedTick {
  return packTick(tick, fingerprintOf);
}

export function reported(tick: Tick): ReportedTick {
  return packReported(tick, fingerprintOf);
}

/** Null when the body is not plain, or not JSON. */
export function readPlainBody(body: Uint8Array): Tick | null {
  try {
    return body.length <= SMALL_BYTES ? readSmall(body) : (readPlain(parseJsonBytes(body))?.tick ?? null);
  } catch {
    return null;
  }
}

function readSmall(body: Uint8Array): Tick | null {
  const text = decodeJson(body);
  const plain = readPlain(JSON.parse(text));
  if (plain === undefined) return null;
  return plain.hasUnknownFields && faultOf(text, JSON_LIMITS.partsOfBody) !== null ? null : plain.tick;
}
