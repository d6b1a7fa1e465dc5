/**
 * The single writer. Commands wait in a bounded inbox. The writer handles all that wait as one batch with one commit, and
 * answers each only after the commit has succeeded. (This is group commit: under load one sync serves hundreds of
 * answers, and an idle server adds no delay.)
 *
 *     submit ─► inbox ─► batch: look up what memory lacks, handle, handle, …, advance ─► commit (synced) ─► answers, effects
 *
 * Memory is ahead of the store while a commit is under way. Whatever is read from memory therefore leaves through `gate`:
 * at once when the store commits synchronously, otherwise after the commit has succeeded.
 *
 * A refusal is an answer. When the store fails, every command of the batch is answered `store_unavailable`, and the
 * writer discards its memory and closes the store; the supervisor attaches a new one. When a handler fails because of a
 * defect, memory is loaded again and the batch is retried command by command, so that only the faulty command fails.
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
import { ClockSteps } from './clock-steps.ts';
import { advance, type CommandAnswer, handle, lookups } from './commands/handle.ts';
import { isSweepDue } from './commands/sweep.ts';
import type { Effect } from './state/changes.ts';
import { LookupCache } from './state/lookup-cache.ts';
import { type Attached, loadState, type State } from './state/state.ts';

export const WRITER_LIMITS = {
  /** Commands that may wait. One more is refused with `overloaded`. */
  maxWaiting: 8192,
  /** Telemetry is refused first: agents repeat it by themselves, operators do not repeat their commands. */
  maxWaitingTelemetry: 6144,
  /** Commands of one batch. */
  maxBatch: 512,
  /** Rounds of lookups for one batch: what is found may lead to more lookups. */
  maxLookupRounds: 16,
  /**
   * Commands that arrive within this time after a commit wait for its end and share the next commit. A busy server answers
   * sooner that way, as each commit costs a sync and rewrites pages that all of them touch.
   */
  restMs: 2,
  /** This many commands are handled without waiting for more. */
  fullBatch: 64,
} as const;

interface Waiting {
  readonly command: Command;
  readonly resolve: (outcome: Outcomes[Command['kind']]) => void;
  readonly reject: (error: unknown) => void;
}

/** What a commit has changed, for its followers. */
export interface Committed {
  /** In the order of their ids, without a gap from one commit to the next. */
  readonly entries: readonly LogEvent[];
  readonly effects: readonly Effect[];
  /** Number of ticks stored. */
  readonly ticks: number;
}

export class Writer implements Commands, Readiness, OutputGate {
  readonly #runtime: Runtime;
  readonly #log: Log;
  readonly #inbox: Waiting[] = [];
  readonly #clockSteps: ClockSteps;
  readonly #followers: Array<(committed: Committed) => void> = [];
  readonly #onAttached: Array<() => void> = [];
  #attached: Attached | null = null;
  #unreadyReason: string | null = 'the store is being opened';
  #onDetached: ((reason: string) => void) | null = null;
  /** The work under way; null when there is none. */
  #work: Promise<void> | null = null;
  /** The commands of the batch under way. */
  #batch: readonly Waiting[] = [];
  /** The commit under way; always null with a store that commits synchronously. */
  #commitUnderWay: Promise<void> | null = null;
  /** The latest time of any command, by the wall clock. */
  #commandMs = 0;
  #isDue = false;
  #rest: Timer | null = null;
  /** When the last commit ended, by the monotonic clock. */
  #committedAtMs = Number.NEGATIVE_INFINITY;

  constructor(runtime: Runtime, log: Log) {
    this.#runtime = runtime;
    this.#clockSteps = new ClockSteps(runtime);
    this.#log = log;
  }

  /**
   * Loads memory from an open store and works on it from now on. `onDetached` is called once, when the writer has had to
   * close the store again. Throws `store_unavailable`, after closing the store, when the stored data cannot be read.
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
      // The fault lies in the stored data: a restart would not help, so the process must not end.
      const advice = 'start the version of Nexus that wrote it, or restore a backup';
      throw new NexusError('store_unavailable', `the stored data cannot be read (${messageOf(error)}): ${advice}`, {
        cause: error,
      });
    }
    this.#onDetached = onDetached;
    this.#unreadyReason = null;
    for (const react of this.#onAttached) react();
  }

  /** Closes the store because of a fault that was found outside of a commit. */
  detach(error: NexusError): void {
    if (this.#attached !== null) this.#detach(this.#attached, error);
  }

  /** Takes no commands for this reason, until `attach`. */
  setUnready(reason: string): void {
    this.#unreadyReason = reason;
  }

  unreadyReason(): string | null {
    return this.#unreadyReason;
  }

  queue(): QueueFigures {
    return { depth: this.#inbox.length, limit: WRITER_LIMITS.maxWaiting };
  }

  /** Calls `follow` after every commit with log entries, ticks or effects. */
  follow(follow: (committed: Committed) => void): void {
    this.#followers.push(follow);
  }

  /**
   * Calls `react` whenever a store has been attached. It may hold what nobody has announced: a commit that failed may have
   * been stored all the same.
   */
  followAttachments(react: () => void): void {
    this.#onAttached.push(react);
  }

  /**
   * Memory, which a commit under way may already have changed, and the store, which has not been changed by it yet. What
   * is computed from memory must leave through {@link gate}. Throws `store_unavailable` while no store is attached.
   */
  attached(): Attached {
    if (this.#attached === null || this.#unreadyReason !== null) throw this.#unready();
    return this.#attached;
  }

  /** As {@link attached}; null while no store is attached or a batch is under way. */
  atRest(): Attached | null {
    return this.#unreadyReason === null && this.#work === null ? this.#attached : null;
  }

  gate<T>(value: T): T | Promise<T> {
    return this.#commitUnderWay === null ? value : this.#commitUnderWay.then(() => value);
  }

  /** Returns, or throws, what `read` does, but only once that may leave. `read` must be synchronous. */
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

  /** Stores what time alone has changed, if anything. */
  async tick(): Promise<void> {
    if (this.#attached === null || this.#unreadyReason !== null) return;
    const hasStepped = this.#noteClockStep();
    const nowMs = this.#runtime.nowMs();
    if (hasStepped || isSweepDue(this.#attached.state, nowMs)) await this.submit({ kind: 'sweep', nowMs });
  }

  /** Handles the waiting commands, takes no others, and closes the store. */
  async close(): Promise<void> {
    if (this.#attached !== null && this.#unreadyReason === null) {
      this.#inbox.push({
        command: { kind: 'sweep', nowMs: this.#runtime.nowMs() },
        resolve: () => {},
        reject: (error) =>
          this.#log.error({ reason: messageOf(error) }, 'the times at which tokens were last used could not be stored'),
      });
    }
    while (this.#attached !== null && (this.#inbox.length > 0 || this.#work !== null)) await this.#workNow();
    this.#rest?.cancel();
    this.#refuse(this.#inbox.splice(0), new NexusError('overloaded', 'the server is shutting down: try again shortly'));
    this.#unreadyReason = 'the server is shutting down';
    this.#attached?.store.close();
    this.#attached = null;
  }

  /** Schedules the next batch: at the end of this turn, or when the rest after the last commit is over. */
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

  /** Whether the last batch left work for the next one. */
  get #hasMore(): boolean {
    const state = this.#attached?.state;
    return state !== undefined && (state.driver.hasMore || state.judge.hasMore);
  }

  /** Resolves at the end of the batch under way, or of the next one if there is none. Never rejects. */
  #workNow(): Promise<void> {
    this.#work ??= this.#workOnBatch().then(() => {
      this.#work = null;
      if (this.#inbox.length > 0 || this.#hasMore) this.#schedule();
    });
    return this.#work;
  }

  async #workOnBatch(): Promise<void> {
    this.#noteClockStep();
    const batch = this.#inbox.splice(0, WRITER_LIMITS.maxBatch);
    const attached = this.#attached;
    if (attached === null) return this.#refuse(batch, this.#unready());
    this.#batch = batch;
    try {
      await this.#commit(attached, batch);
    } catch (error) {
      if (error instanceof NexusError) return this.#detach(attached, error);
      const fields = { reason: messageOf(error), stack: stackOf(error), commands: batch.length };
      this.#log.error(fields, 'a batch failed: its commands are retried one by one');
      await this.#commitOneByOne(attached.store, batch);
    } finally {
      this.#batch = [];
    }
  }

  /** Has the next batch mend a step of the wall clock before anything else. Returns whether there was one. */
  #noteClockStep(): boolean {
    const byMs = this.#clockSteps.take();
    // A store that is attached later begins with the clock as it is then.
    if (byMs === 0 || this.#attached === null) return false;
    const nowMs = this.#runtime.nowMs();
    this.#log.warn(
      { by_ms: byMs },
      'the wall clock was set, or this machine slept: silence does not count, and soaks begin again',
    );
    // Commands that have waited may carry a time from before the step.
    const waiting = this.#inbox.splice(0).map((one) => ({ ...one, command: restamp(one.command, byMs, nowMs) }));
    const reject = (error: unknown): void =>
      this.#log.error({ reason: messageOf(error) }, 'the step of the clock could not be mended');
    const step: Waiting = { command: { kind: 'note_clock_step', byMs, nowMs }, resolve: () => {}, reject };
    this.#inbox.push(step, ...waiting);
    this.#commandMs += byMs;
    this.#schedule();
    return true;
  }

  /**
   * Handles, commits and answers a batch. An empty batch continues what the one before has left. Runs synchronously when
   * the store does. Throws only store failures and defects; a handler's refusal is returned to its caller.
   */
  async #commit(attached: Attached, batch: readonly Waiting[]): Promise<void> {
    const { state, store } = attached;
    for (const { command } of batch) this.#commandMs = Math.max(this.#commandMs, command.nowMs);
    const found = new LookupCache();
    for (let round = 0; ; round += 1) {
      const missing = this.#missing(state, batch, found);
      if (missing.length === 0) break;
      invariant(round < WRITER_LIMITS.maxLookupRounds, 'the lookups of a batch must come to an end');
      const results = store.lookUp(missing);
      found.put(missing, results instanceof Promise ? await results : results);
      if (this.#attached !== attached) return;
    }
    const writes: Write[] = [];
    const effects: Effect[] = [];
    const answers: CommandAnswer[] = [];
    for (const { command } of batch) {
      // An earlier command of this batch may have changed what this one needs: then this one begins the next batch.
      if (!found.hasAll(lookups(state, command, found))) break;
      const handled = handle(state, command, found);
      answers.push(handled.answer);
      for (const write of handled.writes) writes.push(write);
      for (const effect of handled.effects) effects.push(effect);
    }
    invariant(answers.length > 0 || batch.length === 0, 'the first command of a batch must find what it needs');
    if (answers.length < batch.length) this.#inbox.unshift(...batch.slice(answers.length));
    // What follows from these commands is committed with them.
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

  /** The lookups that the batch needs and that are not in `found` yet. */
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
    // Often nothing waits for it; its rejection must not count as unhandled.
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
      this.#log.warn({ ...fields, ...refusal.details, reason: refusal.message }, 'an event of an agent was refused');
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
        this.#log.error(fields, 'a command failed because of a defect in the server');
        waiting.reject(
          new NexusError('internal', "this request failed because of a defect in Nexus: see the server's log", {
            cause: error,
          }),
        );
        attached = await this.#reload(store);
      }
    }
  }

  /** Discards memory and loads it again. Null when the writer has had to close the store. */
  async #reload(store: Store): Promise<Attached | null> {
    const before = this.#attached;
    if (before?.store !== store) return null;
    try {
      const snapshot = store.load();
      const loaded = snapshot instanceof Promise ? await snapshot : snapshot;
      if (this.#attached !== before) return null;
      this.#attached = { store, state: loadState(loaded, this.#runtime.nowMs()) };
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
      'the store failed: the server answers 503 until it works again',
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

  /** Commands that have been answered are not affected. */
  #refuse(waiting: readonly Waiting[], error: NexusError): void {
    for (const { reject } of waiting) reject(error);
  }
}

/** The command with its time by the clock as it is after the step, if it came before. */
function restamp(command: Command, byMs: number, nowMs: number): Command {
  const movedMs = command.nowMs + byMs;
  return Math.abs(movedMs - nowMs) < Math.abs(command.nowMs - nowMs) ? { ...command, nowMs: movedMs } : command;
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined;
}
