/** Dispatches: what a host is to do, and how its agent polls for it. */
import type { Read } from './ports.ts';
import type { RolloutHost, RolloutPlan } from './rollout.ts';
import type { AgentIdentity } from './token.ts';

/** The longest, and the default, time that a poll for a dispatch waits. */
export const MAX_DISPATCH_WAIT_SECONDS = 60;

/** What a host is to do now. */
export interface Dispatch {
  readonly rolloutId: string;
  readonly stack: string;
  readonly release: string;
  readonly soakSeconds: number;
  readonly epoch: number;
  /** Why the release is to be failed: the telemetry gate found a regression, or the host was lost. Otherwise null. */
  readonly regressed: string | null;
  /** Of this host in this rollout; 0 unless it has refused an offer before. */
  readonly lastEventSeq: number;
  /** As in `RolloutProgress`: the bytes to run. */
  readonly images: Readonly<Record<string, string | null>> | null;
}

/** One host's part in one rollout, as its agent may know it. */
export interface AgentRollout {
  readonly plan: RolloutPlan;
  readonly host: RolloutHost;
}

export interface Dispatches {
  /**
   * The host's dispatch. Waits up to `waitMs` for one; null when there is none. If it has to wait, it first passes
   * `onWaiting` a function that gives up the wait.
   */
  nextDispatch(
    identity: AgentIdentity,
    waitMs: number,
    onWaiting: (giveUp: () => void) => void,
  ): Promise<Dispatch | null>;
  /** The host's name, and its part in every rollout that expects something from it. */
  agentState(identity: AgentIdentity): Read<{ readonly hostname: string; readonly rollouts: readonly AgentRollout[] }>;
  /** Number of polls that are waiting. */
  waitingPolls(): number;
}
