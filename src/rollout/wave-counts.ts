/** Counts of hosts by wave, kept up to date host by host so that no entry has to read every host. */
import type { WaveCounts } from '../domain/rollout.ts';
import type { Bucket } from './host-bucket.ts';

export const NO_COUNTS: WaveCounts = { pending: 0, inFlight: 0, converged: 0, failed: 0, left: 0 };

export function moveHost(waves: readonly WaveCounts[], wave: number, from: Bucket, to: Bucket): readonly WaveCounts[] {
  if (from === to) return waves;
  return waves.map((counts, index) =>
    index === wave ? { ...counts, [from]: counts[from] - 1, [to]: counts[to] + 1 } : counts,
  );
}

export function total(waves: readonly WaveCounts[], bucket: Bucket): number {
  return waves.reduce((sum, counts) => sum + counts[bucket], 0);
}

/** The number of hosts in a wave. */
export function sizeOf(counts: WaveCounts): number {
  return counts.pending + counts.inFlight + counts.converged + counts.failed + counts.left;
}
