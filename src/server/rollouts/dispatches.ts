import type { AgentRollout, Dispatch, Dispatches } from '../../domain/dispatch.ts';
import type { Runtime } from '../../domain/runtime.ts';
import type { AgentIdentity } from '../../domain/token.ts';
import { authorize } from '../commands/authorize.ts';
import type { State } from '../state/state.ts';
import type { Writer } from '../writer.ts';
import { findDispatch, findParts } from './find-dispatch.ts';
import { WaitingPolls } from './waiting-polls.ts';

/** Answers the polls of agents: at once when there is a dispatch, otherwise when one comes up. */
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
      // Registered before any wait, so that the poll is woken even by the commit under way.
      onWaiting(this.#polls.wait(identity.hostId, waitMs, answer));
    });
  }

  #hasAnswer(identity: AgentIdentity): boolean {
    try {
      return dispatchFor(this.#writer.attached().state, identity) !== null;
    } catch {
      // A refusal is an answer, too.
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

  /** Answers all waiting polls and lets no other wait: the server is closing. */
  endPolls(): void {
    this.#isStopping = true;
    this.#polls.wakeAll();
  }
}

function dispatchFor({ fleet, index }: State, identity: AgentIdentity): Dispatch | null {
  return findDispatch(index, authorize(fleet, identity).host.stored.name);
}
