import { assertNever, messageOf } from '../../src/domain/errors.ts';
import type { Log } from '../../src/domain/log.ts';
import type { Runtime } from '../../src/domain/runtime.ts';
import { planBackoffMs } from '../async/backoff.ts';
import type { MonotonicClock } from '../async/clock-reading.ts';
import { WakeUp } from '../async/wake-up.ts';
import type { RolloutApi } from '../server/rollout-api.ts';
import { judgeReport, type ReportVerdict } from './judge-report.ts';
import { confirmEvent, discardEvent, forgetOffer, postponeConvergence } from './record/advance-record.ts';
import { reconcile } from './record/reconcile.ts';
import type { QueuedEvent } from './record/stack-record.ts';
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
  /** Rung when the record changes. */
  readonly wakeUp: WakeUp;
  readonly onUnauthorized: () => void;
}

const IDLE_MS = 3_600_000;
const BACKOFF_BASE_MS = 1_000;
const MAX_BACKOFF_MS = 30_000;

/**
 * Delivers the events of one stack, in order and one at a time: an event leaves the record only once the server has
 * answered for it. Asks the server what it knows when the two disagree.
 */
export class EventSender {
  readonly #options: EventSenderOptions;
  #failures = 0;
  /** The server may know more, or less, than the record: after a start, a refusal, or an offer that does not fit. */
  #isInDoubt = true;
  /** The server could not be reached the last time; waiting on is of no use once somebody else has reached it. */
  #isCutOff = false;
  readonly #retry: WakeUp;
  #saidDown = false;

  constructor(options: EventSenderOptions) {
    this.#options = options;
    this.#retry = new WakeUp(options.runtime);
  }

  /** Has the record compared with what the server knows, before the next event. */
  doubt(): void {
    this.#isInDoubt = true;
    this.#options.wakeUp.notify();
  }

  /** The server has just answered another request. */
  noteReachable(): void {
    if (this.#isCutOff) this.#retry.notify();
    this.#isCutOff = false;
  }

  /** Until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { wakeUp, log, stack } = this.#options;
    while (!signal.aborted) {
      let waitMs: number | null;
      try {
        waitMs = await this.#turn();
      } catch (error) {
        log.error(
          { stack, reason: messageOf(error) },
          'the events of this stack cannot be delivered now: trying again',
        );
        waitMs = this.#backOff();
      }
      if (waitMs === null) await wakeUp.wait(IDLE_MS, signal);
      else if (waitMs > 0) await this.#retry.wait(waitMs, signal);
    }
  }

  /** Returns how long nothing may be sent; null: there is nothing to send. */
  async #turn(): Promise<number | null> {
    const { store, views, api, clock } = this.#options;
    const { hostname } = views;
    if (this.#isInDoubt || hostname === null) return this.#consult();
    const { rollout } = store.record;
    const [event] = rollout?.outbox ?? [];
    if (rollout === null || event === undefined) return null;
    const verdict = judgeReport(await api.report(hostname, rollout.id, event), event.type, clock.now().wallMs);
    return this.#settle(event, rollout.id, verdict);
  }

  async #settle(event: QueuedEvent, rolloutId: string, verdict: ReportVerdict): Promise<number> {
    const { store, clock, log, stack, onUnauthorized } = this.#options;
    const fields = { stack, rollout_id: rolloutId, event: event.type, seq: event.seq };
    if (verdict.kind !== 'again') this.#sayUp();
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
        this.#isInDoubt = true;
        return 0;
      case 'misnamed':
        log.warn(fields, 'the server knows this host by another name: asking for it');
        this.#isInDoubt = true;
        return this.#backOff();
      case 'unauthorized':
        onUnauthorized();
        return MAX_BACKOFF_MS;
      case 'again':
        this.#sayDown(verdict.reason);
        this.#isCutOff = !verdict.answered;
        return Math.max(verdict.waitMs ?? 0, this.#backOff());
      default:
        return assertNever(verdict);
    }
  }

  async #consult(): Promise<number> {
    const { views, store, clock, stack, onUnauthorized } = this.#options;
    this.#isInDoubt = false;
    const refreshed = await views.refresh();
    switch (refreshed.kind) {
      case 'known':
        this.#sayUp();
        await store.update((record) => reconcile(record, viewsOf(refreshed.state, stack), clock.now()));
        return 0;
      case 'unauthorized':
        onUnauthorized();
        return MAX_BACKOFF_MS;
      case 'unknown':
        this.#isInDoubt = true;
        this.#sayDown(refreshed.reason);
        this.#isCutOff = true;
        return this.#backOff();
      default:
        return assertNever(refreshed);
    }
  }

  #backOff(): number {
    this.#failures++;
    return Math.min(MAX_BACKOFF_MS, planBackoffMs(this.#failures, BACKOFF_BASE_MS, this.#options.runtime.random()));
  }

  #sayDown(reason: string): void {
    const { log, stack } = this.#options;
    if (!this.#saidDown)
      log.warn({ stack, reason }, 'the server does not take the events of this stack: they are kept');
    this.#saidDown = true;
  }

  #sayUp(): void {
    const { log, stack } = this.#options;
    this.#failures = 0;
    if (this.#saidDown) log.info({ stack }, 'the server takes the events of this stack again');
    this.#saidDown = false;
  }
}
