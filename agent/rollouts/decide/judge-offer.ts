/** Decides whether a dispatch is taken up. */
import { assertNever } from '../../../src/domain/errors.ts';
import type { DispatchBody } from '../../../src/wire/agent-event.ts';
import type { RolloutRecord, StackRecord } from '../record/stack-record.ts';

export type OfferVerdict =
  | { readonly kind: 'take' }
  /** It is the one being worked on: nothing to do, or only to note what the server has seen. */
  | { readonly kind: 'known' }
  /** It was taken up and is no longer known here, yet the server still offers it: reconcile with the server. */
  | { readonly kind: 'over' }
  /** Another rollout of this stack is not over here: ask the server whether it still exists. */
  | { readonly kind: 'busy' }
  /** `epoch`: the highest that this host has taken up. */
  | { readonly kind: 'refuse'; readonly code: 'epoch'; readonly reason: string; readonly epoch: number };

/**
 * Whether a newer release may begin at once. The server offers one only after the rollout before has ended, so nothing is
 * gained by waiting for the end of its soak or of its trouble. A way back is gone on with until it has failed, and the
 * server knows.
 */
function mayBeReplaced({ phase, outbox }: RolloutRecord): boolean {
  switch (phase.at) {
    case 'offered':
    case 'deferred':
    case 'resuming':
    case 'soaking':
      return true;
    case 'reverting':
      return phase.reported !== null && outbox.length === 0;
    case 'activating':
    case 'closed':
      return false;
    default:
      return assertNever(phase);
  }
}

/** Epochs rise with every dispatch of a stack to a host, so a lower one was superseded. */
export function judgeOffer(
  record: StackRecord,
  offer: Pick<DispatchBody, 'rollout_id' | 'epoch' | 'regressed'>,
): OfferVerdict {
  const { taken, rollout } = record;
  if (taken !== null && offer.epoch < taken.epoch) {
    return {
      kind: 'refuse',
      code: 'epoch',
      epoch: taken.epoch,
      reason: `its epoch ${offer.epoch} is lower than ${taken.epoch}, that of rollout ${taken.rolloutId}, which this host has already taken up`,
    };
  }
  if (taken !== null && offer.epoch === taken.epoch) {
    if (offer.rollout_id !== taken.rolloutId) {
      const reason = `its epoch ${offer.epoch} already belongs to rollout ${taken.rolloutId}`;
      return { kind: 'refuse', code: 'epoch', epoch: taken.epoch, reason };
    }
    return rollout === null ? { kind: 'over' } : { kind: 'known' };
  }
  // The server sees it soak here, so it is not new: this agent has lost its record.
  if (offer.regressed !== undefined) return { kind: 'over' };
  return rollout === null || mayBeReplaced(rollout) ? { kind: 'take' } : { kind: 'busy' };
}
