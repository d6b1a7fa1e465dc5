import type { RolloutHost } from '../../domain/rollout.ts';
import { type Holding, holding } from './gate.ts';
import type { GateContext } from './gate-context.ts';

/** Two rollouts that change one stack on one host would mix their releases: the other finishes there first. */
export function checkOtherRollout({ rollout, fleet }: GateContext, { name: host }: RolloutHost): Holding | null {
  const { id, stack } = rollout.plan;
  const rolloutId = fleet.occupant(stack, host, id);
  return rolloutId === null ? null : holding({ gate: 'other_rollout', rolloutId, stack, host });
}
