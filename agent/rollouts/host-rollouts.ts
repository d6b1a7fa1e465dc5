import { assertNever, messageOf } from '../../src/domain/errors.ts';
import { delay } from '../../src/runtime/wait.ts';
import type { DispatchBody } from '../../src/wire/agent-event.ts';
import { stackSchema } from '../../src/wire/release.ts';
import { Backoff, OutageLog } from '../async/retry-loop.ts';
import { makeDirectory } from '../disk/make-directory.ts';
import { noteCondition } from './decide/compare-services.ts';
import { judgeOffer, type OfferVerdict } from './decide/judge-offer.ts';
import { findFallback } from './decide/read-project.ts';
import { DispatchPoll } from './dispatch-poll.ts';
import { noteRegression } from './record/advance-record.ts';
import type { StackRecord } from './record/stack-record.ts';
import { takeOffer } from './record/take-offer.ts';
import { type Stack, type StackCommons, startStack } from './stack.ts';

const FOLDER_MODE = 0o700;
const BACKOFF_BASE_MS = 1_000;
const MAX_BACKOFF_MS = 30_000;
/** After a failure of this host itself, such as a disk that is read-only. */
const HOST_FAILURE_MS = 30_000;

type OfferRefusal = Extract<OfferVerdict, { readonly kind: 'refuse' }>;

/** All stacks of this host, and the dispatches that arrive for them. */
export class HostRollouts {
  readonly #commons: StackCommons;
  readonly #stacks = new Map<string, Promise<Stack>>();
  /** The last dispatch that was refused, so that each is reported once. */
  #refused = '';

  constructor(commons: StackCommons) {
    this.#commons = commons;
  }

  /** Until the signal aborts. What a crash has left on disk goes on first, whether or not the server can be reached. */
  async run(): Promise<void> {
    const { api, log, runtime, signal, onUnauthorized } = this.#commons;
    const names = await this.#listFolders();
    const poll = new DispatchPoll({
      api,
      log,
      runtime,
      onDispatch: (dispatch) => this.#take(dispatch),
      onReachable: (wasAway) => void this.#noteReachable(wasAway),
      onUnauthorized,
    });
    await Promise.all([this.#openAll(names), this.#openKnownToServer(), poll.run(signal)]);
    for (const stack of await Promise.allSettled(this.#stacks.values())) {
      if (stack.status === 'fulfilled') await stack.value.ended;
    }
  }

  /** The stacks that have a folder here; tries until the state directory can be used, and returns none once stopped. */
  async #listFolders(): Promise<readonly string[]> {
    const { files, stacksFolder, signal, log, runtime } = this.#commons;
    while (!signal.aborted) {
      try {
        await makeDirectory(files, stacksFolder, FOLDER_MODE);
        const names = await files.readdir(stacksFolder);
        return names.filter((name) => stackSchema.safeParse(name).success);
      } catch (error) {
        log.error(
          { directory: stacksFolder, reason: messageOf(error) },
          'releases cannot be taken up: the state directory cannot be read or written. Trying again',
        );
        await delay(runtime, HOST_FAILURE_MS, signal);
      }
    }
    return [];
  }

  async #openAll(names: readonly string[]): Promise<void> {
    await Promise.all(names.map((name) => this.#open(name)));
  }

  /** Tries until the stack is open, or the signal aborts: a record that cannot be read holds up no other stack. */
  async #open(stack: string): Promise<void> {
    const { log, runtime, signal } = this.#commons;
    const backoff = new Backoff(runtime, BACKOFF_BASE_MS, MAX_BACKOFF_MS);
    const outage = new OutageLog(
      log,
      { stack },
      {
        began: 'the record of this stack cannot be read from the disk: the stack waits, and reading is tried again',
        ended: 'the record of this stack can be read again',
      },
    );
    while (!signal.aborted) {
      try {
        await this.#stack(stack);
        outage.noteSuccess();
        return;
      } catch (error) {
        outage.noteFailure(messageOf(error));
        await delay(runtime, backoff.next(), signal);
      }
    }
  }

  /** Opens the stacks of the server's open rollouts, which have no folder here when the disk was lost. */
  async #openKnownToServer(): Promise<void> {
    const { views, signal, runtime, onUnauthorized } = this.#commons;
    const backoff = new Backoff(runtime, BACKOFF_BASE_MS, MAX_BACKOFF_MS);
    while (!signal.aborted) {
      const refreshed = await views.refresh();
      if (refreshed.kind === 'unauthorized') return onUnauthorized();
      if (refreshed.kind === 'known') {
        const names = refreshed.state.rollouts.map(({ stack }) => stack);
        return this.#openAll(names.filter((name) => stackSchema.safeParse(name).success));
      }
      await delay(runtime, backoff.next(), signal);
    }
  }

  #stack(name: string): Promise<Stack> {
    const known = this.#stacks.get(name);
    if (known !== undefined) return known;
    const starting = startStack(name, this.#commons);
    this.#stacks.set(name, starting);
    starting.catch(() => this.#stacks.delete(name));
    return starting;
  }

  async #noteReachable(wasAway: boolean): Promise<void> {
    for (const stack of await Promise.allSettled(this.#stacks.values())) {
      if (stack.status === 'fulfilled') stack.value.sender.noteReachable(wasAway);
    }
  }

  async #take(dispatch: DispatchBody): Promise<void> {
    const { activator, clock, log } = this.#commons;
    const { store, sender } = await this.#stack(dispatch.stack);
    const { rollout_id, regressed, stack, release, epoch } = dispatch;
    const fields = { stack, rollout_id, release, epoch };
    const verdict = judgeOffer(store.record, dispatch);
    switch (verdict.kind) {
      case 'known':
        if (regressed === undefined) return;
        await store.update((record) => noteRegression(record, rollout_id, regressed.reason));
        // Only a soak looks at that; anything before it asks the server, which has given the host up meanwhile.
        if (isBeforeSoak(store.record)) sender.markStale();
        return;
      case 'over':
      case 'busy':
        sender.markStale();
        return;
      case 'refuse':
        if (this.#refused === `${rollout_id} ${epoch}`) return;
        log.warn({ ...fields, reason: verdict.reason }, 'a dispatch is refused');
        if (await this.#refuse(dispatch, verdict)) this.#refused = `${rollout_id} ${epoch}`;
        return;
      case 'take': {
        const containers = await activator.containers(stack);
        const found = { release: findFallback(containers), containers: noteCondition(containers) };
        await store.update((record) =>
          judgeOffer(record, dispatch).kind === 'take' ? takeOffer(record, dispatch, found, clock.now()) : record,
        );
        return;
      }
      default:
        return assertNever(verdict);
    }
  }

  /**
   * Tells the server why a dispatch is refused, and with which epoch this host would take the next one. Returns whether
   * the server has answered for it; one that does not know such an event says so as well.
   */
  async #refuse(dispatch: DispatchBody, refusal: OfferRefusal): Promise<boolean> {
    const { api, views } = this.#commons;
    const { rollout_id: rolloutId } = dispatch;
    const refreshed = await views.refresh();
    if (refreshed.kind !== 'known') return false;
    const { hostname, rollouts } = refreshed.state;
    // An offer that was withdrawn meanwhile needs no answer.
    const view = rollouts.find((one) => one.rollout_id === rolloutId && one.epoch === dispatch.epoch);
    if (view === undefined) return true;
    const event = {
      type: 'dispatch_refused',
      seq: view.last_event_seq + 1,
      reason: refusal.code,
      detail: refusal.reason,
      agent_epoch: refusal.epoch,
    };
    const reply = await api.report(hostname, rolloutId, event);
    return reply.kind !== 'silence' && reply.status < 500;
  }
}

function isBeforeSoak({ rollout }: StackRecord): boolean {
  return rollout?.phase.at === 'activating' || rollout?.phase.at === 'deferred';
}
