/**
 * The single writer. Commands wait in a bounded inbox; all that wait at the end of an event-loop turn share one
 * transaction, and each is answered only after the COMMIT that holds it has returned (group commit: under load one
 * sync serves hundreds of answers, and an idle server adds no delay).
 *
 *     submit ─► inbox ─► BEGIN, handle, handle, …, COMMIT (synced) ─► outcomes
 *
 * A refusal is an outcome and writes nothing. When the store fails, everything in the transaction is answered
 * `store_unavailable` and the engine lets go of the store; whoever opens it again attaches it again. When a handler
 * fails on a defect of ours, the transaction is undone and its commands are tried one by one, so that only the one
 * that cannot be handled fails.
 */
import type { Command, CommandOf, Outcomes } from '../domain/command.ts';
import { assertNever, messageOf, NexusError } from '../domain/errors.ts';
import type { Log } from '../domain/log.ts';
import type { Commands, Identities, QueueFigures, Readiness } from '../domain/ports.ts';
import type { Store } from '../domain/store.ts';
import type { Identity } from '../domain/token.ts';
import { Fleet } from './fleet.ts';
import { addHost, archiveHost, updateHost } from './manage-hosts.ts';
import { createAdminToken, createAgentToken, revokeToken, rotateToken } from './manage-tokens.ts';
import { backFill, reportTick } from './report-tick.ts';
import { Sweeper } from './sweep.ts';
import { digestOf, looksLikeToken } from './token-secret.ts';

export const ENGINE_LIMITS = {
  /** Commands that may wait; one more is refused with `overloaded`. */
  maxWaiting: 8192,
  /** Telemetry is refused first: it is repeated by itself, an operator's command is not. */
  maxWaitingTelemetry: 6144,
  /** Commands of one transaction. */
  maxBatch: 512,
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

interface Attached {
  readonly store: Store;
  fleet: Fleet;
}

export class Engine implements Commands, Identities, Readiness {
  readonly #log: Log;
  readonly #sweeper = new Sweeper();
  readonly #inbox: Waiting[] = [];
  #attached: Attached | null = null;
  /** Since when commands have been taken without a break: silence before that is no evidence against a host. */
  #listeningSinceMs = 0;
  #unreadyReason: string | null = 'the store is being opened';
  #draining = false;
  #onDetached: ((reason: string) => void) | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Takes over an open store. `onDetached` is called once when the engine has had to let go of it again. */
  attach(store: Store, nowMs: number, onDetached: (reason: string) => void): void {
    try {
      this.#attached = { store, fleet: Fleet.load(store) };
    } catch (error) {
      store.close();
      throw error;
    }
    this.#onDetached = onDetached;
    this.#listeningSinceMs = nowMs;
    this.#unreadyReason = null;
  }

  /** Why no commands are taken, until `attach`. */
  setUnready(reason: string): void {
    this.#unreadyReason = reason;
  }

  unreadyReason(): string | null {
    return this.#unreadyReason;
  }

  queue(): QueueFigures {
    return { depth: this.#inbox.length, limit: ENGINE_LIMITS.maxWaiting };
  }

  /** The store and the fleet as they are committed. Throws `store_unavailable` while there is none. */
  committed(): Readonly<Attached> {
    if (this.#attached === null || this.#unreadyReason !== null) throw this.#unready();
    return this.#attached;
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
    const fleet = this.#attached?.fleet;
    const token = fleet?.tokenById(tokenId);
    if (fleet === undefined || token === undefined) return;
    fleet.putToken({ ...token, lastUsedAtMs: nowMs });
    fleet.usesToKeep.add(token.number);
  }

  submit<K extends Command['kind']>(command: CommandOf<K>): Promise<Outcomes[K]> {
    if (this.#unreadyReason !== null) return Promise.reject(this.#unready());
    const isTelemetry = command.kind === 'report_tick' || command.kind === 'back_fill';
    const limit = isTelemetry ? ENGINE_LIMITS.maxWaitingTelemetry : ENGINE_LIMITS.maxWaiting;
    if (this.#inbox.length >= limit) {
      return Promise.reject(new NexusError('overloaded', 'too many requests are waiting: try again shortly'));
    }
    const answered = new Promise<Outcomes[Command['kind']]>((resolve, reject) => {
      this.#inbox.push({ command: command as Command, resolve, reject });
    });
    this.#scheduleDrain();
    return answered as Promise<Outcomes[K]>;
  }

  /** Looks whether time alone has changed anything, and writes it down. */
  async tick(nowMs: number): Promise<void> {
    if (this.#attached === null || this.#unreadyReason !== null) return;
    if (!this.#sweeper.isDue(this.#attached.fleet, this.#listeningSinceMs, nowMs)) return;
    await this.submit({ kind: 'sweep', listeningSinceMs: this.#listeningSinceMs, nowMs });
  }

  /** Finishes what waits, takes nothing more, and closes the store. */
  close(nowMs: number): void {
    if (this.#attached !== null && this.#unreadyReason === null) {
      this.#inbox.push({
        command: { kind: 'sweep', listeningSinceMs: this.#listeningSinceMs, nowMs },
        resolve: () => {},
        reject: (error) => this.#log.error({ reason: messageOf(error) }, 'the last token uses could not be kept'),
      });
    }
    while (this.#inbox.length > 0 && this.#attached !== null) this.#drain();
    this.#refuseWaiting(new NexusError('overloaded', 'the server is shutting down: try again shortly'));
    this.#unreadyReason = 'the server is shutting down';
    this.#attached?.store.close();
    this.#attached = null;
  }

  #scheduleDrain(): void {
    if (this.#draining) return;
    this.#draining = true;
    setImmediate(() => {
      this.#draining = false;
      if (this.#inbox.length > 0) this.#drain();
      if (this.#inbox.length > 0) this.#scheduleDrain();
    });
  }

  #drain(): void {
    const attached = this.#attached;
    if (attached === null) return this.#refuseWaiting(this.#unready());
    const batch = this.#inbox.splice(0, ENGINE_LIMITS.maxBatch);
    try {
      this.#commit(attached, batch);
    } catch (error) {
      if (error instanceof NexusError) return this.#detach(batch, error);
      this.#log.error(
        { reason: messageOf(error), stack: stackOf(error), commands: batch.length },
        'a batch failed: its commands are tried one by one',
      );
      this.#commitOneByOne(attached, batch);
    }
  }

  #commit(attached: Attached, batch: readonly Waiting[]): void {
    const { store, fleet } = attached;
    const verdicts = store.transact(() => batch.map((waiting) => this.#judge(store, fleet, waiting.command)));
    batch.forEach((waiting, index) => {
      const verdict = verdicts[index];
      if (verdict === undefined) waiting.reject(new NexusError('internal', 'no verdict'));
      else if (verdict.ok) waiting.resolve(verdict.outcome);
      else waiting.reject(verdict.error);
    });
  }

  #commitOneByOne(attached: Attached, batch: readonly Waiting[]): void {
    for (const [index, waiting] of batch.entries()) {
      try {
        attached.fleet = Fleet.load(attached.store);
        this.#commit(attached, [waiting]);
      } catch (error) {
        if (error instanceof NexusError) return this.#detach(batch.slice(index), error);
        this.#log.error(
          { command: waiting.command.kind, reason: messageOf(error), stack: stackOf(error) },
          'a command failed on a defect',
        );
        waiting.reject(
          new NexusError('internal', 'this request failed on a defect of Nexus; see the server log', { cause: error }),
        );
      }
    }
    attached.fleet = Fleet.load(attached.store);
  }

  #judge(store: Store, fleet: Fleet, command: Command): Verdict {
    try {
      return { ok: true, outcome: handle(store, fleet, this.#sweeper, command) };
    } catch (error) {
      if (error instanceof NexusError && error.code !== 'store_unavailable') return { ok: false, error };
      throw error;
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
      this.#attached?.store.close();
    } catch (closeError) {
      this.#log.warn({ reason: messageOf(closeError) }, 'the failed store could not be closed cleanly');
    }
    this.#attached = null;
    this.#onDetached?.(error.message);
  }

  #refuseWaiting(error: NexusError): void {
    for (const waiting of this.#inbox.splice(0)) waiting.reject(error);
  }
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined;
}

function handle(store: Store, fleet: Fleet, sweeper: Sweeper, command: Command): Outcomes[Command['kind']] {
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
    case 'sweep':
      return sweeper.sweep(store, fleet, command);
    default:
      return assertNever(command);
  }
}
