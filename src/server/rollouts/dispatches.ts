import type { AgentRollout, Dispatch, Dispatches } from '../../domain/dispatch.ts';
import type { Runtime } from '../../domain/runtime.ts';
import type { AgentIdentity } from '../../domain/token.ts';
import { authorize } from '../commands/authorize.ts';
import type { State } from '../state/state.ts';
import type { Writer } from '../writer.ts';
import { findDispatch, findParts } from './find-dispatch.ts';
import { WaitingPolls } from './waiting-polls.ts';

/** Answers agents that ask what they are to do, at once or when there is something. */
export class HostDispatches implements Dispatches {
  readonly #writer: Writer;
  readonly #polls: WaitingPolls;
  #isStopping = false;

  constructor(writer: Writer, runtime: Runtime) {
    this.#writer = writer;
    this.#polls = new WaitingPolls(runtime);
    writer.follow(({ effects }) => {
      for (const { hostId } of effects) this.#polls.wake(hostId);
    });
  }

  nextDispatch(
    identity: AgentIdentity,
    waitMs: number,
    onWaiting: (giveUp: () => void) => void,
  ): Promise<Dispatch | null> {
    return new Promise((resolve, reject) => {
      const answer = (): void => {
        try {
          resolve(this.#isStopping ? null : this.#writer.read(({ state }) => dispatchFor(state, identity)));
        } catch (error) {
          reject(error);
        }
      };
      if (waitMs === 0 || this.#isStopping || this.#hasAnswer(identity)) return answer();
      // Before anything is waited for: a commit that is under way must not end unnoticed.
      onWaiting(this.#polls.wait(identity.hostId, waitMs, answer));
    });
  }

  #hasAnswer(identity: AgentIdentity): boolean {
    try {
      return dispatchFor(this.#writer.attached().state, identity) !== null;
    } catch {
      // A refusal is an answer as well.
      return true;
    }
  }

  agentState(identity: AgentIdentity) {
    return this.#writer.read(({ state: { fleet, index } }): { hostname: string; rollouts: AgentRollout[] } => {
      const hostname = authorize(fleet, identity).host.stored.name;
      return { hostname, rollouts: findParts(index, hostname) };
    });
  }

  waitingPolls(): number {
    return this.#polls.count;
  }

  /** Answers the polls that wait, and lets no other wait: the server is about to close. */
  endPolls(): void {
    this.#isStopping = true;
    this.#polls.wakeAll();
  }
}

function dispatchFor({ fleet, index }: State, identity: AgentIdentity): Dispatch | null {
  return findDispatch(index, authorize(fleet, identity).host.stored.name);
}
