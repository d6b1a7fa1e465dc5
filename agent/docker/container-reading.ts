/** One container's counters at one instant. Null: the source does not have it. */
export interface ContainerReading {
  /** CPU time since the container started, nanoseconds, all CPUs together. */
  readonly cpuNs: number;
  /** The clock that CPU time is measured against, nanoseconds; only differences mean anything. */
  readonly clockNs: number;
  /** Without page cache that can be dropped. */
  readonly memoryBytes: number | null;
  /** Null or beyond the host's memory: no limit of its own. */
  readonly memoryLimitBytes: number | null;
  /** Null when the container has no network of its own. */
  readonly rxBytes: number | null;
  readonly txBytes: number | null;
  readonly readBytes: number | null;
  readonly writeBytes: number | null;
}

/** Over less time than this, CPU use says more about the scheduler than about the container. */
const MIN_INTERVAL_NS = 50_000_000;

/**
 * CPU use between two readings of one container, 100 = one CPU fully used, two decimals. Null without an earlier
 * reading, too soon after it, or when the counter went backwards (the container was restarted).
 */
export function containerCpuPercent(before: ContainerReading | null, after: ContainerReading): number | null {
  if (before === null) return null;
  const clockNs = after.clockNs - before.clockNs;
  const cpuNs = after.cpuNs - before.cpuNs;
  if (clockNs < MIN_INTERVAL_NS || cpuNs < 0) return null;
  return Math.round((cpuNs / clockNs) * 10_000) / 100;
}
