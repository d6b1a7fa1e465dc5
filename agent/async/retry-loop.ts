/** The parts of every loop of the agent: turns with rests in between, growing waits, and outages that are logged once. */
import type { Log } from '../../src/domain/log.ts';
import type { Runtime } from '../../src/domain/runtime.ts';
import { planBackoffMs } from './backoff.ts';

export interface RetryLoopOptions<Rest> {
  /** Does what there is to do; resolves with how long to rest until the next turn. */
  readonly turn: () => Promise<Rest>;
  /** Takes what a turn has thrown; returns how long to rest after it. */
  readonly recover: (error: unknown) => Rest;
  /** Ends early when there is something new to do, and when `signal` aborts. */
  readonly rest: (rest: Rest) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Takes turn after turn until `signal` aborts. Rejects only when `recover` or `rest` throws. */
export async function runRetryLoop<Rest>({ turn, recover, rest, signal }: RetryLoopOptions<Rest>): Promise<void> {
  while (!signal.aborted) {
    let next: Rest;
    try {
      next = await turn();
    } catch (error) {
      next = recover(error);
    }
    if (!signal.aborted) await rest(next);
  }
}

/** Waits that grow from one failure to the next; see {@link planBackoffMs}. */
export class Backoff {
  readonly #runtime: Pick<Runtime, 'random'>;
  readonly #baseMs: number;
  readonly #maxMs: number;
  #failures = 0;

  /** `baseMs`: the most that the first wait takes. `maxMs`: the most that any takes. */
  constructor(runtime: Pick<Runtime, 'random'>, baseMs: number, maxMs: number) {
    this.#runtime = runtime;
    this.#baseMs = baseMs;
    this.#maxMs = maxMs;
  }

  /** Milliseconds to wait after one more failure. */
  next(): number {
    this.#failures++;
    return Math.min(this.#maxMs, planBackoffMs(this.#failures, this.#baseMs, this.#runtime.random()));
  }

  /** Something has worked: the next failure counts as the first. */
  reset(): void {
    this.#failures = 0;
  }
}

/** Logs when something stops working and when it works again, each once. */
export class OutageLog {
  readonly #log: Log;
  readonly #fields: Record<string, unknown>;
  readonly #began: string;
  readonly #ended: string;
  #isOut = false;

  /** `fields` go with both messages. */
  constructor(log: Log, fields: Record<string, unknown>, messages: { readonly began: string; readonly ended: string }) {
    this.#log = log;
    this.#fields = fields;
    this.#began = messages.began;
    this.#ended = messages.ended;
  }

  noteFailure(reason: string): void {
    if (!this.#isOut) this.#log.warn({ ...this.#fields, reason }, this.#began);
    this.#isOut = true;
  }

  noteSuccess(): void {
    if (this.#isOut) this.#log.info(this.#fields, this.#ended);
    this.#isOut = false;
  }
}
