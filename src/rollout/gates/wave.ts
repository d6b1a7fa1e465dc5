import type { RolloutHost } from '../../domain/rollout.ts';
import { type Holding, holding } from './gate.ts';
import { type GateContext, remember } from './gate-context.ts';
import { decidePromotion } from './promotion.ts';

/** Later waves wait for what the one before proves. */
export function checkWave(context: GateContext, { wave }: RolloutHost): Holding | null {
  const { plan, progress } = context.rollout;
  const { currentWave } = progress;
  if (wave <= currentWave) return null;
  const promotion = remember(context, 'promotion', () => decidePromotion(context.rollout, context.fleet));
  const blockedBy = promotion.ok ? null : promotion.blockedBy;
  return holding({ gate: 'wave', wave, currentWave, waveCount: plan.waves.length, blockedBy });
}
