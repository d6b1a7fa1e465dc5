import { isDeepStrictEqual } from 'node:util';
import { messageOf, NexusError } from '../domain/errors.ts';
import type { Log } from '../domain/log.ts';
import type { Runtime, Timer } from '../domain/runtime.ts';
import type { Store } from '../domain/store.ts';
import { RESTORE } from './connection.ts';
import { type FileStamp, stampOf } from './file-stamp.ts';
import { databaseIn, lockDirectory, openStore } from './open-store.ts';

const REOPEN_MS = 1000;

/** Whoever works on the store while there is one. */
export interface StoreUser {
  /** Throws what reading the store throws, and has closed it then. `onDetached` is called once it was let go of again. */
  attach(store: Store, onDetached: (reason: string) => void): Promise<void>;
  setUnready(reason: string): void;
  /** Closes the store it works on, because of `error`. */
  letGo(error: NexusError): void;
}

interface Closable {
  close(): Promise<void>;
}

/**
 * Takes the data directory and opens the store now, and again later whenever that failed or the engine had to let go
 * of it: a full disk, a foreign lock or a damaged file is answered with 503 and a log line, and never ends the process.
 */
export class StoreSupervisor {
  readonly #user: StoreUser;
  readonly #dataDir: string;
  readonly #runtime: Runtime;
  readonly #log: Log;
  readonly #openSocket: () => Promise<Closable>;
  #lock: { release(): void } | undefined;
  #socket: Closable | undefined;
  #timer: Timer | undefined;
  /** Why it failed last; null while all is well. */
  #failure: string | null = null;
  /** The file that the engine works on; null while there is none. */
  #opened: FileStamp | null = null;
  /** Whether this process has had the database open: then a directory without one is a disk that went away. */
  #hasOpened = false;
  /** Set once the file was found damaged or lost: it is left alone until it has changed or another takes its place. */
  #suspicion: { readonly error: NexusError; readonly stamp: FileStamp | null | undefined } | null = null;
  #isClosing = false;

  constructor(user: StoreUser, dataDir: string, runtime: Runtime, log: Log, openSocket: () => Promise<Closable>) {
    this.#user = user;
    this.#dataDir = dataDir;
    this.#runtime = runtime;
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
      const nowMs = this.#runtime.nowMs();
      const store = openStore(this.#dataDir, nowMs, (error) => this.#suspect(error));
      await this.#user.attach(store, (reason) => this.#retry(reason));
      this.#opened = stampOf(databaseIn(this.#dataDir));
      this.#hasOpened = true;
      if (this.#failure !== null) this.#log.info({}, 'the store works again');
      this.#failure = null;
    } catch (error) {
      if (!(error instanceof NexusError) || error.code === 'store_refused') throw error;
      this.#user.setUnready(error.message);
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
    this.#runtime.defer(() => this.#user.letGo(error));
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
    this.#timer = this.#runtime.setTimer(REOPEN_MS, () => {
      this.open().catch((error: unknown) => {
        this.#user.setUnready(messageOf(error));
        this.#log.error({ reason: messageOf(error) }, 'the store was refused: stop nexus serve and mend it');
      });
    });
  }

  async closeSocket(): Promise<void> {
    this.#isClosing = true;
    this.#timer?.cancel();
    await this.#socket?.close();
  }

  release(): void {
    this.#lock?.release();
  }
}
