/** Reads plain telemetry bodies. A body that is not plain is left to the schema. */
import { hash } from 'node:crypto';
import type { ReportedTick, Tick } from '../domain/telemetry.ts';
import { packTick } from '../telemetry/pack-tick.ts';
import { parseJsonBytes } from '../wire/json-text.ts';
import { readPlainTick } from '../wire/plain-telemetry.ts';

export function packed(tick: Tick): ReportedTick {
  return packTick(tick, (text) => hash('sha1', text, 'base64url'));
}

/** Null when the body is not plain, or not JSON. */
export function readPlainBody(body: Uint8Array): Tick | null {
  try {
    return readPlainTick(parseJsonBytes(body)) ?? null;
  } catch {
    return null;
  }
}
