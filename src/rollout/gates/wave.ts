import type { RolloutHost } from '../../domain/rollout.ts';
import { waveName } from '../../domain/words.ts';
import { type GateContext, type Holding, hold, remember } from './gate.ts';
import { judgePromotion } from './promotion.ts';

/** Later waves wait for what the one before proves. */
export function checkWave(scene: GateContext, host: RolloutHost): Holding | null {
  const { plan, progress } = scene.rollout;
  if (host.wave <= progress.currentWave) return null;
  const promotion = remember(scene, 'promotion', () => judgePromotion(scene.rollout, scene.fleet));
  const current = waveName(progress.currentWave, plan.waves.length);
  const why = promotion.ok ? `${current} has only just come through` : `${current} is not through: ${promotion.reason}`;
  return hold('wave', `${waveName(host.wave, plan.waves.length)} has not begun: ${why}`);
}
