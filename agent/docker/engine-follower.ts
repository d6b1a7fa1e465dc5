import { messageOf } from '../../src/domain/errors.ts';
import type { Log } from '../../src/domain/log.ts';
import type { Runtime } from '../../src/domain/runtime.ts';
import { delay } from '../../src/runtime/wait.ts';
import { planBackoffMs } from '../async/backoff.ts';
import { finishesWithin } from '../async/finishes-within.ts';
import { ContainerInventory } from './container-inventory.ts';
import type { ContainerView } from './container-view.ts';
import type { Docker } from './docker.ts';
import { followEvents, inspectContainer, listContainers } from './engine-reader.ts';
import { type EngineFailure, explainEngineFailure, failureOf } from './explain-engine-failure.ts';
import type { EngineEvent } from './parse-engine-event.ts';

export interface EngineFollowerOptions {
  /** A new connection to the engine: one for each attempt to follow it. */
  readonly connect: () => Docker;
  /** Where it is, for the log. */
  readonly socketPath: string;
  readonly maxContainers: number;
  /** How often the list is compared with the engine's, milliseconds. */
  readonly resyncMs: number;
  /** First wait before connecting again, milliseconds. */
  readonly backoffMs: number;
  readonly log: Log;
  readonly runtime: Runtime;
  /** Called with every container as it is inspected, so that its counters have a start to be compared with. */
  readonly onInspected: (view: ContainerView) => void;
}

const INSPECTIONS_AT_ONCE = 6;
/** A start raises several events within milliseconds: one inspection after them is enough. */
const GATHER_MS = 40;
/** The engine is on this machine, so trying again is cheap. */
const MAX_WAIT_MS = 15_000;
/** A connection that lasted this long ends the back-off of those before it. */
const SETTLED_MS = 60_000;

/**
 * Keeps the list of containers current by the engine's event stream: the events are opened first, then the whole list
 * is read, then only what changes is inspected. Reconnects for as long as it runs, and logs each kind of failure once.
 */
export class EngineFollower {
  readonly #options: EngineFollowerOptions;
  readonly #inventory: ContainerInventory;
  #connection: Docker | null = null;
  /** The attempt to connect and read the whole list; settled while none is being made. */
  #connecting: Promise<unknown> = Promise.resolve();
  #refreshing: Promise<void> | null = null;
  #synced = false;
  #engineVersion: string | null = null;
  #lastFailure: EngineFailure | null = null;
  #hasLoggedTooMany = false;

  constructor(options: EngineFollowerOptions) {
    this.#options = options;
    this.#inventory = new ContainerInventory(options.maxContainers);
  }

  /** The engine's containers, or null while no engine is followed. */
  get containers(): ContainerView[] | null {
    return this.#synced ? this.#inventory.views() : null;
  }

  /** As the engine last reported it; null before its first answer. */
  get engineVersion(): string | null {
    return this.#engineVersion;
  }

  /** The connection while it is followed; null while nothing is known of the engine. */
  get connection(): Docker | null {
    return this.#synced ? this.#connection : null;
  }

  /** Has a container inspected again, because its counters are not where they were. */
  markStale(id: string): void {
    this.#inventory.markStale(id);
    this.#refreshSoon();
  }

  /** Waits, at most `limitMs`, until everything the engine has announced by now is known. */
  async settle(limitMs: number): Promise<void> {
    // Two turns of the loop let an event that is already in the socket be read and applied.
    await this.#nextTurn();
    await this.#nextTurn();
    const work = this.#connecting.then(() => {
      this.#refreshSoon();
      return this.#refreshing;
    });
    await finishesWithin(this.#options.runtime, work, limitMs);
  }

  /** Follows until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { runtime, backoffMs, log } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const startedAtMs = runtime.monotonicMs();
      try {
        await this.#followOnce(signal);
        if (!signal.aborted) log.info({}, 'the Docker Engine closed its event stream: connecting again');
      } catch (error) {
        if (!signal.aborted) this.#logFailure(error);
      }
      this.#synced = false;
      this.#inventory.clear();
      failures = runtime.monotonicMs() - startedAtMs > SETTLED_MS ? 1 : failures + 1;
      const waitMs = planBackoffMs(failures, backoffMs, runtime.random());
      await delay(runtime, Math.min(MAX_WAIT_MS, waitMs), signal);
    }
  }

  async #followOnce(stop: AbortSignal): Promise<void> {
    const connection = this.#options.connect();
    const ended = new AbortController();
    // Not AbortSignal.any: every signal made from a long-lived one leaves a trace in it for good.
    const end = (): void => ended.abort();
    stop.addEventListener('abort', end);
    if (stop.aborted) end();
    this.#connection = connection;
    const opening = this.#open(connection, ended.signal);
    this.#connecting = opening.catch(() => {});
    try {
      const { stream } = await opening;
      await this.#keepInStep(connection, stream);
    } finally {
      end();
      stop.removeEventListener('abort', end);
      this.#connection = null;
      connection.close();
    }
  }

  /** Opens the events before reading the list, so that nothing in between is missed. The stream is wrapped, not awaited. */
  async #open(connection: Docker, signal: AbortSignal): Promise<{ readonly stream: Promise<void> }> {
    this.#engineVersion = (await connection.negotiate()).version;
    const opened = Promise.withResolvers<void>();
    const onEvent = (event: EngineEvent): void => {
      this.#inventory.apply(event);
      this.#refreshSoon();
    };
    const stream = followEvents(connection, opened.resolve, onEvent, signal);
    // #keepInStep awaits it; until then its failure must not count as an unhandled rejection.
    stream.catch(() => {});
    await Promise.race([opened.promise, stream]);
    this.#inventory.reconcile(await listContainers(connection), true);
    await this.#inspectStale(connection);
    this.#synced = true;
    this.#logConnected();
    // Inspects what was announced since the last answer.
    this.#refreshSoon();
    return { stream };
  }

  /** Until the stream ends, compares the list with the engine's now and then: a slow reader may have lost events. */
  async #keepInStep(connection: Docker, stream: Promise<void>): Promise<void> {
    const { runtime, resyncMs } = this.#options;
    while (!(await finishesWithin(runtime, stream, resyncMs))) {
      try {
        this.#inventory.reconcile(await listContainers(connection), false);
        if (this.#lastFailure !== null) this.#logConnected();
        this.#logTooMany();
        this.#refreshSoon();
      } catch (error) {
        this.#logFailure(error);
      }
    }
  }

  /** Starts inspecting what is stale, unless that is going on; before the list is known, #open does it itself. */
  #refreshSoon(): void {
    const connection = this.#connection;
    if (connection === null || !this.#synced || this.#refreshing !== null || this.#inventory.staleCount === 0) return;
    this.#refreshing = this.#refresh(connection).finally(() => {
      this.#refreshing = null;
    });
  }

  async #refresh(connection: Docker): Promise<void> {
    await delay(this.#options.runtime, GATHER_MS);
    try {
      await this.#inspectStale(connection);
      if (this.#synced && this.#lastFailure !== null) this.#logConnected();
    } catch (error) {
      if (connection === this.#connection) this.#logFailure(error);
    }
  }

  #nextTurn(): Promise<void> {
    return new Promise((resolve) => this.#options.runtime.defer(resolve));
  }

  /** Inspects until nothing is stale. Throws a failure; the containers it concerns stay stale. */
  async #inspectStale(connection: Docker): Promise<void> {
    while (connection === this.#connection && this.#inventory.staleCount > 0) {
      const ids = this.#inventory.takeStale(INSPECTIONS_AT_ONCE);
      const answers = await Promise.allSettled(ids.map((id) => inspectContainer(connection, id)));
      let failure: unknown;
      ids.forEach((id, index) => {
        const answer = answers[index];
        if (answer?.status === 'fulfilled') this.#take(id, answer.value);
        else {
          this.#inventory.markStale(id);
          failure = answer?.reason;
        }
      });
      if (failure !== undefined) throw failure;
    }
  }

  #take(id: string, view: ContainerView | null): void {
    if (this.#inventory.learn(id, view) && view !== null) this.#options.onInspected(view);
  }

  #logConnected(): void {
    const containers = this.#inventory.views().length;
    this.#options.log.info({ engine_version: this.#engineVersion, containers }, 'following the Docker Engine');
    this.#lastFailure = null;
    this.#logTooMany();
  }

  #logTooMany(): void {
    if (this.#inventory.leftOut === 0 || this.#hasLoggedTooMany) return;
    this.#hasLoggedTooMany = true;
    this.#options.log.warn(
      { limit: this.#options.maxContainers, left_out: this.#inventory.leftOut },
      'the engine has more containers than one tick may carry: those that run are reported first, then the youngest',
    );
  }

  #logFailure(error: unknown): void {
    const failure = failureOf(error);
    if (failure === this.#lastFailure) return;
    this.#lastFailure = failure;
    const { log, socketPath } = this.#options;
    log.warn({ reason: messageOf(error) }, explainEngineFailure(failure, socketPath));
  }
}
