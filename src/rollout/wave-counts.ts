/** Counts of hosts by wave, moved one host at a time so that no step has to read every host. */
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

/** Every host of a wave, wherever it is. */
export function sizeOf(counts: WaveCounts): number {
  return counts.pending + counts.inFlight + counts.converged + counts.failed + counts.left;
}
