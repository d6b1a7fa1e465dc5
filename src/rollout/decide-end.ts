/** Decides when a rollout ends because of what its hosts reported. */
import { plural, quote, waveName } from '../domain/words.ts';
import { isOpen, type LaterEntry, type RolloutState } from './rollout-state.ts';
import { total } from './wave-counts.ts';

/** The halt that one more failed host brings (`rollout` is as it was before it failed); null: the failure is tolerated. */
export function decideHalt(rollout: RolloutState, host: string, failingProbes: readonly string[]): LaterEntry | null {
  const failures = total(rollout.progress.waves, 'failed') + 1;
  const { failureThreshold } = rollout.plan;
  if (!isOpen(rollout.progress.status) || failures <= failureThreshold) return null;
  const why = failingProbes.length > 0 ? ` (${failingProbes.map(quote).join(', ')})` : '';
  const count = `${plural(failures, 'host')} failed, and failure_threshold is ${failureThreshold}`;
  return { kind: 'rollout_halted', host, reason: `${quote(host)} failed${why}: ${count}` };
}

/** Whether nothing is left to do: every host has converged or left, or its failure was tolerated. Also while paused. */
export function decideEnd(rollout: RolloutState): LaterEntry | null {
  const { progress } = rollout;
  if (!isOpen(progress.status) || rollout.inFlight.size > 0) return null;
  return haltWithoutProof(rollout) ?? (total(progress.waves, 'pending') === 0 ? { kind: 'rollout_converged' } : null);
}

/**
 * Failures may be tolerated, yet a wave in which nothing converged says nothing for the release: the next wave would
 * wait for ever, and a rollout that converged nowhere must not read as converged. It ends instead.
 */
function haltWithoutProof(rollout: RolloutState): LaterEntry | null {
  const { plan, progress } = rollout;
  const counts = progress.waves[progress.currentWave];
  if (counts === undefined || counts.pending > 0 || counts.converged > 0 || counts.failed === 0) return null;
  const nothingFollows = total(progress.waves, 'pending') === 0;
  if (nothingFollows && total(progress.waves, 'converged') > 0) return null;
  const wave = waveName(progress.currentWave, plan.waves.length);
  const reason = `no host of ${wave} converged, and ${counts.failed} failed`;
  const failed = plan.waves[progress.currentWave]?.find((name) => (rollout.host(name)?.failure ?? null) !== null);
  return failed === undefined ? null : { kind: 'rollout_halted', host: failed, reason };
}
