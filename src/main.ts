/** The appliance: all wiring, nothing else. Tests boot this same function on port 0. */
import { chmodSync, rmSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from './domain/clock.ts';
import { messageOf, NexusError } from './domain/errors.ts';
import type { Retention } from './domain/history.ts';
import type { Log } from './domain/log.ts';
import { startCompaction } from './engine/compaction-loop.ts';
import { Engine } from './engine/engine.ts';
import { type ExportRequest, HistoryExport } from './engine/export-history.ts';
import { FleetReader } from './engine/read-fleet.ts';
import { RolloutReader } from './engine/read-rollouts.ts';
import { writeCsv } from './export/csv.ts';
import type { Sink } from './export/export-row.ts';
import { writeOpenMetrics } from './export/open-metrics.ts';
import { type HttpListener, listen } from './http/http-server.ts';
import { HttpSurface } from './http/http-surface.ts';
import { Forwarder } from './remote-write/forwarder.ts';
import { RESTORE } from './sqlite/connection.ts';
import { type FileStamp, stampOf } from './sqlite/file-stamp.ts';
import { openReader } from './sqlite/open-reader.ts';
import { databaseIn, lockDirectory, openStore } from './sqlite/open-store.ts';

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
  log: Log,
): Promise<{ damaged: number }> {
  const reader = openReader(directory);
  try {
    const source = new HistoryExport(reader, request, log);
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
  readonly remoteWriteUrl?: string;
}

export interface Appliance {
  /** `http://HOST:PORT` with the port that was bound. */
  readonly url: string;
  readonly socketPath: string;
  /** Stops taking, finishes what was taken, and lets go of the data directory. */
  close(): Promise<void>;
}

const TICK_MS = 1000;
const REOPEN_MS = 1000;
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

/**
 * Takes the data directory and opens the store now, and again later whenever that failed or the engine had to let go
 * of it: a full disk, a foreign lock or a damaged file is answered with 503 and a log line, and never ends the process.
 */
class StoreKeeper {
  readonly #engine: Engine;
  readonly #dataDir: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #openSocket: () => Promise<HttpListener>;
  #lock: { release(): void } | undefined;
  #socket: HttpListener | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Why it failed last; null while all is well. */
  #failure: string | null = null;
  /** The file that the engine works on; null while there is none. */
  #opened: FileStamp | null = null;
  /** Whether this process has had the database open: then a directory without one is a disk that went away. */
  #hasOpened = false;
  /** Set once the file was found damaged or lost: it is left alone until it has changed or another takes its place. */
  #suspicion: { readonly error: NexusError; readonly stamp: FileStamp | null | undefined } | null = null;
  #isClosing = false;

  constructor(engine: Engine, dataDir: string, clock: Clock, log: Log, openSocket: () => Promise<HttpListener>) {
    this.#engine = engine;
    this.#dataDir = dataDir;
    this.#clock = clock;
    this.#log = log;
    this.#openSocket = openSocket;
  }

  /** Throws `store_refused` when no waiting will help. */
  async open(): Promise<void> {
    try {
      this.#lock ??= lockDirectory(this.#dataDir);
      this.#socket ??= await this.#openSocket();
      if (this.#isClosing) return await this.#socket.close();
      this.#requireTrust();
      const nowMs = this.#clock.nowMs();
      const store = openStore(this.#dataDir, nowMs, (error) => this.#suspect(error));
      this.#engine.attach(store, nowMs, (reason) => this.#retry(reason));
      this.#opened = stampOf(databaseIn(this.#dataDir));
      this.#hasOpened = true;
      if (this.#failure !== null) this.#log.info({}, 'the store works again');
      this.#failure = null;
    } catch (error) {
      if (!(error instanceof NexusError) || error.code === 'store_refused') throw error;
      this.#engine.setUnready(error.message);
      this.#retry(error.message);
    }
  }

  /** Notices a file that was deleted, emptied or replaced: what is acknowledged from then on would go with it. */
  watch(): void {
    if (this.#opened === null) return;
    const stamp = stampOf(databaseIn(this.#dataDir));
    if (stamp !== null && stamp.inode === this.#opened.inode && stamp.sizeBytes > 0) return;
    this.#suspect(this.#lost());
  }

  #lost(): NexusError {
    return new NexusError(
      'store_unavailable',
      `${databaseIn(this.#dataDir)} was deleted, emptied or replaced while it was in use: check that its disk is ` +
        `mounted; if it is lost, ${RESTORE}`,
    );
  }

  #suspect(error: NexusError): void {
    this.#suspicion = { error, stamp: undefined };
    // Not now: the statement that met the damage is still under way.
    setImmediate(() => this.#engine.letGo(error));
  }

  #requireTrust(): void {
    const stamp = stampOf(databaseIn(this.#dataDir));
    if (this.#suspicion !== null && isDeepStrictEqual(stamp, this.#suspicion.stamp)) throw this.#suspicion.error;
    if (this.#hasOpened && (stamp === null || stamp.sizeBytes === 0)) throw this.#lost();
    this.#suspicion = null;
  }

  /** Called when the store has just been closed, or could not be opened. */
  #retry(reason: string): void {
    if (this.#isClosing) return;
    this.#opened = null;
    if (this.#suspicion !== null && this.#suspicion.stamp === undefined) {
      this.#suspicion = { ...this.#suspicion, stamp: stampOf(databaseIn(this.#dataDir)) };
    }
    if (reason !== this.#failure) {
      this.#log.error({ reason }, 'the store cannot be used: answering 503 and trying again every second');
    }
    this.#failure = reason;
    this.#timer = setTimeout(() => {
      this.open().catch((error: unknown) => {
        this.#engine.setUnready(messageOf(error));
        this.#log.error({ reason: messageOf(error) }, 'the store was refused: stop nexus serve and mend it');
      });
    }, REOPEN_MS);
  }

  async closeSocket(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#timer);
    await this.#socket?.close();
  }

  release(): void {
    this.#lock?.release();
  }
}

/** Throws `NexusError`: `usage`, `unreachable` (the address is taken) or `store_refused`. */
export async function openAppliance(config: ApplianceConfig, clock: Clock, log: Log): Promise<Appliance> {
  const dataDir = path.resolve(config.dataDir);
  const socketPath = socketPathIn(dataDir);
  const engine = new Engine(log, config.retention);
  const surface = new HttpSurface({
    commands: engine,
    queries: new FleetReader(engine),
    rollouts: new RolloutReader(engine),
    dispatches: engine,
    identities: engine,
    readiness: engine,
    clock,
    log,
    agentRateLimit: config.agentRateLimit,
  });
  const keeper = new StoreKeeper(engine, dataDir, clock, log, () => listenLocally(surface, socketPath));
  const close = async (tcp?: HttpListener): Promise<void> => {
    engine.endPolls();
    await Promise.all([tcp?.close(), keeper.closeSocket()]);
    engine.close(clock.nowMs());
    keeper.release();
  };
  try {
    await keeper.open();
    const tcp = await listen(surface, config.listen);
    const ticker = setInterval(() => {
      keeper.watch();
      engine.tick(clock.nowMs()).catch((error: unknown) => {
        log.warn({ reason: messageOf(error) }, 'the ticker could not write');
      });
    }, TICK_MS);
    const compaction = startCompaction(engine, clock);
    const forwarder =
      config.remoteWriteUrl === undefined
        ? undefined
        : new Forwarder({
            url: config.remoteWriteUrl,
            store: () => engine.committed().store,
            nowMs: () => clock.nowMs(),
            log,
          });
    forwarder?.start();
    const host = config.listen.host.includes(':') ? `[${config.listen.host}]` : config.listen.host;
    return {
      url: `http://${host}:${tcp.port}`,
      socketPath,
      async close() {
        clearInterval(ticker);
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
async function listenLocally(surface: HttpSurface, socketPath: string): Promise<HttpListener> {
  try {
    rmSync(socketPath, { force: true });
    const listener = await listen(surface, { socketPath });
    chmodSync(socketPath, 0o600);
    return listener;
  } catch (error) {
    const advice = 'make the data directory writable for this user, or choose another with --data';
    throw new NexusError('store_unavailable', `cannot create ${socketPath}: ${messageOf(error)}; ${advice}`, {
      cause: error,
    });
  }
}
