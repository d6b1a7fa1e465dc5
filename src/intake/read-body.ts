/** Reads plain telemetry bodies. A body that is not plain is left to the schema. */
import { hash } from 'node:crypto';
import { invariant } from '../domain/errors.ts';
import type { ContainerReport, PackedTick, ReportedTick, Tick } from '../domain/telemetry.ts';
import { packTick } from '../telemetry/pack-tick.ts';
import { parseJsonBytes } from '../wire/json-text.ts';
import { readPlainTick } from '../wire/plain-telemetry.ts';
import { scanTick } from './scan-tick.ts';

function fingerprintOf(containers: string | Uint8Array): string {
  return hash('sha1', containers, 'base64url');
}

/** Null when the body is not plain, or not JSON. */
export function readPlainBody(body: Uint8Array): PackedTick | null {
  return scanTick(body, fingerprintOf);
}

/** A plain body as it was read, whose containers are made of it where they have changed. */
export function reported(body: Uint8Array, tick: PackedTick): ReportedTick {
  let reports: readonly ContainerReport[] | null = null;
  return {
    ...tick,
    reports() {
      reports ??= containersOf(body);
      return reports;
    },
  };
}

function containersOf(body: Uint8Array): readonly ContainerReport[] {
  const tick = readPlainTick(parseJsonBytes(body));
  invariant(tick !== undefined, 'a body that was read without the schema is plain');
  return tick.containers ?? [];
}

/** A tick that the schema has read. */
export function packed(tick: Tick): ReportedTick {
  return packTick(tick, fingerprintOf);
}
