import { memoryWithoutCache } from '../kernel/parse-cgroup-counters.ts';
import { arrayAt, asObject, type JsonObject, numberAt, objectAt, textAt } from '../read-json.ts';
import type { ContainerReading } from './container-reading.ts';

function sumBlock(entries: readonly unknown[], operation: string): number {
  let sum = 0;
  for (const entry of entries.map(asObject)) {
    // Version 1 hosts say `Read`, version 2 hosts `read`.
    if (textAt(entry, 'op')?.toLowerCase() === operation) sum += numberAt(entry, 'value') ?? 0;
  }
  return sum;
}

function readMemory(memory: JsonObject | null): number | null {
  const usage = numberAt(memory, 'usage');
  if (usage === null) return null;
  const stats = objectAt(memory, 'stats');
  return memoryWithoutCache(usage, numberAt(stats, 'total_inactive_file') ?? numberAt(stats, 'inactive_file'));
}

function readNetworks(networks: JsonObject): { rxBytes: number; txBytes: number } {
  let rxBytes = 0;
  let txBytes = 0;
  for (const network of Object.values(networks).map(asObject)) {
    rxBytes += numberAt(network, 'rx_bytes') ?? 0;
    txBytes += numberAt(network, 'tx_bytes') ?? 0;
  }
  return { rxBytes, txBytes };
}

/**
 * Reads `GET /containers/{id}/stats?stream=false&one-shot=true`. The clock is the engine's own reading of all CPUs'
 * time divided by their number, as the Docker CLI computes CPU use. Null when the container has no counters: it has
 * stopped meanwhile.
 */
export function parseEngineStats(input: unknown, sharesHostNetwork: boolean): ContainerReading | null {
  const root = asObject(input);
  const cpu = objectAt(root, 'cpu_stats');
  const cpuNs = numberAt(objectAt(cpu, 'cpu_usage'), 'total_usage');
  const systemNs = numberAt(cpu, 'system_cpu_usage');
  const cpus = numberAt(cpu, 'online_cpus') ?? arrayAt(objectAt(cpu, 'cpu_usage'), 'percpu_usage').length;
  if (cpuNs === null || systemNs === null || cpus < 1) return null;
  const memory = objectAt(root, 'memory_stats');
  const network = sharesHostNetwork ? null : readNetworks(objectAt(root, 'networks') ?? {});
  const block = arrayAt(objectAt(root, 'blkio_stats'), 'io_service_bytes_recursive');
  return {
    cpuNs,
    clockNs: systemNs / cpus,
    memoryBytes: readMemory(memory),
    memoryLimitBytes: numberAt(memory, 'limit'),
    rxBytes: network?.rxBytes ?? null,
    txBytes: network?.txBytes ?? null,
    readBytes: sumBlock(block, 'read'),
    writeBytes: sumBlock(block, 'write'),
  };
}
