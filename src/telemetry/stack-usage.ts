import type { StackUsageSample } from '../domain/lookups.ts';
import type { StoredTick } from '../domain/records.ts';
import { decodeSample } from './sample-codec.ts';

/** What the containers of a stack used together at one tick. Null: it holds none of them. `containers`: their numbers. */
export function sumStack(
  { recordedAtMs, sample }: Pick<StoredTick, 'recordedAtMs' | 'sample'>,
  containers: ReadonlySet<number>,
): StackUsageSample | null {
  let isSeen = false;
  let memoryMb: number | null = null;
  let cpuPercent: number | null = null;
  for (const { id, metrics } of decodeSample(sample).containers ?? []) {
    if (!containers.has(id)) continue;
    isSeen = true;
    if (metrics.memory_usage_mb !== null) memoryMb = (memoryMb ?? 0) + metrics.memory_usage_mb;
    if (metrics.cpu_percent !== null) cpuPercent = (cpuPercent ?? 0) + metrics.cpu_percent;
  }
  return isSeen ? { recordedAtMs, memoryMb, cpuPercent } : null;
}
