/** What a host is told to do, and how its agent asks for it. */
import type { Read } from './ports.ts';
import type { RolloutHost, RolloutPlan } from './rollout.ts';
import type { AgentIdentity } from './token.ts';

/** A poll for a dispatch waits no longer, and without a wish for less it waits this long. */
export const MAX_DISPATCH_WAIT_SECONDS = 60;

/** What a host is to do now. */
export interface Dispatch {
  readonly rolloutId: string;
  readonly stack: string;
  readonly release: string;
  readonly soakSeconds: number;
  readonly epoch: number;
  /** Set when its soaking release has regressed by its telemetry and is to be failed. */
  readonly regressed: string | null;
}

/** One host's part in one rollout, as its agent may know it. */
export interface AgentRollout {
  readonly plan: RolloutPlan;
  readonly host: RolloutHost;
}

export interface Dispatches {
  /**
   * What the host is to do; waits up to `waitMs` for something to do. Null: nothing. When it must wait it hands
   * `onWaiting` what to call when the answer is no longer wanted, which ends the wait.
   */
  nextDispatch(
    identity: AgentIdentity,
    waitMs: number,
    onWaiting: (giveUp: () => void) => void,
  ): Promise<Dispatch | null>;
  /** The host's name, and its part in every rollout that expects something of it. */
  agentState(identity: AgentIdentity): Read<{ readonly hostname: string; readonly rollouts: readonly AgentRollout[] }>;
  /** Polls that wait now. */
  waitingPolls(): number;
}
