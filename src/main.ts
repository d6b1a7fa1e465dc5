/** The appliance: all wiring and nothing else. Tests boot the same function, on port 0. */
import path from 'node:path';
import type { Worker } from 'node:worker_threads';
import { messageOf, NexusError } from './domain/errors.ts';
import type { Retention } from './domain/history.ts';
import type { Log } from './domain/log.ts';
import type { Runtime } from './domain/runtime.ts';
import type { StoreSource } from './domain/store-source.ts';
import { writeCsv } from './export/csv.ts';
import type { Sink } from './export/export-row.ts';
import { writeOpenMetrics } from './export/open-metrics.ts';
import { type HttpListener, listen, listenLocally, type TcpAddress } from './http/http-server.ts';
import { HttpSurface } from './http/http-surface.ts';
import { startThread, ThreadedIntake } from './intake/threaded-intake.ts';
import { ServerCertificate, type TlsSource } from './pki/server-tls.ts';
import { Forwarder } from './remote-write/forwarder.ts';
import { every } from './runtime/wait.ts';
import { startCompaction } from './server/compaction-loop.ts';
import { CommittedFeed } from './server/feed/committed-feed.ts';
import { type ExportRequest, HistoryExport } from './server/history/export-history.ts';
import { HistoryMaintenance } from './server/history/history-maintenance.ts';
import { TokenIdentities } from './server/identities.ts';
import { CommittedFleetQueries } from './server/queries/fleet-queries.ts';
import { CommittedRolloutQueries } from './server/queries/rollout-queries.ts';
import { CommittedStackQueries } from './server/queries/stack-queries.ts';
import { HostDispatches } from './server/rollouts/dispatches.ts';
import { StoreSupervisor } from './server/store-supervisor.ts';
import { Writer } from './server/writer.ts';
import { DataDirectory } from './sqlite/data-directory.ts';
import { type LogReader, openLog, openLogIn, openReader } from './sqlite/open-reader.ts';
import { type BadEntry, ChainVerifier, formatCheckpoint, parseCheckpoint } from './trust/log-chain.ts';

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

/** A data directory, or a database file such as a backup. */
export type LogSource = { readonly directory: string } | { readonly file: string };

function readLog<T>(source: LogSource, read: (log: LogReader) => T): T {
  const log = 'file' in source ? openLog(source.file) : openLogIn(source.directory);
  try {
    return read(log);
  } finally {
    log.close();
  }
}

/** What to sign and to keep elsewhere, in the form of a C2SP tlog-checkpoint. Throws `NexusError`. */
export function checkpointOf(source: LogSource): string {
  return readLog(source, (log) => formatCheckpoint(log.fleet, log.head()));
}

export interface VerifiedLog {
  readonly entries: number;
  /** The first of them, written by a Nexus that did not chain the log yet: nothing proves them. */
  readonly uncovered: number;
  readonly firstBad: BadEntry | null;
}

/**
 * Verifies the hash chain of a log, beside a server that may be writing it, and that it contains the entry of every
 * checkpoint. Throws `NexusError`: `usage` for a text that is no checkpoint of this fleet.
 */
export function verifyLog(
  source: LogSource,
  checkpoints: ReadonlyArray<{ readonly file: string; readonly text: string }>,
): VerifiedLog {
  return readLog(source, (log) => {
    const known = new Map<number, { hash: string; source: string }>();
    for (const { file, text } of checkpoints) {
      const head = parseCheckpoint(log.fleet, text);
      if (head === null) {
        throw new NexusError(
          'usage',
          `${file} is not a checkpoint of this fleet: it must hold what 'nexus log checkpoint' prints, which begins with nexus/${log.fleet}`,
        );
      }
      known.set(head.id, { hash: head.hash, source: `the checkpoint ${file}` });
    }
    const verifier = new ChainVerifier(known);
    let firstBad: BadEntry | null = null;
    for (const entry of log.chain()) {
      firstBad = verifier.add(entry);
      if (firstBad !== null) break;
    }
    return { entries: verifier.head.id, uncovered: verifier.uncovered, firstBad: firstBad ?? verifier.finish() };
  });
}

export interface ApplianceConfig {
  readonly dataDir: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** Agent requests in 60 s per token; 0: no limit. */
  readonly agentRateLimit: number;
  /** The contract's defaults when not given. */
  readonly retention?: Retention;
  /** Plain HTTP when not given. */
  readonly tls?: TlsSource;
  /** A Prometheus remote-write address to which every tick is forwarded. */
  readonly remoteWrite?: { readonly url: string; readonly authorization: string | null };
}

export interface Appliance {
  /** `http://HOST:PORT` or `https://HOST:PORT`, with the port that was bound. */
  readonly url: string;
  /** The CA by which clients know this server, in a file; null without TLS and with a certificate of another CA. */
  readonly authorityFile: string | null;
  readonly socketPath: string;
  /** Takes no further requests, finishes those it has taken, and releases the data directory. */
  close(): Promise<void>;
}

/** Work that only the passing of time calls for. Both are called again and again while the appliance is open. */
export interface PeriodicWork {
  /** Checks for silent hosts, rollouts that may continue, and a store that is gone. */
  tick(): Promise<void>;
  /** Ages history until `isOver` returns true. Returns whether there is more to do now. */
  ageHistory(isOver: () => boolean): boolean;
}

interface Stoppable {
  stop(): void;
}

/** The parts that connect the appliance to the machine. Tests and simulators replace them. */
export interface ApplianceParts {
  readonly storeSource: StoreSource;
  listen(surface: HttpSurface, address: TcpAddress): Promise<HttpListener>;
  listenLocally(surface: HttpSurface, socketPath: string): Promise<HttpListener>;
  /** Calls the periodic work until it is stopped. */
  drive(work: PeriodicWork): Stoppable;
  /** Starts the thread that reads telemetry. */
  startThread(): Worker;
}

const TICK_MS = 1000;
/** How often the certificate is looked at: whether its file has changed, or it is due for renewal. */
const CERTIFICATE_CHECK_MS = 60_000;
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

function realParts(dataDir: string, runtime: Runtime): ApplianceParts {
  return {
    storeSource: new DataDirectory(dataDir),
    listen: (surface, address) => listen(runtime, surface, address),
    listenLocally: (surface, socketPath) => listenLocally(runtime, surface, socketPath),
    drive(work) {
      const ticker = every(runtime, TICK_MS, () => void work.tick());
      const compaction = startCompaction(work, runtime);
      return {
        stop() {
          ticker.stop();
          compaction.stop();
        },
      };
    },
    startThread,
  };
}

/** `parts` replace the real ones. Throws `NexusError`: `usage`, `unreachable` (the address is taken) or `store_refused`. */
export async function openAppliance(
  config: ApplianceConfig,
  runtime: Runtime,
  log: Log,
  parts: Partial<ApplianceParts> = {},
): Promise<Appliance> {
  const dataDir = path.resolve(config.dataDir);
  const socketPath = socketPathIn(dataDir);
  const { storeSource, drive, ...own } = { ...realParts(dataDir, runtime), ...parts };
  const writer = new Writer(runtime, log);
  const maintenance = new HistoryMaintenance(writer, runtime, log, config.retention);
  const dispatches = new HostDispatches(writer, runtime);
  const intake = new ThreadedIntake(runtime, log, own.startThread);
  const feed = new CommittedFeed(writer, runtime);
  const { remoteWrite } = config;
  const forwarder =
    remoteWrite && new Forwarder({ ...remoteWrite, store: () => writer.attached().store, feed, runtime, log });
  const surface = new HttpSurface({
    commands: writer,
    telemetry: intake,
    queries: new CommittedFleetQueries(writer, maintenance),
    rollouts: new CommittedRolloutQueries(writer),
    stacks: new CommittedStackQueries(writer),
    feed,
    dispatches,
    identities: new TokenIdentities(writer),
    readiness: writer,
    output: writer,
    runtime,
    log,
    agentRateLimit: config.agentRateLimit,
    forwarding: forwarder && (() => forwarder.figures()),
  });
  const supervisor = new StoreSupervisor(writer, storeSource, runtime, log, () =>
    own.listenLocally(surface, socketPath),
  );
  const close = async (tcp?: HttpListener): Promise<void> => {
    dispatches.endPolls();
    feed.close();
    await Promise.all([tcp?.close(), supervisor.closeSocket()]);
    await intake.close();
    await writer.close();
    supervisor.release();
  };
  try {
    await supervisor.open();
    const certificate = config.tls && (await ServerCertificate.open(config.tls, dataDir, runtime, log));
    const tcp = await own.listen(surface, { ...config.listen, tls: certificate });
    const certificateCheck = certificate && every(runtime, CERTIFICATE_CHECK_MS, () => void certificate.reread());
    const driven = drive({
      async tick() {
        supervisor.watch();
        try {
          await writer.tick();
        } catch (error) {
          log.warn(
            { reason: messageOf(error) },
            'the server could not store what became due; it tries again at the next tick',
          );
        }
      },
      ageHistory: (isOver) => maintenance.work(isOver),
    });
    forwarder?.start();
    const host = config.listen.host.includes(':') ? `[${config.listen.host}]` : config.listen.host;
    return {
      url: `${certificate === undefined ? 'http' : 'https'}://${host}:${tcp.port}`,
      authorityFile: certificate?.authorityFile ?? null,
      socketPath,
      async close() {
        driven.stop();
        certificateCheck?.stop();
        await forwarder?.stop();
        await close(tcp);
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
