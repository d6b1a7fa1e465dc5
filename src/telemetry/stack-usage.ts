import type { ContainerMemory, StackUsageSample } from '../domain/lookups.ts';
import type { StoredTick } from '../domain/records.ts';
import { decodeSample } from './sample-codec.ts';

/** What the containers of a stack used at one tick. Null: it holds none of them. `ofStack`: their numbers. */
export function sumStack(
  { recordedAtMs, receivedAtMs, live, sample }: Pick<StoredTick, 'recordedAtMs' | 'receivedAtMs' | 'live' | 'sample'>,
  ofStack: ReadonlySet<number>,
): StackUsageSample | null {
  const { metrics: host, containers: reported } = decodeSample(sample);
  const containers: ContainerMemory[] = [];
  let memoryMb: number | null = null;
  let cpuPercent: number | null = null;
  for (const { id, metrics } of reported ?? []) {
    if (!ofStack.has(id)) continue;
    containers.push({ container: id, usedMb: metrics.memory_usage_mb, limitMb: metrics.memory_limit_mb });
    if (metrics.memory_usage_mb !== null) memoryMb = (memoryMb ?? 0) + metrics.memory_usage_mb;
    if (metrics.cpu_percent !== null) cpuPercent = (cpuPercent ?? 0) + metrics.cpu_percent;
  }
  if (containers.length === 0) return null;
  const hostMemory = { usedMb: host.memory_used_mb, totalMb: host.memory_total_mb };
  return { recordedAtMs, receivedAtMs, live, memoryMb, cpuPercent, containers, hostMemory };
}
