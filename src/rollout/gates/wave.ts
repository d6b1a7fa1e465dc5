import type { RolloutHost } from '../../domain/rollout.ts';
import { type Holding, holding } from './gate.ts';
import { type GateContext, remember } from './gate-context.ts';
import { decidePromotion } from './promotion.ts';

/** A wave waits until the one before it has proved the release. */
export function checkWave(context: GateContext, { wave }: RolloutHost): Holding | null {
  const { plan, progress } = context.rollout;
  const { currentWave } = progress;
  if (wave <= currentWave) return null;
  const promotion = remember(context, 'promotion', () => decidePromotion(context.rollout, context.fleet));
  const blockedBy = promotion.ok ? null : promotion.blockedBy;
  return holding({ gate: 'wave', wave, currentWave, waveCount: plan.waves.length, blockedBy });
}
