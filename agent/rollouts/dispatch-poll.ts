import { messageOf } from '../../src/domain/errors.ts';
import type { Log } from '../../src/domain/log.ts';
import type { Runtime } from '../../src/domain/runtime.ts';
import { delay } from '../../src/runtime/wait.ts';
import type { DispatchBody } from '../../src/wire/agent-event.ts';
import { planBackoffMs } from '../async/backoff.ts';
import { parseDispatch, type RolloutApi } from '../server/rollout-api.ts';

export interface DispatchPollOptions {
  readonly api: Pick<RolloutApi, 'poll'>;
  readonly log: Log;
  readonly runtime: Runtime;
  /** Called with every dispatch, also with one that is offered again. */
  readonly onDispatch: (dispatch: DispatchBody) => Promise<void>;
  /** The server has answered. */
  readonly onReachable: () => void;
  readonly onUnauthorized: () => void;
}

const WAIT_SECONDS = 60;
const BACKOFF_BASE_MS = 1_000;
const MAX_BACKOFF_MS = 30_000;
/** Between two answers: a dispatch is offered again at once until it is acknowledged, and that takes a moment. */
const BREATH_MS = 1_000;
/** After a failure of this host itself, such as an engine that is away. */
const TROUBLE_MS = 5_000;

/** Asks the server for something to do, for ever. */
export class DispatchPoll {
  readonly #options: DispatchPollOptions;
  #failures = 0;
  #saidDown = false;

  constructor(options: DispatchPollOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waitMs = await this.#turn();
      if (waitMs > 0) await delay(this.#options.runtime, waitMs, signal);
    }
  }

  /** Returns how long not to ask. */
  async #turn(): Promise<number> {
    const { api, onDispatch, onReachable, onUnauthorized, log } = this.#options;
    const reply = await api.poll(WAIT_SECONDS);
    if (reply.kind === 'silence') return this.#failed(reply.reason);
    if (reply.status === 401) {
      onUnauthorized();
      return MAX_BACKOFF_MS;
    }
    if (reply.status !== 200 && reply.status !== 204) {
      return this.#failed(`GET /v1/agent/dispatch is answered ${reply.status}`);
    }
    const dispatch = reply.status === 200 ? parseDispatch(reply.body) : null;
    if (reply.status === 200 && dispatch === null) {
      return this.#failed('the dispatch is not one that this agent understands: is it older than the server?');
    }
    this.#sayUp();
    onReachable();
    if (dispatch === null) return BREATH_MS * this.#options.runtime.random();
    try {
      await onDispatch(dispatch);
    } catch (error) {
      log.error({ stack: dispatch.stack, reason: messageOf(error) }, 'a dispatch cannot be taken up now');
      return TROUBLE_MS;
    }
    return BREATH_MS * (1 + this.#options.runtime.random());
  }

  #failed(reason: string): number {
    const { log, runtime } = this.#options;
    if (!this.#saidDown) log.warn({ reason }, 'the server cannot be asked for releases: trying again');
    this.#saidDown = true;
    this.#failures++;
    return Math.min(MAX_BACKOFF_MS, planBackoffMs(this.#failures, BACKOFF_BASE_MS, runtime.random()));
  }

  #sayUp(): void {
    if (this.#saidDown) this.#options.log.info({}, 'the server answers for releases again');
    this.#saidDown = false;
    this.#failures = 0;
  }
}
