import type { RolloutHost } from '../../domain/rollout.ts';
import { quote } from '../../domain/words.ts';
import { type GateContext, type Holding, hold, holdUnread } from './gate.ts';

/** Two rollouts at work on one stack of one host would leave it mixed: also one that has ended finishes first. */
export function checkOtherRollout({ rollout, fleet, nowMs }: GateContext, { name }: RolloutHost): Holding | null {
  const { id, stack } = rollout.plan;
  const reading = fleet.occupant(stack, name, id);
  if (!reading.ok) {
    return holdUnread(
      'other_rollout',
      `who is at work on ${quote(stack)} of ${quote(name)} cannot be read: ${reading.why}`,
      nowMs,
    );
  }
  if (reading.value === null) return null;
  return hold('other_rollout', `rollout ${reading.value} is still at work on ${quote(stack)} of ${quote(name)}`);
}
