import type { RolloutHost } from '../../domain/rollout.ts';
import { quote } from '../../domain/words.ts';
import { type GateContext, type Holding, hold } from './gate.ts';

/** Two rollouts at work on one stack of one host would leave it mixed: also one that has ended finishes first. */
export function checkOtherRollout({ rollout, fleet }: GateContext, { name }: RolloutHost): Holding | null {
  const { id, stack } = rollout.plan;
  const occupant = fleet.occupant(stack, name, id);
  if (occupant === null) return null;
  return hold('other_rollout', `rollout ${occupant} is still at work on ${quote(stack)} of ${quote(name)}`);
}
