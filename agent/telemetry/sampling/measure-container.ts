import type { ContainerMetrics } from '../../../src/domain/telemetry.ts';
import { type ContainerReading, containerCpuPercent } from '../../docker/container-reading.ts';

const BYTES_PER_MB = 1_048_576;

/** Bytes as whole MB of 2^20 bytes; null stays null. */
export function megabytes(bytes: number | null): number | null {
  return bytes === null ? null : Math.round(bytes / BYTES_PER_MB);
}

/**
 * A container's metrics as the contract has them, from its counters now and at the tick before.
 * A container without a memory limit of its own is limited by the host's memory, as the Docker CLI shows it.
 */
export function measureContainer(
  before: ContainerReading | null,
  after: ContainerReading,
  hostMemoryBytes: number | null,
): ContainerMetrics {
  const own = after.memoryLimitBytes;
  const limit = own !== null && own > 0 && (hostMemoryBytes === null || own < hostMemoryBytes) ? own : hostMemoryBytes;
  return {
    cpu_percent: containerCpuPercent(before, after),
    memory_usage_mb: megabytes(after.memoryBytes),
    memory_limit_mb: megabytes(limit),
    network_rx_bytes: after.rxBytes,
    network_tx_bytes: after.txBytes,
    block_read_bytes: after.readBytes,
    block_write_bytes: after.writeBytes,
  };
}
