/** Which release runs on a host once its agent has reported an event. */
import type { AgentEvent, RolloutPlan } from '../domain/rollout.ts';

/** Null: nothing of the stack runs. Undefined: the event does not tell. */
export function findDeployed(event: AgentEvent, { release }: Pick<RolloutPlan, 'release'>): string | null | undefined {
  switch (event.type) {
    case 'dispatch_ack':
      return event.currentRelease;
    case 'activation_completed':
    case 'converged':
      return release;
    case 'rollback_completed':
      return event.revertedToRelease;
    default:
      return undefined;
  }
}
