import { messageOf, NexusError } from '../domain/errors.ts';
import type { Log } from '../domain/log.ts';
import type { Runtime, Timer } from '../domain/runtime.ts';
import type { Store } from '../domain/store.ts';
import type { StoreSource } from '../domain/store-source.ts';

const REOPEN_MS = 1000;

/** What works on the store while there is one. */
export interface StoreUser {
  /** Fails as reading the store fails, and has closed it then. `onDetached` is called once it was let go of again. */
  attach(store: Store, onDetached: (reason: string) => void): Promise<void>;
  setUnready(reason: string): void;
  /** Closes the store it works on, because of `error`. */
  letGo(error: NexusError): void;
}

interface Closable {
  close(): Promise<void>;
}

/**
 * Takes the place of the store and opens it now, and again later whenever that failed or the writer had to let go of it:
 * a full disk, a foreign lock or a damaged file is answered with 503 and a log line, and never ends the process.
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
  /** Why it failed last; null while all is well. */
  #failure: string | null = null;
  #isClosing = false;

  /** `openSocket` is called once, when the place is taken. */
  constructor(user: StoreUser, source: StoreSource, runtime: Runtime, log: Log, openSocket: () => Promise<Closable>) {
    this.#user = user;
    this.#source = source;
    this.#runtime = runtime;
    this.#log = log;
    this.#openSocket = openSocket;
  }

  /** Throws `store_refused` when no waiting will help. */
  async open(): Promise<void> {
    try {
      this.#claim ??= this.#source.claim();
      this.#socket ??= await this.#openSocket();
      if (this.#isClosing) return await this.#socket.close();
      const store = await this.#source.open(this.#runtime.nowMs(), (failure) => this.#letGo(failure));
      await this.#user.attach(store, (reason) => this.#retry(reason));
      if (this.#failure !== null) this.#log.info({}, 'the store works again');
      this.#failure = null;
    } catch (error) {
      if (!(error instanceof NexusError) || error.code === 'store_refused') throw error;
      this.#user.setUnready(error.message);
      this.#retry(error.message);
    }
  }

  /** Notices a store that was deleted, emptied or replaced: what is acknowledged from then on would go with it. */
  watch(): void {
    try {
      this.#source.check();
    } catch (error) {
      if (!(error instanceof NexusError)) throw error;
      this.#letGo(error);
    }
  }

  #letGo(failure: NexusError): void {
    // Not now: the statement that met the damage is still under way.
    this.#runtime.defer(() => this.#user.letGo(failure));
  }

  /** Called when the store has just been closed, or could not be opened. */
  #retry(reason: string): void {
    if (this.#isClosing) return;
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

  /** Opens nothing any more, and closes the socket. */
  async closeSocket(): Promise<void> {
    this.#isClosing = true;
    this.#timer?.cancel();
    await this.#socket?.close();
  }

  release(): void {
    this.#claim?.release();
  }
}
