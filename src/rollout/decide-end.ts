/** Decides when a rollout ends because of what its hosts reported. */
import type { RolloutHost } from '../domain/rollout.ts';
import { describeTrouble, plural, quote, waveName } from '../domain/words.ts';
import { isOpen, type LaterEntry, type RolloutState } from './rollout-state.ts';
import { total } from './wave-counts.ts';
import { hasWitness } from './witness.ts';

export type FailureCause = Pick<NonNullable<RolloutHost['failure']>, 'trouble' | 'failingProbes'>;

/** The halt that one more failed host causes, `rollout` being as it was before that failure; null: it is tolerated. */
export function decideHalt(rollout: RolloutState, host: RolloutHost, cause: FailureCause): LaterEntry | null {
  const { progress, plan } = rollout;
  const failures = total(progress.waves, 'failed') + 1;
  if (!isOpen(progress.status) || failures <= plan.failureThreshold) return null;
  const count = `${plural(failures, 'host')} failed, and failure_threshold is ${plan.failureThreshold}`;
  const said = `${quote(host.name)} failed${describeCause(cause)}: ${count}`;
  const isHeard = cause.trouble !== null || hasWitness(progress, host, progress.releaseFailures + 1);
  const reason = isHeard ? said : `${said}; no other host and no telemetry speaks against the release so far`;
  return { kind: 'rollout_halted', host: host.name, reason };
}

function describeCause({ trouble, failingProbes }: FailureCause): string {
  if (trouble === 'lost') return ' (it is lost)';
  if (trouble !== null) return ` (${describeTrouble(trouble)}, for which the release is not to blame)`;
  return failingProbes.length > 0 ? ` (${failingProbes.map(quote).join(', ')})` : '';
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
  const names = plan.waves[progress.currentWave] ?? [];
  const failed = names.filter((name) => (rollout.host(name)?.failure ?? null) !== null);
  // One that the release has failed speaks for the others; it may be quarantined for it.
  const first = failed.find((name) => rollout.host(name)?.failure?.trouble === null) ?? failed[0];
  return first === undefined ? null : { kind: 'rollout_halted', host: first, reason };
}
