/** Where one host stands in a rollout, as far as the rollout as a whole is concerned. */
import { assertNever } from '../domain/errors.ts';
import type { RolloutHost, RolloutPlan, RolloutStatus, WaveCounts } from '../domain/rollout.ts';
import { isOpen } from './rollout-state.ts';

export type Bucket = keyof WaveCounts;

/** A host that failed counts as failed for good: archiving it must not make room for another failure. */
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

/** Offered and not acknowledged: the offer may still be withdrawn. */
export function isOffered(host: RolloutHost): boolean {
  return host.state === 'pending' && host.epoch !== null && !host.left;
}

/** The agent still has to replace the failed release with what ran before. */
function owesRollback(plan: RolloutPlan, host: RolloutHost): boolean {
  return host.state === 'failed' && !host.left && plan.policy.onHealthFailure === 'rollback-and-halt';
}

/**
 * The rollout is still changing the stack on this host: no other rollout may touch it until the host has finished, even
 * when the rollout as a whole has ended, or until it yields.
 */
export function occupies(plan: RolloutPlan, host: RolloutHost): boolean {
  return bucketOf(host) === 'inFlight' || owesRollback(plan, host);
}

/**
 * Whether a newer rollout of the stack may take the host over although this one, which has ended, still occupies it. Its
 * agent then has nothing in hand: it watches a soak whose end does not matter any more, waits for trouble to pass, or
 * cannot bring back what ran before, where the newer release may be what helps.
 */
export function yieldsToNewer(status: RolloutStatus, host: RolloutHost): boolean {
  if (isOpen(status)) return false;
  return host.state === 'soaking' || host.state === 'deferred' || host.rollbackFailure !== null;
}

/** Whether the rollout still waits for something from this host, or may dispatch it later. */
export function isExpected(plan: RolloutPlan, host: RolloutHost): boolean {
  return bucketOf(host) === 'pending' || occupies(plan, host);
}
