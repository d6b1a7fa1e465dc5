import { MAX_DISPATCH_WAIT_SECONDS } from '../../src/domain/dispatch.ts';
import { messageOf } from '../../src/domain/errors.ts';
import type { Log } from '../../src/domain/log.ts';
import type { Runtime } from '../../src/domain/runtime.ts';
import { delay } from '../../src/runtime/wait.ts';
import type { DispatchBody } from '../../src/wire/agent-event.ts';
import { Backoff, OutageLog, runRetryLoop } from '../async/retry-loop.ts';
import { parseDispatch, type RolloutApi } from '../server/rollout-api.ts';

export interface DispatchPollOptions {
  readonly api: Pick<RolloutApi, 'poll'>;
  readonly log: Log;
  readonly runtime: Runtime;
  /** Called with every dispatch, also with one that is offered again. */
  readonly onDispatch: (dispatch: DispatchBody) => Promise<void>;
  /** Called whenever the server has answered; `wasAway`: it had not answered the time before. */
  readonly onReachable: (wasAway: boolean) => void;
  readonly onUnauthorized: () => void;
}

const BACKOFF_BASE_MS = 1_000;
const MAX_BACKOFF_MS = 30_000;
/** Between two answers: a dispatch is offered again at once until it is acknowledged, and that takes a moment. */
const PAUSE_MS = 1_000;
/** After a failure of this host itself, such as an engine that is away. */
const HOST_FAILURE_MS = 5_000;

/** Asks the server for something to do, again and again. */
export class DispatchPoll {
  readonly #options: DispatchPollOptions;
  readonly #backoff: Backoff;
  readonly #outage: OutageLog;
  /** The dispatch that is being taken up, for the log. */
  #stack = '';
  #isAway = false;

  constructor(options: DispatchPollOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.runtime, BACKOFF_BASE_MS, MAX_BACKOFF_MS);
    this.#outage = new OutageLog(
      options.log,
      {},
      {
        began: 'the server cannot be asked for releases: trying again',
        ended: 'the server answers for releases again',
      },
    );
  }

  /** Until `signal` aborts. */
  run(signal: AbortSignal): Promise<void> {
    const { runtime, log } = this.#options;
    return runRetryLoop({
      turn: () => this.#turn(),
      recover: (error) => {
        log.error({ stack: this.#stack, reason: messageOf(error) }, 'a dispatch cannot be taken up now');
        return HOST_FAILURE_MS;
      },
      rest: (restMs) => delay(runtime, restMs, signal),
      signal,
    });
  }

  /** Returns for how many milliseconds not to ask again. */
  async #turn(): Promise<number> {
    const { api, onDispatch, onReachable, onUnauthorized, runtime } = this.#options;
    // Answered at once after an outage, so that its end is noticed now and not at the end of a wait.
    const reply = await api.poll(this.#isAway ? 0 : MAX_DISPATCH_WAIT_SECONDS);
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
      return this.#failed('this agent does not understand the dispatch: is it older than the server?');
    }
    this.#outage.noteSuccess();
    this.#backoff.reset();
    onReachable(this.#isAway);
    this.#isAway = false;
    if (dispatch === null) return PAUSE_MS * runtime.random();
    this.#stack = dispatch.stack;
    await onDispatch(dispatch);
    return PAUSE_MS * (1 + runtime.random());
  }

  #failed(reason: string): number {
    this.#isAway = true;
    this.#outage.noteFailure(reason);
    return this.#backoff.next();
  }
}
