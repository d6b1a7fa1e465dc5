import type { ClockReading } from '../../async/clock-reading.ts';
import type { Phase, RolloutRecord } from '../record/stack-record.ts';

/** The phase after a failure, by the release's policy. Without its manifest nothing was touched: what runs is verified. */
export function afterFailure({ plan }: RolloutRecord, touched: boolean, now: ClockReading): Phase {
  if (plan?.onHealthFailure === 'halt') return { at: 'closed', outcome: 'halted' };
  return { at: 'reverting', touched, since: now, reported: null };
}
