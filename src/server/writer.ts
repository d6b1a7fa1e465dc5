/**
 * The single writer. Commands wait in a bounded inbox; all that wait when the writer comes to them share one
 * transaction, and each is answered only after the COMMIT that holds it has returned (group commit: under load one
 * sync serves hundreds of answers, and an idle server adds no delay).
 *
 *     submit ─► inbox ─► BEGIN, handle, handle, …, COMMIT (synced) ─► outcomes ─► rest
 *
 * A refusal is an outcome and writes nothing. When the store fails, everything in the transaction is answered
 * `store_unavailable` and the writer lets go of the store; whoever opens it again attaches it again. When a handler
 * fails on a defect of ours, the transaction is undone and its commands are tried one by one, so that only the one
 * that cannot be handled fails.
 */
import type { Command, CommandOf, Outcomes } from '../domain/command.ts';
import type { AgentRollout, Dispatch, Dispatches } from '../domain/dispatch.ts';
import { assertNever, messageOf, NexusError } from '../domain/errors.ts';
import type { QueueFigures } from '../domain/figures.ts';
import { DEFAULT_RETENTION, type Retention } from '../domain/history.ts';
import type { Log } from '../domain/log.ts';
import type { Commands, Identities, Readiness } from '../domain/ports.ts';
import type { Runtime, Timer } from '../domain/runtime.ts';
import type { Store } from '../domain/store.ts';
import type { AgentIdentity, Identity } from '../domain/token.ts';
import { digestOf, looksLikeToken } from '../trust/token-secret.ts';
import { authorize } from './commands/authorize.ts';
import { addHost, archiveHost, updateHost } from './commands/hosts.ts';
import { addRelease, liftQuarantine } from './commands/releases.ts';
import { reportEvent } from './commands/report-event.ts';
import { backFill, reportTick } from './commands/report-tick.ts';
import { createRollout, steerRollout } from './commands/rollouts.ts';
import { Sweeper } from './commands/sweep.ts';
import { createAdminToken, createAgentToken, revokeToken, rotateToken } from './commands/tokens.ts';
import { HistoryMaintenance } from './history/history-maintenance.ts';
import { findDispatch, findParts } from './rollouts/find-dispatch.ts';
import { SoakJudge } from './rollouts/soak-judge.ts';
import { WaitingPolls } from './rollouts/waiting-polls.ts';
import { loadState, type State } from './state/state.ts';

export const WRITER_LIMITS = {
  /** Commands that may wait; one more is refused with `overloaded`. */
  maxWaiting: 8192,
  /** Telemetry is refused first: it is repeated by itself, an operator's command is not. */
  maxWaitingTelemetry: 6144,
  /** Commands of one transaction. */
  maxBatch: 512,
  /**
   * What comes within this time after a transaction waits for its end and shares the next one: each costs its sync and
   * the pages that all of them write, so that a busy server answers sooner for it.
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

/** What a command came to inside a transaction that has not been committed yet. */
type Verdict =
  | { readonly ok: true; readonly outcome: Outcomes[Command['kind']] }
  | { readonly ok: false; readonly error: NexusError };

export class Writer implements Commands, Identities, Readiness, Dispatches {
  /** Ages what is stored. */
  readonly history: HistoryMaintenance;
  readonly #runtime: Runtime;
  readonly #log: Log;
  readonly #sweeper = new Sweeper();
  readonly #inbox: Waiting[] = [];
  #state: State | null = null;
  /** Since when commands have been taken without a break: silence before that is no evidence against a host. */
  #listeningSinceMs = 0;
  #unreadyReason: string | null = 'the store is being opened';
  readonly judge = new SoakJudge();
  readonly #polls: WaitingPolls;
  #settledAtMs = 0;
  #isDrainDue = false;
  #rest: Timer | null = null;
  /** When the last transaction ended, by the monotonic clock. */
  #committedAtMs = Number.NEGATIVE_INFINITY;
  #isStopping = false;
  #onDetached: ((reason: string) => void) | null = null;

  constructor(runtime: Runtime, log: Log, retention: Retention = DEFAULT_RETENTION) {
    this.#runtime = runtime;
    this.#log = log;
    this.#polls = new WaitingPolls(runtime);
    this.history = new HistoryMaintenance(runtime, log, retention);
  }

  /** Takes over an open store. `onDetached` is called once when the writer has had to let go of it again. */
  attach(store: Store, onDetached: (reason: string) => void): void {
    try {
      this.#state = loadState(store);
    } catch (error) {
      store.close();
      if (error instanceof NexusError) throw error;
      // Only what is stored was looked at: no restart mends it, so it must not end the process either.
      const advice = 'start the version of Nexus that wrote it, or restore a backup';
      throw new NexusError('store_unavailable', `the stored data cannot be read (${messageOf(error)}): ${advice}`, {
        cause: error,
      });
    }
    this.#onDetached = onDetached;
    this.#listeningSinceMs = this.#runtime.nowMs();
    this.#unreadyReason = null;
  }

  /** Lets go of the store because of something that was found wrong with it outside of a transaction. */
  letGo(error: NexusError): void {
    if (this.#state !== null) this.#detach([], error);
  }

  /** Works on the ageing of history until `isOver`, between two batches; returns whether there is more to do now. */
  compact(isOver: () => boolean): boolean {
    if (this.#state === null || this.#unreadyReason !== null) return false;
    return this.history.work(this.#state, this.#runtime.nowMs(), isOver);
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

  /** The store and what is remembered of it, as committed. Throws `store_unavailable` while there is none. */
  committed(): State {
    if (this.#state === null || this.#unreadyReason !== null) throw this.#unready();
    return this.#state;
  }

  #unready(): NexusError {
    return new NexusError('store_unavailable', `not ready: ${this.#unreadyReason ?? 'the store is closed'}`);
  }

  identify(plaintext: string, nowMs: number): Identity | undefined {
    const { fleet } = this.committed();
    if (!looksLikeToken(plaintext)) return undefined;
    const token = fleet.tokenByDigest(digestOf(plaintext));
    if (token === undefined || token.revokedAtMs !== null) return undefined;
    if (token.expiresAtMs !== null && token.expiresAtMs <= nowMs) return undefined;
    if (token.hostId === null) return { kind: 'admin', tokenId: token.id };
    if (fleet.hostByNumber(token.hostId).stored.status === 'archived') return undefined;
    return { kind: 'agent', tokenId: token.id, hostId: token.hostId };
  }

  noteUse(tokenId: string, nowMs: number): void {
    // What was asked for is done already: a store lost since must not turn its answer into a failure.
    const fleet = this.#state?.fleet;
    const token = fleet?.tokenById(tokenId);
    if (fleet === undefined || token === undefined) return;
    token.lastUsedAtMs = nowMs;
    fleet.usesToKeep.add(token.number);
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
    this.#scheduleDrain();
    return answered as Promise<Outcomes[K]>;
  }

  nextDispatch(
    identity: AgentIdentity,
    waitMs: number,
    onWaiting: (giveUp: () => void) => void,
  ): Promise<Dispatch | null> {
    return new Promise((resolve, reject) => {
      const now = this.#dispatchFor(identity);
      if (now !== null || waitMs === 0 || this.#isStopping) return resolve(now);
      const answer = (): void => {
        try {
          resolve(this.#isStopping ? null : this.#dispatchFor(identity));
        } catch (error) {
          reject(error);
        }
      };
      onWaiting(this.#polls.wait(identity.hostId, waitMs, answer));
    });
  }

  #dispatchFor(identity: AgentIdentity): Dispatch | null {
    const { fleet, index } = this.committed();
    return findDispatch(index, authorize(fleet, identity).host.stored.name);
  }

  agentState(identity: AgentIdentity): { hostname: string; rollouts: AgentRollout[] } {
    const { fleet, index } = this.committed();
    const hostname = authorize(fleet, identity).host.stored.name;
    return { hostname, rollouts: findParts(index, hostname) };
  }

  waitingPolls(): number {
    return this.#polls.count;
  }

  /** Answers the polls that wait, and lets no other wait: the server is about to close. */
  endPolls(): void {
    this.#isStopping = true;
    this.#polls.wakeAll();
  }

  /** Looks whether time alone has changed anything, and writes it down. */
  async tick(): Promise<void> {
    if (this.#state === null || this.#unreadyReason !== null) return;
    const nowMs = this.#runtime.nowMs();
    if (!this.#isSweepDue(this.#state, nowMs)) return;
    await this.submit({ kind: 'sweep', listeningSinceMs: this.#listeningSinceMs, nowMs });
  }

  #isSweepDue(state: State, nowMs: number): boolean {
    if (this.#sweeper.isDue(state.fleet, this.#listeningSinceMs, nowMs) || state.driver.isDue(nowMs)) return true;
    return this.judge.isDue(state, nowMs);
  }

  #sweep(state: State, command: CommandOf<'sweep'>): Outcomes['sweep'] {
    this.judge.beginRound(state, command.nowMs);
    return this.#sweeper.sweep(state.store, state.fleet, command);
  }

  /** Finishes what waits, takes nothing more, and closes the store. */
  close(): void {
    if (this.#state !== null && this.#unreadyReason === null) {
      this.#inbox.push({
        command: { kind: 'sweep', listeningSinceMs: this.#listeningSinceMs, nowMs: this.#runtime.nowMs() },
        resolve: () => {},
        reject: (error) => this.#log.error({ reason: messageOf(error) }, 'the last token uses could not be kept'),
      });
    }
    while (this.#inbox.length > 0 && this.#state !== null) this.#drain();
    this.#refuseWaiting(new NexusError('overloaded', 'the server is shutting down: try again shortly'));
    this.#unreadyReason = 'the server is shutting down';
    this.#state?.store.close();
    this.#state = null;
  }

  /** At the end of this turn, or when the writer has rested since its last transaction. */
  #scheduleDrain(): void {
    if (this.#isDrainDue) return;
    if (this.#inbox.length >= WRITER_LIMITS.fullBatch) return this.#drainSoon();
    if (this.#rest !== null) return;
    const restMs = this.#committedAtMs + WRITER_LIMITS.restMs - this.#runtime.monotonicMs();
    if (restMs <= 0) return this.#drainSoon();
    this.#rest = this.#runtime.setTimer(restMs, () => this.#drainSoon());
  }

  #drainSoon(): void {
    this.#isDrainDue = true;
    this.#rest?.cancel();
    this.#rest = null;
    this.#runtime.defer(() => {
      this.#isDrainDue = false;
      if (this.#inbox.length > 0 || this.#hasMore) this.#drain();
      if (this.#inbox.length > 0) this.#scheduleDrain();
    });
  }

  /** Whether the last transaction left more to do than one may. */
  get #hasMore(): boolean {
    return this.#state !== null && (this.#state.driver.hasMore || this.judge.hasMore);
  }

  #drain(): void {
    if (this.#state === null) return this.#refuseWaiting(this.#unready());
    const batch = this.#inbox.splice(0, WRITER_LIMITS.maxBatch);
    try {
      this.#commit(this.#state, batch);
    } catch (error) {
      if (error instanceof NexusError) return this.#detach(batch, error);
      const fields = { reason: messageOf(error), stack: stackOf(error), commands: batch.length };
      this.#log.error(fields, 'a batch failed: its commands are tried one by one');
      this.#commitOneByOne(this.#state.store, batch);
    }
  }

  /** An empty batch goes on with what the one before left to do. */
  #commit(state: State, batch: readonly Waiting[]): void {
    if (batch.length > 0) this.#settledAtMs = Math.max(...batch.map((waiting) => waiting.command.nowMs));
    const verdicts = state.store.transact(() => {
      const judged = batch.map((waiting) => this.#judge(state, waiting.command));
      this.judge.goOn(state, this.#settledAtMs);
      // What follows by itself from these commands is committed with them.
      state.driver.settle(this.#settledAtMs);
      return judged;
    });
    this.#committedAtMs = this.#runtime.monotonicMs();
    batch.forEach((waiting, index) => {
      const verdict = verdicts[index];
      if (verdict === undefined) waiting.reject(new NexusError('internal', 'no verdict'));
      else if (verdict.ok) waiting.resolve(verdict.outcome);
      else waiting.reject(verdict.error);
    });
    this.#wakePolls(state);
    if (this.#hasMore) this.#scheduleDrain();
  }

  #wakePolls({ fleet, driver }: State): void {
    for (const name of driver.toWake) {
      const host = fleet.hostByName(name);
      if (host !== undefined) this.#polls.wake(host.stored.id);
    }
    driver.toWake.clear();
  }

  #commitOneByOne(store: Store, batch: readonly Waiting[]): void {
    let index = 0;
    try {
      for (; index < batch.length; index += 1) {
        this.#state = loadState(store);
        const waiting = batch[index];
        if (waiting !== undefined) this.#commitAlone(this.#state, waiting);
      }
      this.#state = loadState(store);
    } catch (error) {
      const failure =
        error instanceof NexusError ? error : new NexusError('internal', messageOf(error), { cause: error });
      this.#detach(batch.slice(index), failure);
    }
  }

  /** Throws only what concerns the store. */
  #commitAlone(state: State, waiting: Waiting): void {
    try {
      this.#commit(state, [waiting]);
    } catch (error) {
      if (error instanceof NexusError) throw error;
      const fields = { command: waiting.command.kind, reason: messageOf(error), stack: stackOf(error) };
      this.#log.error(fields, 'a command failed on a defect');
      waiting.reject(
        new NexusError('internal', "this request failed because of a defect in Nexus: see the server's log", {
          cause: error,
        }),
      );
    }
  }

  #judge(state: State, command: Command): Verdict {
    try {
      const outcome = command.kind === 'sweep' ? this.#sweep(state, command) : handle(state, this.judge, command);
      return { ok: true, outcome };
    } catch (error) {
      if (!(error instanceof NexusError) || error.code === 'store_unavailable') throw error;
      if (command.kind === 'report_event' && error.code === 'conflict') {
        const { hostname, rolloutId, numbered } = command;
        const fields = { host: hostname, rollout_id: rolloutId, seq: numbered.seq, type: numbered.event.type };
        this.#log.warn({ ...fields, ...error.details, reason: error.message }, 'event refused');
      }
      return { ok: false, error };
    }
  }

  #detach(batch: readonly Waiting[], error: NexusError): void {
    this.#log.error(
      { code: error.code, reason: error.message },
      'the store failed: answering 503 until it works again',
    );
    this.#unreadyReason = error.message;
    for (const waiting of batch) waiting.reject(this.#unready());
    this.#refuseWaiting(this.#unready());
    try {
      this.#state?.store.close();
    } catch (closeError) {
      this.#log.warn({ reason: messageOf(closeError) }, 'the failed store could not be closed cleanly');
    }
    this.#state = null;
    this.#onDetached?.(error.message);
  }

  #refuseWaiting(error: NexusError): void {
    for (const waiting of this.#inbox.splice(0)) waiting.reject(error);
  }
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined;
}

function handle(
  state: State,
  judge: SoakJudge,
  command: Exclude<Command, { readonly kind: 'sweep' }>,
): Outcomes[Command['kind']] {
  const { store, fleet, index } = state;
  switch (command.kind) {
    case 'report_tick':
      return reportTick(store, fleet, command);
    case 'back_fill':
      return backFill(store, fleet, command);
    case 'add_host':
      return addHost(store, fleet, command);
    case 'update_host':
      return updateHost(store, fleet, command);
    case 'archive_host':
      return archiveHost(store, fleet, command);
    case 'create_agent_token':
      return createAgentToken(store, fleet, command);
    case 'create_admin_token':
      return createAdminToken(store, fleet, command);
    case 'rotate_token':
      return rotateToken(store, fleet, command);
    case 'revoke_token':
      return revokeToken(store, fleet, command);
    case 'add_release':
      return addRelease(store, index, command);
    case 'lift_quarantine':
      return liftQuarantine(state, command);
    case 'create_rollout':
      return createRollout(state, command);
    case 'steer_rollout':
      return steerRollout(state, command);
    case 'report_event':
      return reportEvent(state, judge, command);
    default:
      return assertNever(command);
  }
}
