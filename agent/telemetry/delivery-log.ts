import { formatInstant } from '../../src/domain/instant.ts';
import type { Log } from '../../src/domain/log.ts';
import type { AnswerVerdict } from '../server/judge-answer.ts';
import type { OutboxLosses } from './outbox/outbox.ts';

/** Logs what becomes of the ticks: each change once, not each tick. */
export class DeliveryLog {
  readonly #log: Log;
  #trouble: 'wait' | 'failed' | null = null;
  #refusal = '';
  #backfilled = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** A tick was delivered; `more` are waiting in the outbox. */
  answering(more: boolean): void {
    this.#refusal = '';
    if (this.#trouble === null) return;
    this.#trouble = null;
    this.#log.info({}, more ? 'the server answers again: sending what was kept' : 'the server answers again');
  }

  notAnswering(verdict: Extract<AnswerVerdict, { kind: 'wait' | 'failed' }>): void {
    if (this.#trouble === verdict.kind) return;
    this.#trouble = verdict.kind;
    if (verdict.kind === 'failed') {
      this.#log.warn({ reason: verdict.reason }, 'the server cannot be reached: ticks are kept and sent later');
      return;
    }
    const { status, waitMs } = verdict;
    this.#log.warn({ status, wait_ms: waitMs }, 'the server asks to wait: ticks are kept until then');
  }

  /** A tick was dropped because the server will never take it. The same reason again is logged at debug level. */
  refused(status: number, reasons: readonly string[], recordedAtMs: number): void {
    // Numbers are masked: how far a clock is off changes with every tick, the reason does not.
    const refusal = `${status} ${reasons.join('; ').replace(/\d+/g, '#')}`;
    const level = refusal === this.#refusal ? 'debug' : 'error';
    this.#refusal = refusal;
    this.#log[level](
      { status, errors: reasons, recorded_at: formatInstant(recordedAtMs) },
      'the server refuses a tick: it is dropped',
    );
  }

  /** A batch of `ticks` was delivered; `all` when the outbox is empty now. */
  backfilled(ticks: number, all: boolean): void {
    this.#backfilled += ticks;
    if (!all) return;
    this.#log.info({ ticks: this.#backfilled }, 'the server has everything that was kept');
    this.#backfilled = 0;
  }

  lost({ dropped, expired, damaged }: OutboxLosses): void {
    if (dropped + expired + damaged === 0) return;
    this.#log.warn({ dropped_for_room: dropped, too_old: expired, damaged }, 'ticks kept in the outbox were lost');
  }
}
