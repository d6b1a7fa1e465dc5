/** Decides when a rollout ends because of what its hosts reported. */
import { plural, quote, waveName } from '../domain/words.ts';
import { isOpen, type LaterEntry, type RolloutState } from './rollout-state.ts';
import { total } from './wave-counts.ts';

/**
 * The halt that one more failed host causes, `rollout` being as it was before that failure; null: it is tolerated. `cause`:
 * of the failure, in a few words; empty where there is none to say.
 */
export function decideHalt(rollout: RolloutState, host: string, cause: string): LaterEntry | null {
  const failures = total(rollout.progress.waves, 'failed') + 1;
  const { failureThreshold } = rollout.plan;
  if (!isOpen(rollout.progress.status) || failures <= failureThreshold) return null;
  const why = cause === '' ? '' : ` (${cause})`;
  const count = `${plural(failures, 'host')} failed, and failure_threshold is ${failureThreshold}`;
  return { kind: 'rollout_halted', host, reason: `${quote(host)} failed${why}: ${count}` };
}

/** How the rollout ends when no host is left to wait for, even while it is paused; null: it goes on. */
export function decideEnd(rollout: RolloutState): LaterEntry | null {
  const { progress } = rollout;
  if (!isOpen(progress.status) || rollout.inFlight.size > 0) return null;
  return haltWithoutProof(rollout) ?? (total(progress.waves, 'pending') === 0 ? { kind: 'rollout_converged' } : null);
}

/**
 * A wave may consist of tolerated failures alone. It proves nothing for the release, so the next wave would wait for
 * ever, and a rollout that converged nowhere must not be shown as converged: it halts instead.
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
