/** From the bytes of a telemetry body to its tick, where it is in order at first sight. */
import { hash } from 'node:crypto';
import type { ReportedTick, Tick } from '../domain/telemetry.ts';
import { packTick } from '../telemetry/pack-tick.ts';
import { parseJsonBytes } from '../wire/json-text.ts';
import { readPlainTick } from '../wire/plain-telemetry.ts';

export function packed(tick: Tick): ReportedTick {
  return packTick(tick, (text) => hash('sha1', text, 'base64url'));
}

/** Null: in doubt, or no JSON. */
export function readPlainBody(body: Uint8Array): Tick | null {
  try {
    return readPlainTick(parseJsonBytes(body)) ?? null;
  } catch {
    return null;
  }
}
