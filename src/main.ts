/** The appliance: all wiring, nothing else. Tests boot this same function on port 0. */
import { chmodSync, rmSync } from 'node:fs';
import path from 'node:path';
import { messageOf, NexusError } from './domain/errors.ts';
import type { Retention } from './domain/history.ts';
import type { Log } from './domain/log.ts';
import type { Runtime } from './domain/runtime.ts';
import { writeCsv } from './export/csv.ts';
import type { Sink } from './export/export-row.ts';
import { writeOpenMetrics } from './export/open-metrics.ts';
import { type HttpListener, listen } from './http/http-server.ts';
import { HttpSurface } from './http/http-surface.ts';
import { ThreadedIntake } from './intake/threaded-intake.ts';
import { Forwarder } from './remote-write/forwarder.ts';
import { every } from './runtime/wait.ts';
import { startCompaction } from './server/compaction-loop.ts';
import { type ExportRequest, HistoryExport } from './server/history/export-history.ts';
import { HistoryMaintenance } from './server/history/history-maintenance.ts';
import { TokenIdentities } from './server/identities.ts';
import { CommittedFleetQueries } from './server/queries/fleet-queries.ts';
import { CommittedRolloutQueries } from './server/queries/rollout-queries.ts';
import { HostDispatches } from './server/rollouts/dispatches.ts';
import { Writer } from './server/writer.ts';
import { openReader } from './sqlite/open-reader.ts';
import { StoreSupervisor } from './sqlite/store-supervisor.ts';

export { backUp } from './sqlite/back-up.ts';

export type ExportFormat = 'csv' | 'parquet' | 'prometheus';

/**
 * Writes the history of a data directory to `sink`, beside a server that may be using it. Returns how many damaged
 * chunks were left out. Throws `NexusError`.
 */
export async function exportHistory(
  directory: string,
  format: ExportFormat,
  request: ExportRequest,
  sink: Sink,
): Promise<{ damaged: number }> {
  const reader = openReader(directory);
  try {
    const source = new HistoryExport(reader, request);
    if (format === 'csv') await writeCsv(source, sink);
    else if (format === 'prometheus') await writeOpenMetrics(source, sink);
    else await (await import('./export/parquet.ts')).writeParquet(source, sink);
    return { damaged: source.damaged };
  } finally {
    reader.close();
  }
}

export interface ApplianceConfig {
  readonly dataDir: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** Agent requests in 60 s per token; 0: no limit. */
  readonly agentRateLimit: number;
  /** The contract's defaults when not given. */
  readonly retention?: Retention;
  /** A Prometheus remote-write address to which every tick is forwarded. */
  readonly remoteWrite?: { readonly url: string; readonly authorization: string | null };
}

export interface Appliance {
  /** `http://HOST:PORT` with the port that was bound. */
  readonly url: string;
  readonly socketPath: string;
  /** Stops taking, finishes what was taken, and lets go of the data directory. */
  close(): Promise<void>;
}

const TICK_MS = 1000;
/** `sun_path` of a Unix socket on Linux, less its terminating zero. */
const MAX_SOCKET_PATH_BYTES = 107;

function socketPathIn(dataDir: string): string {
  const socketPath = path.join(dataDir, 'nexus.sock');
  if (Buffer.byteLength(socketPath) > MAX_SOCKET_PATH_BYTES) {
    throw new NexusError(
      'usage',
      `the path ${socketPath} is too long for a Unix socket (${MAX_SOCKET_PATH_BYTES} bytes): choose a shorter data directory with --data`,
    );
  }
  return socketPath;
}

/** Throws `NexusError`: `usage`, `unreachable` (the address is taken) or `store_refused`. */
export async function openAppliance(config: ApplianceConfig, runtime: Runtime, log: Log): Promise<Appliance> {
  const dataDir = path.resolve(config.dataDir);
  const socketPath = socketPathIn(dataDir);
  const writer = new Writer(runtime, log);
  const maintenance = new HistoryMaintenance(writer, runtime, log, config.retention);
  const dispatches = new HostDispatches(writer, runtime);
  const intake = new ThreadedIntake(runtime, log);
  const { remoteWrite } = config;
  const forwarder =
    remoteWrite && new Forwarder({ ...remoteWrite, store: () => writer.attached().store, runtime, log });
  const surface = new HttpSurface({
    commands: writer,
    telemetry: intake,
    queries: new CommittedFleetQueries(writer, maintenance),
    rollouts: new CommittedRolloutQueries(writer),
    dispatches,
    identities: new TokenIdentities(writer),
    readiness: writer,
    output: writer,
    runtime,
    log,
    agentRateLimit: config.agentRateLimit,
    forwarding: forwarder && (() => forwarder.figures()),
  });
  const keeper = new StoreSupervisor(writer, dataDir, runtime, log, () => listenLocally(runtime, surface, socketPath));
  const close = async (tcp?: HttpListener): Promise<void> => {
    dispatches.endPolls();
    await Promise.all([tcp?.close(), keeper.closeSocket()]);
    await intake.close();
    await writer.close();
    keeper.release();
  };
  try {
    await keeper.open();
    const tcp = await listen(runtime, surface, config.listen);
    const ticker = every(runtime, TICK_MS, () => {
      keeper.watch();
      writer.tick().catch((error: unknown) => {
        log.warn({ reason: messageOf(error) }, 'the ticker could not write');
      });
    });
    const compaction = startCompaction(maintenance, runtime);
    forwarder?.start();
    const host = config.listen.host.includes(':') ? `[${config.listen.host}]` : config.listen.host;
    return {
      url: `http://${host}:${tcp.port}`,
      socketPath,
      async close() {
        ticker.stop();
        compaction.stop();
        await forwarder?.stop();
        await close(tcp);
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The operators' socket. Called only while the directory is locked: whoever left an older file behind is gone. */
async function listenLocally(runtime: Runtime, surface: HttpSurface, socketPath: string): Promise<HttpListener> {
  try {
    rmSync(socketPath, { force: true });
    const listener = await listen(runtime, surface, { socketPath });
    chmodSync(socketPath, 0o600);
    return listener;
  } catch (error) {
    const advice = 'make the data directory writable for this user, or choose another with --data';
    throw new NexusError('store_unavailable', `cannot create ${socketPath}: ${messageOf(error)}; ${advice}`, {
      cause: error,
    });
  }
}
