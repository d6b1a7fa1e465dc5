/**
 * The single writer. Commands wait in a bounded inbox; those that wait when the writer comes to them are handled as one
 * batch and share one commit, and each is answered only once that has succeeded (group commit: under load one sync
 * serves hundreds of answers, and an idle server adds no delay).
 *
 *     submit ─► inbox ─► batch: look up what memory lacks, handle, handle, …, advance ─► commit (synced) ─► answers, effects
 *
 * Memory is ahead of the store while a commit is under way. So whatever is read from memory leaves through `gate`: at
 * once where the store commits synchronously, and else only when the commit has succeeded.
 *
 * A refusal is an answer. When the store fails, everything in the batch is answered `store_unavailable` and the writer
 * lets go of the store and of its memory; whoever opens the store again attaches it again. When a handler fails on a
 * defect of ours, memory is loaded again and the batch is tried command by command, so that only the one that cannot be
 * handled fails.
 */
import type { Command, CommandOf, Outcomes } from '../domain/command.ts';
import { invariant, messageOf, NexusError } from '../domain/errors.ts';
import type { LogEvent } from '../domain/event-log.ts';
import type { QueueFigures } from '../domain/figures.ts';
import type { Log } from '../domain/log.ts';
import type { Lookup } from '../domain/lookups.ts';
import type { Commands, OutputGate, Readiness } from '../domain/ports.ts';
import type { Runtime, Timer } from '../domain/runtime.ts';
import type { Store } from '../domain/store.ts';
import type { Write } from '../domain/writes.ts';
import { advance, type CommandAnswer, handle, lookups } from './commands/handle.ts';
import { isSweepDue } from './commands/sweep.ts';
import type { Effect } from './state/changes.ts';
import { LookupCache } from './state/lookup-cache.ts';
import { type Attached, loadState, type State } from './state/state.ts';

export const WRITER_LIMITS = {
  /** Commands that may wait; one more is refused with `overloaded`. */
  maxWaiting: 8192,
  /** Telemetry is refused first: it is repeated by itself, an operator's command is not. */
  maxWaitingTelemetry: 6144,
  /** Commands of one batch. */
  maxBatch: 512,
  /** Times that things are looked up for one batch: what was found may lead to more. */
  maxLookupRounds: 16,
  /**
   * What comes within this time after a commit waits for its end and shares the next one: each costs its sync and the
   * pages that all of them write, so that a busy server answers sooner for it.
   */
  restMs: 2,
  /** So many commands wait for no other. */
  fullBatch: 64,
} as const;

interface Waiting {
  readonly command: Command;
  readonly resolve: (outcome: Outcomes[Command['kind']]) => void;
  readonly reject: (error: unknown) => void;
}

/** What a commit has made true, for everybody who follows it. */
export interface Committed {
  /** In the order of their ids, which have no gap from one commit to the next. */
  readonly entries: readonly LogEvent[];
  readonly effects: readonly Effect[];
  /** How many ticks were stored. */
  readonly ticks: number;
}

export class Writer implements Commands, Readiness, OutputGate {
  readonly #runtime: Runtime;
  readonly #log: Log;
  readonly #inbox: Waiting[] = [];
  readonly #followers: Array<(committed: Committed) => void> = [];
  #attached: Attached | null = null;
  #unreadyReason: string | null = 'the store is being opened';
  #onDetached: ((reason: string) => void) | null = null;
  /** What is being worked on; null: nothing. */
  #work: Promise<void> | null = null;
  /** The commands of the batch that is being worked on. */
  #batch: readonly Waiting[] = [];
  /** The commit that is being waited for; null with a store that commits synchronously. */
  #commitUnderWay: Promise<void> | null = null;
  /** The latest time of any command so far, by the wall clock. */
  #commandMs = 0;
  #isDue = false;
  #rest: Timer | null = null;
  /** When the last commit ended, by the monotonic clock. */
  #committedAtMs = Number.NEGATIVE_INFINITY;

  constructor(runtime: Runtime, log: Log) {
    this.#runtime = runtime;
    this.#log = log;
  }

  /**
   * Takes over an open store. `onDetached` is called once when the writer has had to let go of it again. Throws
   * `store_unavailable`, and has closed the store then, when what is stored cannot be read.
   */
  async attach(store: Store, onDetached: (reason: string) => void): Promise<void> {
    const listeningSinceMs = this.#runtime.nowMs();
    try {
      const snapshot = store.load();
      const state = loadState(snapshot instanceof Promise ? await snapshot : snapshot, listeningSinceMs);
      this.#attached = { store, state };
    } catch (error) {
      store.close();
      if (error instanceof NexusError) throw error;
      // It lies in what is stored: no restart mends it, so it must not end the process either.
      const advice = 'start the version of Nexus that wrote it, or restore a backup';
      throw new NexusError('store_unavailable', `the stored data cannot be read (${messageOf(error)}): ${advice}`, {
        cause: error,
      });
    }
    this.#onDetached = onDetached;
    this.#unreadyReason = null;
  }

  /** Lets go of the store because of something that was found wrong with it outside of a commit. */
  letGo(error: NexusError): void {
    if (this.#attached !== null) this.#detach(this.#attached, error);
  }

  /** Why no commands are taken, until `attach`. */
  setUnready(reason: string): void {
    this.#unreadyReason = reason;
  }

  unreadyReason(): string | null {
    return this.#unreadyReason;
  }

  queue(): QueueFigures {
    return { depth: this.#inbox.length, limit: WRITER_LIMITS.maxWaiting };
  }

  /** Calls `follow` after every commit that has changed the log, has stored ticks or has effects. */
  follow(follow: (committed: Committed) => void): void {
    this.#followers.push(follow);
  }

  /**
   * Memory, which the commit under way may have changed already, and the store, which is as it was before that: what is
   * computed from memory must leave through {@link gate}. Throws `store_unavailable` while there is none.
   */
  attached(): Attached {
    if (this.#attached === null || this.#unreadyReason !== null) throw this.#unready();
    return this.#attached;
  }

  /** As {@link attached}; null while there is none, or while a batch is worked on. */
  atRest(): Attached | null {
    return this.#unreadyReason === null && this.#work === null ? this.#attached : null;
  }

  gate<T>(value: T): T | Promise<T> {
    return this.#commitUnderWay === null ? value : this.#commitUnderWay.then(() => value);
  }

  /** What `read` makes of memory and store, or throws, once it may leave. `read` must not wait for anything. */
  read<T>(read: (attached: Attached) => T): T | Promise<T> {
    try {
      return this.gate(read(this.attached()));
    } catch (error) {
      if (this.#commitUnderWay === null) throw error;
      return this.#commitUnderWay.then(() => {
        throw error;
      });
    }
  }

  #unready(): NexusError {
    return new NexusError('store_unavailable', `not ready: ${this.#unreadyReason ?? 'the store is closed'}`);
  }

  submit<K extends Command['kind']>(command: CommandOf<K>): Promise<Outcomes[K]> {
    if (this.#unreadyReason !== null) return Promise.reject(this.#unready());
    const isTelemetry = command.kind === 'report_tick' || command.kind === 'back_fill';
    const limit = isTelemetry ? WRITER_LIMITS.maxWaitingTelemetry : WRITER_LIMITS.maxWaiting;
    if (this.#inbox.length >= limit) {
      return Promise.reject(new NexusError('overloaded', 'too many requests are waiting: try again shortly'));
    }
    const answered = new Promise<Outcomes[Command['kind']]>((resolve, reject) => {
      this.#inbox.push({ command: command as Command, resolve, reject });
    });
    this.#schedule();
    return answered as Promise<Outcomes[K]>;
  }

  /** Writes down what time alone has changed, if it has changed anything. */
  async tick(): Promise<void> {
    if (this.#attached === null || this.#unreadyReason !== null) return;
    const nowMs = this.#runtime.nowMs();
    if (isSweepDue(this.#attached.state, nowMs)) await this.submit({ kind: 'sweep', nowMs });
  }

  /** Finishes what waits, takes nothing more, and closes the store. */
  async close(): Promise<void> {
    if (this.#attached !== null && this.#unreadyReason === null) {
      this.#inbox.push({
        command: { kind: 'sweep', nowMs: this.#runtime.nowMs() },
        resolve: () => {},
        reject: (error) => this.#log.error({ reason: messageOf(error) }, 'the last token uses could not be kept'),
      });
    }
    while (this.#attached !== null && (this.#inbox.length > 0 || this.#work !== null)) await this.#workNow();
    this.#rest?.cancel();
    this.#refuse(this.#inbox.splice(0), new NexusError('overloaded', 'the server is shutting down: try again shortly'));
    this.#unreadyReason = 'the server is shutting down';
    this.#attached?.store.close();
    this.#attached = null;
  }

  /** At the end of this turn, or when the writer has rested since its last commit. */
  #schedule(): void {
    if (this.#isDue || this.#work !== null) return;
    if (this.#inbox.length >= WRITER_LIMITS.fullBatch) return this.#workSoon();
    if (this.#rest !== null) return;
    const restMs = this.#committedAtMs + WRITER_LIMITS.restMs - this.#runtime.monotonicMs();
    if (restMs <= 0) return this.#workSoon();
    this.#rest = this.#runtime.setTimer(restMs, () => this.#workSoon());
  }

  #workSoon(): void {
    this.#isDue = true;
    this.#rest?.cancel();
    this.#rest = null;
    this.#runtime.defer(() => {
      this.#isDue = false;
      if (this.#inbox.length > 0 || this.#hasMore) void this.#workNow();
    });
  }

  /** Whether the last batch left more to do than one may. */
  get #hasMore(): boolean {
    const state = this.#attached?.state;
    return state !== undefined && (state.driver.hasMore || state.judge.hasMore);
  }

  /** Ends when the batch that is being worked on is over, or else the next one. Never rejects. */
  #workNow(): Promise<void> {
    this.#work ??= this.#workOnBatch().then(() => {
      this.#work = null;
      if (this.#inbox.length > 0 || this.#hasMore) this.#schedule();
    });
    return this.#work;
  }

  async #workOnBatch(): Promise<void> {
    const batch = this.#inbox.splice(0, WRITER_LIMITS.maxBatch);
    const attached = this.#attached;
    if (attached === null) return this.#refuse(batch, this.#unready());
    this.#batch = batch;
    try {
      await this.#commit(attached, batch);
    } catch (error) {
      if (error instanceof NexusError) return this.#detach(attached, error);
      const fields = { reason: messageOf(error), stack: stackOf(error), commands: batch.length };
      this.#log.error(fields, 'a batch failed: its commands are tried one by one');
      await this.#commitOneByOne(attached.store, batch);
    } finally {
      this.#batch = [];
    }
  }

  /**
   * Commits what the batch comes to and answers it. An empty one goes on with what the one before left to do. Waits for
   * nothing with a store that does not wait. Throws only store failures and defects; a refusal is an answer.
   */
  async #commit(attached: Attached, batch: readonly Waiting[]): Promise<void> {
    const { state, store } = attached;
    for (const { command } of batch) this.#commandMs = Math.max(this.#commandMs, command.nowMs);
    const found = new LookupCache();
    for (let round = 0; ; round += 1) {
      const missing = this.#missing(state, batch, found);
      if (missing.length === 0) break;
      invariant(round < WRITER_LIMITS.maxLookupRounds, 'what commands must find comes to an end');
      const results = store.lookUp(missing);
      found.put(missing, results instanceof Promise ? await results : results);
      if (this.#attached !== attached) return;
    }
    const writes: Write[] = [];
    const effects: Effect[] = [];
    const answers: CommandAnswer[] = [];
    for (const { command } of batch) {
      // A command before this one may have changed what it must find: then it begins the next batch.
      if (!found.hasAll(lookups(state, command, found))) break;
      const handled = handle(state, command, found);
      answers.push(handled.answer);
      for (const write of handled.writes) writes.push(write);
      for (const effect of handled.effects) effects.push(effect);
    }
    invariant(answers.length > 0 || batch.length === 0, 'the first command of a batch finds what it must');
    if (answers.length < batch.length) this.#inbox.unshift(...batch.slice(answers.length));
    // What follows by itself from these commands is committed with them.
    const advanced = advance(state, this.#commandMs, found);
    writes.push(...advanced.writes);
    effects.push(...advanced.effects);
    if (writes.length > 0) {
      const committed = store.commit(writes);
      if (committed instanceof Promise) await this.#waitFor(committed);
      if (this.#attached !== attached) return;
      this.#committedAtMs = this.#runtime.monotonicMs();
    }
    answers.forEach((answer, index) => {
      this.#answer(batch[index], answer);
    });
    this.#announce(writes, effects);
  }

  /** What the batch must find and has not, as far as can be said by now. */
  #missing(state: State, batch: readonly Waiting[], found: LookupCache): Lookup[] {
    const missing: Lookup[] = [];
    const note = (wanted: readonly Lookup[]): void => {
      for (const lookup of wanted) if (!found.has(lookup)) missing.push(lookup);
    };
    for (const { command } of batch) note(lookups(state, command, found));
    note(state.judge.lookupsOfNext(this.#commandMs, found));
    return missing;
  }

  async #waitFor(committed: Promise<void>): Promise<void> {
    this.#commitUnderWay = committed.catch((error: unknown) => {
      const reason = `what was read could not be committed: ${messageOf(error)}`;
      throw new NexusError('store_unavailable', reason, { cause: error });
    });
    // Often nobody waits for it.
    this.#commitUnderWay.catch(() => {});
    try {
      await committed;
    } finally {
      this.#commitUnderWay = null;
    }
  }

  #answer(waiting: Waiting | undefined, answer: CommandAnswer): void {
    if (waiting === undefined) return;
    if (answer.ok) return waiting.resolve(answer.outcome);
    const { command } = waiting;
    const { refusal } = answer;
    if (command.kind === 'report_event' && refusal.code === 'conflict') {
      const { hostname, rolloutId, numbered } = command;
      const fields = { host: hostname, rollout_id: rolloutId, seq: numbered.seq, type: numbered.event.type };
      this.#log.warn({ ...fields, ...refusal.details, reason: refusal.message }, 'event refused');
    }
    waiting.reject(refusal);
  }

  #announce(writes: readonly Write[], effects: readonly Effect[]): void {
    const entries: LogEvent[] = [];
    let ticks = 0;
    for (const write of writes) {
      if (write.kind === 'append_entry') entries.push(write.entry);
      else if (write.kind === 'insert_tick') ticks += 1;
    }
    if (entries.length === 0 && effects.length === 0 && ticks === 0) return;
    for (const follow of this.#followers) follow({ entries, effects, ticks });
  }

  async #commitOneByOne(store: Store, batch: readonly Waiting[]): Promise<void> {
    let attached = await this.#reload(store);
    for (const waiting of batch) {
      if (attached === null) return;
      try {
        await this.#commit(attached, [waiting]);
      } catch (error) {
        if (error instanceof NexusError) return this.#detach(attached, error);
        const fields = { command: waiting.command.kind, reason: messageOf(error), stack: stackOf(error) };
        this.#log.error(fields, 'a command failed on a defect');
        waiting.reject(
          new NexusError('internal', "this request failed because of a defect in Nexus: see the server's log", {
            cause: error,
          }),
        );
        attached = await this.#reload(store);
      }
    }
  }

  /** Drops memory and loads it again; null when the writer has had to let go of the store. */
  async #reload(store: Store): Promise<Attached | null> {
    const before = this.#attached;
    if (before?.store !== store) return null;
    try {
      const snapshot = store.load();
      const loaded = snapshot instanceof Promise ? await snapshot : snapshot;
      if (this.#attached !== before) return null;
      this.#attached = { store, state: loadState(loaded, before.state.listeningSinceMs) };
      return this.#attached;
    } catch (error) {
      const failure =
        error instanceof NexusError ? error : new NexusError('internal', messageOf(error), { cause: error });
      this.#detach(before, failure);
      return null;
    }
  }

  #detach(attached: Attached, error: NexusError): void {
    if (this.#attached !== attached) return;
    this.#log.error(
      { code: error.code, reason: error.message },
      'the store failed: answering 503 until it works again',
    );
    this.#attached = null;
    this.#unreadyReason = error.message;
    this.#refuse([...this.#batch, ...this.#inbox.splice(0)], this.#unready());
    try {
      attached.store.close();
    } catch (closeError) {
      this.#log.warn({ reason: messageOf(closeError) }, 'the failed store could not be closed cleanly');
    }
    this.#onDetached?.(error.message);
  }

  /** Those that have been answered already stay so. */
  #refuse(waiting: readonly Waiting[], error: NexusError): void {
    for (const { reject } of waiting) reject(error);
  }
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined;
}
