/** Decides what to do next, from what is wanted, what is observed, and the time. */
import { assertNever } from '../../../src/domain/errors.ts';
import type { ClockReading } from '../../async/clock-reading.ts';
import type { RolloutRecord } from '../record/stack-record.ts';
import type { Action } from './action.ts';
import { decideActivation } from './activation.ts';
import { decideDeferral } from './deferral.ts';
import type { Observed } from './observed.ts';
import { decideRollback } from './rollback.ts';
import { decideResumption, decideSoak } from './soak.ts';

/** The actions to carry out, in this order; none while the server's answer is awaited. */
export function decide(rollout: RolloutRecord, observed: Observed, now: ClockReading): Action[] {
  const { phase } = rollout;
  switch (phase.at) {
    case 'offered':
    case 'closed':
      return [];
    case 'activating':
      return decideActivation(rollout, phase, observed, now);
    case 'deferred':
      return decideDeferral(rollout, phase, observed, now);
    case 'resuming':
      return decideResumption(rollout, phase, observed, now);
    case 'soaking':
      return decideSoak(rollout, phase, observed, now);
    case 'reverting':
      return decideRollback(rollout, phase, observed, now);
    default:
      return assertNever(phase);
  }
}
