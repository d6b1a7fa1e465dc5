import type { NexusClient } from '../../client/nexus-client.ts';
import type { NexusError } from '../../domain/errors.ts';
import type { Runtime } from '../../domain/runtime.ts';
import { delay } from '../../runtime/wait.ts';
import type { LogEventBody } from '../../wire/operator.ts';
import { asOutage } from '../operator/outage.ts';

/** After a stream that has ended: a server that restarts is back within a second or two. */
const RECONNECT_MS = 1_000;

export interface LogListener {
  onEntry(entry: LogEventBody): void;
  /** The server takes the stream, for the first time or again. */
  onOpen(): void;
  /** The server is away, restarting or overloaded; it is asked again. */
  onOutage(outage: NexusError): void;
}

/** Follows the log of one rollout in the background, across restarts of the server, until it is stopped. */
export class RolloutLogFollower {
  readonly #client: NexusClient;
  readonly #id: string;
  readonly #runtime: Runtime;
  readonly #listener: LogListener;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  #position = 0;
  #hasNews = false;
  #failure: unknown;
  #wakeUp: (() => void) | null = null;

  constructor(client: NexusClient, id: string, runtime: Runtime, listener: LogListener) {
    this.#client = client;
    this.#id = id;
    this.#runtime = runtime;
    this.#listener = listener;
    this.#ended = this.#run();
  }

  /** The id of the last entry that was handed on. */
  get position(): number {
    return this.#position;
  }

  /**
   * Returns whether there was news since the last call, after at most `waitMs`. A stream that was opened again counts:
   * what happened meanwhile may have ended the rollout. Throws what no waiting mends.
   */
  async news(waitMs: number): Promise<boolean> {
    if (!this.#hasNews && this.#failure === undefined) {
      const woken = new AbortController();
      this.#wakeUp = () => woken.abort();
      await delay(this.#runtime, waitMs, woken.signal);
      this.#wakeUp = null;
    }
    if (this.#failure !== undefined) throw this.#failure;
    const hasNews = this.#hasNews;
    this.#hasNews = false;
    return hasNews;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }

  #note(): void {
    this.#hasNews = true;
    this.#wakeUp?.();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        try {
          this.#listener.onOutage(asOutage(error));
        } catch (failure) {
          this.#failure = failure;
          this.#wakeUp?.();
          return;
        }
      }
      await delay(this.#runtime, RECONNECT_MS, signal);
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const span = { after: this.#position, rolloutId: this.#id, signal };
    const onOpen = (): void => {
      this.#listener.onOpen();
      this.#note();
    };
    for await (const entry of this.#client.followEvents(span, onOpen)) {
      this.#listener.onEntry(entry);
      this.#position = entry.id;
      this.#note();
    }
  }
}
