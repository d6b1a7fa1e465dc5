import { assertNever, messageOf } from '../../src/domain/errors.ts';
import type { Log } from '../../src/domain/log.ts';
import type { Runtime } from '../../src/domain/runtime.ts';
import type { MonotonicClock } from '../async/clock-reading.ts';
import { Backoff, OutageLog, runRetryLoop } from '../async/retry-loop.ts';
import { WakeUp } from '../async/wake-up.ts';
import type { QueuedEvent } from '../server/queued-event.ts';
import type { RolloutApi } from '../server/rollout-api.ts';
import { judgeReport, type ReportVerdict } from './judge-report.ts';
import { confirmEvent, discardEvent, forgetOffer, postponeConvergence } from './record/advance-record.ts';
import { reconcile } from './record/reconcile.ts';
import type { RolloutRecord } from './record/stack-record.ts';
import type { StackStore } from './record/stack-store.ts';
import { type ServerViews, viewsOf } from './server-view.ts';

export interface EventSenderOptions {
  readonly stack: string;
  readonly store: StackStore;
  readonly api: Pick<RolloutApi, 'report'>;
  readonly views: ServerViews;
  readonly clock: MonotonicClock;
  readonly log: Log;
  readonly runtime: Runtime;
  /** Notified when the record changes. */
  readonly wakeUp: WakeUp;
  readonly onUnauthorized: () => void;
}

/** How long the sender rests: so many milliseconds, or until the record changes but no longer than `idleMs`. */
type Rest = number | { readonly idleMs: number };

const IDLE_MS = 3_600_000;
const BACKOFF_BASE_MS = 1_000;
const MAX_BACKOFF_MS = 30_000;
const ASK_AGAIN_MS = 30_000;

/**
 * Delivers the events of one stack, in order and one at a time: an event leaves the record only once the server has
 * answered for it. Reconciles the record with what the server knows when the two disagree.
 */
export class EventSender {
  readonly #options: EventSenderOptions;
  readonly #backoff: Backoff;
  readonly #outage: OutageLog;
  /** The server may know more, or less, than the record: after a start, a refusal, or an offer that does not fit. */
  #isStale = true;
  /** The last request did not reach the server; resting on is of no use once another request has reached it. */
  #isCutOff = false;
  readonly #retry: WakeUp;

  constructor(options: EventSenderOptions) {
    const { runtime, log, stack } = options;
    this.#options = options;
    this.#retry = new WakeUp(runtime);
    this.#backoff = new Backoff(runtime, BACKOFF_BASE_MS, MAX_BACKOFF_MS);
    this.#outage = new OutageLog(
      log,
      { stack },
      {
        began: 'the server does not take the events of this stack: they are kept',
        ended: 'the server takes the events of this stack again',
      },
    );
  }

  /** Has the record compared with what the server knows before the next event is sent. */
  markStale(): void {
    this.#isStale = true;
    this.#options.wakeUp.notify();
  }

  /**
   * The server has just answered another request. `wasAway`: after a time of silence, in which it may have given this host
   * up: then a host with nothing to report must ask, as it would go on with what the server counts as failed.
   */
  noteReachable(wasAway: boolean): void {
    if (wasAway) this.markStale();
    if (this.#isCutOff) this.#retry.notify();
    this.#isCutOff = false;
  }

  /** Until `signal` aborts. */
  run(signal: AbortSignal): Promise<void> {
    const { wakeUp, log, stack } = this.#options;
    return runRetryLoop<Rest>({
      turn: () => this.#turn(),
      recover: (error) => {
        log.error(
          { stack, reason: messageOf(error) },
          'the events of this stack cannot be delivered now: trying again',
        );
        return this.#backoff.next();
      },
      rest: async (rest) => {
        if (typeof rest !== 'number') await wakeUp.wait(rest.idleMs, signal);
        else if (rest > 0) await this.#retry.wait(rest, signal);
      },
      signal,
    });
  }

  async #turn(): Promise<Rest> {
    const { store, views, api, clock } = this.#options;
    const { hostname } = views;
    if (this.#isStale || hostname === null) return this.#reconcile();
    const { rollout } = store.record;
    const [event] = rollout?.outbox ?? [];
    if (rollout === null || event === undefined) return this.#rest(rollout);
    const verdict = judgeReport(await api.report(hostname, rollout.id, event), event.type, clock.now().wallMs);
    return this.#settle(event, rollout.id, verdict);
  }

  /** Nothing is to be sent. A host whose way back does not succeed may be let go of meanwhile, so the server is asked. */
  #rest(rollout: RolloutRecord | null): Rest {
    if (rollout?.phase.at !== 'reverting' || rollout.phase.reported === null) return { idleMs: IDLE_MS };
    this.#isStale = true;
    return { idleMs: ASK_AGAIN_MS };
  }

  async #settle(event: QueuedEvent, rolloutId: string, verdict: ReportVerdict): Promise<Rest> {
    const { store, clock, log, stack, onUnauthorized } = this.#options;
    const fields = { stack, rollout_id: rolloutId, event: event.type, seq: event.seq };
    if (verdict.kind !== 'again') this.#noteSuccess();
    switch (verdict.kind) {
      case 'applied':
        await store.update((record) => confirmEvent(record, event.seq, clock.now()));
        return 0;
      case 'too_early':
        log.debug({ ...fields, reason: verdict.reason }, 'the soak is not over for the server yet');
        await store.update((record) => postponeConvergence(record, event.seq, clock.now()));
        return 0;
      case 'refused':
        log.warn({ ...fields, status: verdict.status, reason: verdict.reason }, 'the server refuses an event');
        await store.update((record) =>
          event.type === 'dispatch_ack' ? forgetOffer(record) : discardEvent(record, event.seq),
        );
        this.#isStale = true;
        return 0;
      case 'misnamed':
        log.warn(fields, 'the server knows this host by another name: asking for it');
        this.#isStale = true;
        return this.#backoff.next();
      case 'unauthorized':
        onUnauthorized();
        return MAX_BACKOFF_MS;
      case 'again':
        this.#outage.noteFailure(verdict.reason);
        this.#isCutOff = !verdict.answered;
        return Math.max(verdict.waitMs ?? 0, this.#backoff.next());
      default:
        return assertNever(verdict);
    }
  }

  async #reconcile(): Promise<Rest> {
    const { views, store, clock, stack, onUnauthorized } = this.#options;
    this.#isStale = false;
    const refreshed = await views.refresh();
    switch (refreshed.kind) {
      case 'known':
        this.#noteSuccess();
        try {
          await store.update((record) => reconcile(record, viewsOf(refreshed.state, stack), clock.now()));
        } catch (error) {
          // The disk took nothing of it, so the record is as stale as before.
          this.#isStale = true;
          throw error;
        }
        return 0;
      case 'unauthorized':
        onUnauthorized();
        return MAX_BACKOFF_MS;
      case 'unknown':
        this.#isStale = true;
        this.#outage.noteFailure(refreshed.reason);
        this.#isCutOff = true;
        return this.#backoff.next();
      default:
        return assertNever(refreshed);
    }
  }

  #noteSuccess(): void {
    this.#backoff.reset();
    this.#outage.noteSuccess();
  }
}
