/** How a rollout comes to its end by what its hosts reported. */
import type { RolloutHost } from '../domain/rollout.ts';
import { plural, quote, waveName } from '../domain/words.ts';
import { isOpen, type LaterEntry } from './evolve.ts';
import type { GateContext } from './gates/gate.ts';
import { total } from './wave-counts.ts';

/** Why the rollout ends with a failure that has just been reported (`rollout` is as it was before); null: tolerated. */
export function haltAfter(rollout: GateContext['rollout'], failed: RolloutHost): LaterEntry | null {
  const failures = total(rollout.progress.waves, 'failed') + 1;
  const { failureThreshold } = rollout.plan;
  if (!isOpen(rollout.progress.status) || failures <= failureThreshold) return null;
  const probes = failed.failure?.failingProbes ?? [];
  const why = probes.length > 0 ? ` (${probes.map(quote).join(', ')})` : '';
  const count = `${plural(failures, 'host')} failed, and failure_threshold is ${failureThreshold}`;
  return { kind: 'rollout_halted', host: failed.name, reason: `${quote(failed.name)} failed${why}: ${count}` };
}

/** Whether nothing is left to do: every host has converged or left, or its failure was tolerated. Also while paused. */
export function decideEnd(rollout: GateContext['rollout']): LaterEntry | null {
  const { progress } = rollout;
  if (!isOpen(progress.status) || rollout.inFlight.size > 0) return null;
  return haltWithoutProof(rollout) ?? (total(progress.waves, 'pending') === 0 ? { kind: 'rollout_converged' } : null);
}

/**
 * Failures may be tolerated, yet a wave in which nothing converged says nothing for the release: the next wave would
 * wait for ever, and a rollout that converged nowhere must not read as converged. It ends instead.
 */
function haltWithoutProof(rollout: GateContext['rollout']): LaterEntry | null {
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
