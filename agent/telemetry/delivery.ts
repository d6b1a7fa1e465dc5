import { assertNever } from '../../src/domain/errors.ts';
import type { Log } from '../../src/domain/log.ts';
import type { Runtime } from '../../src/domain/runtime.ts';
import { TELEMETRY_LIMITS } from '../../src/domain/telemetry.ts';
import { planBackoffMs } from '../async/backoff.ts';
import { WakeUp } from '../async/wake-up.ts';
import { type AnswerVerdict, judgeAnswer } from '../server/judge-answer.ts';
import type { ServerTransport } from '../server/transport.ts';
import { DeliveryLog } from './delivery-log.ts';
import type { Outbox, OutboxEntry } from './outbox/outbox.ts';
import { compress, type EncodedTick, outboxTickOf, restoreJson } from './outbox/outbox-tick.ts';
import { composeBatch } from './plan-batch.ts';
import { MAX_BATCH_JSON_BYTES } from './telemetry-limits.ts';

const LIVE_PATH = '/agent/telemetry';
const BATCH_PATH = '/agent/telemetry/batch';
/** Smaller bodies gain nothing from compression. */
const GZIP_FROM_BYTES = 1_024;
/** The server's clock may be ahead of this one: a tick this close to an age limit counts as beyond it. */
const AGE_MARGIN_MS = 60_000;

export interface DeliveryPacing {
  /** First wait after a failure. */
  readonly backoffMs: number;
  /** Between two batches, so that back-filling leaves room in the server's limit of 60 requests a minute. */
  readonly batchPauseMs: number;
  /** How long one request may take. */
  readonly requestTimeoutMs: number;
}

export const DEFAULT_PACING: DeliveryPacing = {
  backoffMs: 1_000,
  batchPauseMs: 1_500,
  requestTimeoutMs: 10_000,
};

export interface DeliveryOptions {
  readonly server: ServerTransport;
  readonly outbox: Outbox;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly pacing: DeliveryPacing;
}

/** The newest tick. `entry` is set once it is in the outbox too, `tried` once it has been sent. */
interface NewestTick {
  readonly tick: EncodedTick;
  entry: OutboxEntry | null;
  tried: boolean;
}

/** `held up`: the outbox cannot be sent now. */
type StepEnd = 'go on' | 'held up' | 'unauthorized';

export type DeliveryEnd = 'stopped' | 'unauthorized';

/**
 * Brings ticks to the server: the newest one first and by itself, so that the host is live at once, then what the
 * outbox holds, oldest first. A tick that cannot be delivered now goes to the outbox; a new tick is always tried,
 * unless the server has asked for silence.
 */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #log: DeliveryLog;
  /** Ticks that a newer one has overtaken; they are to go to the outbox. */
  readonly #overtaken: NewestTick[] = [];
  #newest: NewestTick | null = null;
  /** Notified when there is a newer tick. */
  readonly #wakeUp: WakeUp;
  #failures = 0;
  /** Monotonic milliseconds; nothing that has failed is tried again before. */
  #retryAtMs = 0;
  /** Monotonic milliseconds; nothing at all is sent before. */
  #silentUntilMs = 0;
  #nextBatchAtMs = 0;
  #batchTicks: number = TELEMETRY_LIMITS.maxBatchTicks;
  /** The server has answered for the newest tick, so the outbox may follow. */
  #mayBackfill = false;
  #stopping: AbortSignal | null = null;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#log = new DeliveryLog(options.log);
    this.#wakeUp = new WakeUp(options.runtime);
  }

  /** Hands over the newest tick. Never waits. */
  offer(tick: EncodedTick): void {
    if (this.#newest !== null) this.#overtaken.push(this.#newest);
    this.#newest = { tick, entry: null, tried: false };
    this.#wakeUp.notify();
  }

  /**
   * Delivers until `signal` aborts, which cuts off a request under way, or the server refuses the token. Everything
   * undelivered is in the outbox then.
   */
  async run(signal: AbortSignal): Promise<DeliveryEnd> {
    this.#stopping = signal;
    let end: DeliveryEnd = 'stopped';
    while (!signal.aborted) {
      const verdict = await this.#step(signal);
      if (verdict === 'unauthorized') {
        end = 'unauthorized';
        break;
      }
    }
    await this.#keepOvertaken();
    if (this.#newest !== null) await this.#keep(this.#newest);
    return end;
  }

  /** Tries the newest tick once, and the outbox after it; for `--once`. */
  async flushOnce(): Promise<AnswerVerdict> {
    const newest = this.#newest;
    if (newest === null) return { kind: 'failed', reason: 'there is no tick to send' };
    const verdict = await this.#sendNewest(newest);
    if (verdict.kind !== 'delivered') return verdict;
    while (!this.#options.outbox.isEmpty) {
      const batch = await this.#sendBatch();
      if (batch === 'unauthorized') return { kind: 'unauthorized' };
      if (batch === 'held up') break;
    }
    return verdict;
  }

  async #step(signal: AbortSignal): Promise<StepEnd> {
    await this.#keepOvertaken();
    const now = this.#options.runtime.monotonicMs();
    const newest = this.#newest;
    if (now < this.#silentUntilMs) {
      if (newest !== null) await this.#keep(newest);
      await this.#waitUntil(this.#silentUntilMs, signal);
      return 'go on';
    }
    this.#silentUntilMs = 0;
    if (newest !== null && (!newest.tried || now >= this.#retryAtMs)) {
      if (this.#isTooOldToBeLive(newest)) {
        await this.#keep(newest);
        this.#newest = null;
        return 'go on';
      }
      return (await this.#sendNewest(newest)).kind === 'unauthorized' ? 'unauthorized' : 'go on';
    }
    if (!this.#mayBackfill || this.#options.outbox.isEmpty) {
      // With nothing to send, only the next tick ends the wait.
      await this.#waitUntil(newest === null ? Number.POSITIVE_INFINITY : this.#retryAtMs, signal);
      return 'go on';
    }
    const batchAtMs = Math.max(this.#retryAtMs, this.#nextBatchAtMs);
    if (now < batchAtMs) {
      await this.#waitUntil(batchAtMs, signal);
      return 'go on';
    }
    return this.#sendBatch();
  }

  async #sendNewest(newest: NewestTick): Promise<AnswerVerdict> {
    const { json, recordedAtMs } = newest.tick;
    const verdict = await this.#send(LIVE_PATH, json);
    newest.tried = true;
    if (verdict.kind !== 'wait') this.#mayBackfill = verdict.kind === 'delivered' || verdict.kind === 'refused';
    switch (verdict.kind) {
      case 'delivered':
        this.#log.answering(!this.#options.outbox.isEmpty);
        await this.#forget(newest);
        break;
      case 'refused':
        this.#log.refused(verdict.status, verdict.reasons, recordedAtMs);
        await this.#forget(newest);
        break;
      case 'wait':
      case 'failed':
      case 'unauthorized':
        await this.#keep(newest);
        break;
      default:
        assertNever(verdict);
    }
    return verdict;
  }

  async #sendBatch(): Promise<StepEnd> {
    const { outbox, runtime, pacing } = this.#options;
    const notBeforeMs = runtime.nowMs() - TELEMETRY_LIMITS.maxBatchAgeMs + AGE_MARGIN_MS;
    const entries = await outbox.oldest(this.#batchTicks, MAX_BATCH_JSON_BYTES, notBeforeMs);
    this.#log.lost(this.#options.outbox.takeLosses());
    const restored = entries.map(({ tick }) => restoreJson(tick));
    const sound = restored.filter((json) => json !== null);
    if (sound.length === 0) {
      await outbox.remove(entries);
      return 'go on';
    }
    const verdict = await this.#send(BATCH_PATH, composeBatch(sound));
    this.#nextBatchAtMs = runtime.monotonicMs() + pacing.batchPauseMs;
    switch (verdict.kind) {
      case 'delivered':
        this.#batchTicks = Math.min(TELEMETRY_LIMITS.maxBatchTicks, this.#batchTicks * 2);
        await outbox.remove(entries);
        this.#forgetIfAmong(entries);
        this.#log.backfilled(sound.length, outbox.isEmpty);
        return 'go on';
      case 'refused':
        await this.#isolate(entries, verdict.status, verdict.reasons);
        return 'go on';
      case 'wait':
      case 'failed':
        return 'held up';
      case 'unauthorized':
        return 'unauthorized';
      default:
        return assertNever(verdict);
    }
  }

  /** The server takes a batch whole or not at all: halving finds the tick it will never take, which is dropped. */
  async #isolate(entries: readonly OutboxEntry[], status: number, reasons: readonly string[]): Promise<void> {
    if (entries.length > 1) {
      this.#batchTicks = Math.max(1, Math.floor(entries.length / 2));
      // Halving takes a handful of requests, which need not be paced like a backlog of thousands.
      this.#nextBatchAtMs = 0;
      return;
    }
    this.#log.refused(status, reasons, entries[0]?.tick.recordedAtMs ?? 0);
    await this.#options.outbox.remove(entries);
    this.#forgetIfAmong(entries);
    this.#batchTicks = 2;
  }

  async #send(path: string, json: Buffer): Promise<AnswerVerdict> {
    const { server, runtime, pacing } = this.#options;
    const gzipped = json.length >= GZIP_FROM_BYTES;
    const body = { bytes: gzipped ? compress(json) : json, gzipped };
    const timeoutMs = pacing.requestTimeoutMs;
    const signal = this.#stopping ?? undefined;
    const reply = await server.call({ lane: 'telemetry', method: 'POST', path, body, timeoutMs, signal });
    const backoffMs = planBackoffMs(this.#failures + 1, pacing.backoffMs, runtime.random());
    const verdict = judgeAnswer(reply, runtime.nowMs(), backoffMs);
    this.#account(verdict, backoffMs);
    return verdict;
  }

  #account(verdict: AnswerVerdict, backoffMs: number): void {
    // A request that was cut off because the agent stops says nothing about the server.
    if (this.#stopping?.aborted) return;
    const now = this.#options.runtime.monotonicMs();
    if (verdict.kind === 'failed' || verdict.kind === 'wait') {
      this.#failures++;
      if (verdict.kind === 'wait') this.#silentUntilMs = now + verdict.waitMs;
      else this.#retryAtMs = now + backoffMs;
      this.#log.notAnswering(verdict);
      return;
    }
    this.#failures = 0;
    this.#retryAtMs = 0;
  }

  #isTooOldToBeLive({ tick }: NewestTick): boolean {
    return this.#options.runtime.nowMs() - tick.recordedAtMs > TELEMETRY_LIMITS.maxAgeMs - AGE_MARGIN_MS;
  }

  async #keep(newest: NewestTick): Promise<void> {
    newest.entry ??= await this.#options.outbox.append(outboxTickOf(newest.tick));
    this.#log.lost(this.#options.outbox.takeLosses());
  }

  async #keepOvertaken(): Promise<void> {
    for (;;) {
      const overtaken = this.#overtaken.shift();
      if (overtaken === undefined) return;
      await this.#keep(overtaken);
    }
  }

  /** Removes a settled tick from wherever it is: as the newest, among the overtaken, in the outbox. */
  async #forget(settled: NewestTick): Promise<void> {
    if (this.#newest === settled) this.#newest = null;
    const at = this.#overtaken.indexOf(settled);
    if (at >= 0) this.#overtaken.splice(at, 1);
    if (settled.entry !== null) await this.#options.outbox.remove([settled.entry]);
  }

  #forgetIfAmong(entries: readonly OutboxEntry[]): void {
    const newest = this.#newest;
    if (newest === null || newest.entry === null) return;
    if (entries.some(({ tick }) => tick.recordedAtMs === newest.tick.recordedAtMs)) this.#newest = null;
  }

  async #waitUntil(monotonicMs: number, signal: AbortSignal): Promise<void> {
    // A timer takes 2^31 − 1 milliseconds at most; one needless wake-up an hour costs nothing.
    const waitMs = Math.min(3_600_000, Math.max(1, Math.ceil(monotonicMs - this.#options.runtime.monotonicMs())));
    await this.#wakeUp.wait(waitMs, signal);
  }
}
