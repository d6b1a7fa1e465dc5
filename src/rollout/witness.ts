/** Whether a failure speaks against the release loudly enough to keep it from every other host. */
import type { RolloutHost, RolloutProgress } from '../domain/rollout.ts';
import { speaksAgainst } from './telemetry-gate/judge-telemetry.ts';
import { sizeOf } from './wave-counts.ts';

/**
 * One host may lie or be broken, so its word alone halts a rollout, and quarantines the release only where its wave has
 * no other host to ask. Otherwise a second host, or the telemetry that the server has judged, must agree.
 *
 * `releaseFailures`: hosts that the release has failed, this one included.
 */
export function hasWitness(progress: RolloutProgress, host: RolloutHost, releaseFailures: number): boolean {
  if (releaseFailures > 1) return true;
  const counts = progress.waves[host.wave];
  const isAlone = counts !== undefined && sizeOf(counts) - counts.left <= 1;
  return isAlone || (host.telemetry !== null && speaksAgainst(host.telemetry));
}
