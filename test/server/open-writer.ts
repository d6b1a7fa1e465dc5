/** A writer on a store of its own in a temporary directory. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { CommandOf } from '../../src/domain/command.ts';
import type { Store } from '../../src/domain/store.ts';
import { NO_FACTS, type ReportedTick, type Tick } from '../../src/domain/telemetry.ts';
import { TOKEN_ENTROPY_BYTES } from '../../src/domain/token.ts';
import { TokenIdentities } from '../../src/server/identities.ts';
import { HostDispatches } from '../../src/server/rollouts/dispatches.ts';
import { Writer } from '../../src/server/writer.ts';
import { openStore } from '../../src/sqlite/open-store.ts';
import { packTick } from '../../src/telemetry/pack-tick.ts';
import { RecordingLog } from '../domain/recording-log.ts';
import { SettableRuntime } from '../domain/settable-runtime.ts';

/** Noon of 1 March 2026. */
export const NOON_MS = 1_772_366_400_000;

export interface OpenWriter {
  readonly writer: Writer;
  readonly identities: TokenIdentities;
  readonly dispatches: HostDispatches;
  /** Stands at noon of 1 March 2026. */
  readonly clock: SettableRuntime;
  /** The store behind whatever was put before it. */
  readonly store: Store;
  readonly log: RecordingLog;
  /** Why the writer had to let go of its store, each time it did. */
  readonly detachments: string[];
  readonly dataDir: string;
}

export async function openWriter(
  t: Pick<TestContext, 'after'>,
  watch: (store: Store) => Store = (store) => store,
): Promise<OpenWriter> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'nexus-writer-'));
  const log = new RecordingLog();
  const clock = new SettableRuntime('2026-03-01T12:00:00Z');
  const writer = new Writer(clock, log);
  const detachments: string[] = [];
  const store = openStore(dataDir, NOON_MS);
  await writer.attach(watch(store), (reason) => detachments.push(reason));
  t.after(async () => {
    await writer.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const identities = new TokenIdentities(writer);
  const dispatches = new HostDispatches(writer, clock);
  return { writer, identities, dispatches, clock, store, log, detachments, dataDir };
}

export function addHost(name: string): CommandOf<'add_host'> {
  const token = { name: null, expiresAtMs: null, entropy: randomBytes(TOKEN_ENTROPY_BYTES) };
  return { kind: 'add_host', name, labels: {}, offlineAfterSeconds: 120, token, nowMs: NOON_MS };
}

/** A tick in the form that the writer takes. */
export function reportedTickAt(recordedAtMs: number): ReportedTick {
  return packTick(tickAt(recordedAtMs), (text) => text);
}

/** A tick that holds no values and says nothing of containers. */
export function tickAt(recordedAtMs: number): Tick {
  return {
    recordedAtMs,
    facts: NO_FACTS,
    agent: null,
    metrics: {
      cpu_percent: null,
      load_average: null,
      memory_used_mb: null,
      memory_total_mb: null,
      disk_used_gb: null,
      disk_total_gb: null,
      network_rx_bytes: null,
      network_tx_bytes: null,
    },
    containers: null,
  };
}
