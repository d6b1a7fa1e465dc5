/** What one host's part in a rollout amounts to. */
import { assertNever } from '../domain/errors.ts';
import type { RolloutHost, RolloutPlan, WaveCounts } from '../domain/rollout.ts';

export type Bucket = keyof WaveCounts;

/** Where a host counts. One that failed counts as failed for good: archiving it must not make room for another. */
export function bucketOf(host: RolloutHost): Bucket {
  switch (host.state) {
    case 'converged':
      return 'converged';
    case 'failed':
    case 'reverted':
      return 'failed';
    case 'pending':
      if (host.left) return 'left';
      return host.epoch === null ? 'pending' : 'inFlight';
    case 'activating':
    case 'deferred':
    case 'soaking':
      return host.left ? 'left' : 'inFlight';
    default:
      return assertNever(host.state);
  }
}

/** Offered, and not acknowledged: the offer may still be withdrawn. */
export function isOffered(host: RolloutHost): boolean {
  return host.state === 'pending' && host.epoch !== null && !host.left;
}

/** The failed release does not stay on the host: its agent still has to go back to what ran before. */
function owesRollback(plan: RolloutPlan, host: RolloutHost): boolean {
  return host.state === 'failed' && !host.left && plan.policy.onHealthFailure === 'rollback-and-halt';
}

/**
 * The stack on this host is in this rollout's hands: no other rollout may touch it, whatever became of the rollout as a
 * whole, until the host is through.
 */
export function occupies(plan: RolloutPlan, host: RolloutHost): boolean {
  return bucketOf(host) === 'inFlight' || owesRollback(plan, host);
}

/** The rollout still expects something of this host, or may. */
export function isExpected(plan: RolloutPlan, host: RolloutHost): boolean {
  return bucketOf(host) === 'pending' || occupies(plan, host);
}
