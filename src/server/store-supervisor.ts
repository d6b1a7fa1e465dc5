import { messageOf, NexusError } from '../domain/errors.ts';
import type { Log } from '../domain/log.ts';
import type { Runtime, Timer } from '../domain/runtime.ts';
import type { Store } from '../domain/store.ts';
import type { StoreSource } from '../domain/store-source.ts';

const REOPEN_MS = 1000;

/** The user of the store while it is open. */
export interface StoreUser {
  /** Rejects, and closes the store, when it cannot be read. `onDetached` is called once the user has closed it again. */
  attach(store: Store, onDetached: (reason: string) => void): Promise<void>;
  setUnready(reason: string): void;
  /** Closes the store because of `error`. */
  detach(error: NexusError): void;
}

interface Closable {
  close(): Promise<void>;
}

/**
 * Claims the place of the store and opens the store, now and again whenever opening fails or the writer has to close it: a
 * full disk, a foreign lock or a damaged file means 503 and a log line, and never ends the process.
 */
export class StoreSupervisor {
  readonly #user: StoreUser;
  readonly #source: StoreSource;
  readonly #runtime: Runtime;
  readonly #log: Log;
  readonly #openSocket: () => Promise<Closable>;
  #claim: { release(): void } | undefined;
  #socket: Closable | undefined;
  #timer: Timer | undefined;
  /** Why it failed last; null while it works. */
  #failure: string | null = null;
  #isClosing = false;

  /** `openSocket` is called once, after the place is claimed. */
  constructor(user: StoreUser, source: StoreSource, runtime: Runtime, log: Log, openSocket: () => Promise<Closable>) {
    this.#user = user;
    this.#source = source;
    this.#runtime = runtime;
    this.#log = log;
    this.#openSocket = openSocket;
  }

  /** Throws `store_refused` when waiting cannot help. */
  async open(): Promise<void> {
    try {
      this.#claim ??= this.#source.claim();
      this.#socket ??= await this.#openSocket();
      if (this.#isClosing) return await this.#socket.close();
      const store = await this.#source.open(this.#runtime.nowMs(), (failure) => this.#detach(failure));
      await this.#user.attach(store, (reason) => this.#retry(reason));
      if (this.#failure !== null) this.#log.info({}, 'the store works again');
      this.#failure = null;
    } catch (error) {
      if (!(error instanceof NexusError) || error.code === 'store_refused') throw error;
      this.#user.setUnready(error.message);
      this.#retry(error.message);
    }
  }

  /** Closes a store that was deleted, emptied or replaced: what it acknowledges from then on would be lost. */
  watch(): void {
    try {
      this.#source.check();
    } catch (error) {
      if (!(error instanceof NexusError)) throw error;
      this.#detach(error);
    }
  }

  #detach(failure: NexusError): void {
    // Deferred: the statement that met the damage is still running.
    this.#runtime.defer(() => this.#user.detach(failure));
  }

  /** Schedules the next attempt after the store was closed or could not be opened. */
  #retry(reason: string): void {
    if (this.#isClosing) return;
    if (reason !== this.#failure) {
      this.#log.error(
        { reason },
        'the store cannot be used: the server answers 503 and tries to open the store every second',
      );
    }
    this.#failure = reason;
    this.#timer = this.#runtime.setTimer(REOPEN_MS, () => {
      this.open().catch((error: unknown) => {
        this.#user.setUnready(messageOf(error));
        this.#log.error(
          { reason: messageOf(error) },
          'the store cannot be opened again without help: stop nexus serve and repair it',
        );
      });
    });
  }

  /** Makes no further attempt, and closes the socket. */
  async closeSocket(): Promise<void> {
    this.#isClosing = true;
    this.#timer?.cancel();
    await this.#socket?.close();
  }

  release(): void {
    this.#claim?.release();
  }
}
