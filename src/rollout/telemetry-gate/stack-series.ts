/** What the telemetry gate looks at: the samples of a stack on one host, without what cannot be true. */
import type { ContainerMemory, StackUsageSample } from '../../domain/lookups.ts';
import type { HostFacts } from '../../domain/telemetry.ts';

/** The containers of the stack on one host at one tick. Null: not reported, or impossible. */
export interface StackSample {
  /** By the server's clock: when the tick arrived. */
  readonly atMs: number;
  /** Of all its containers. */
  readonly memoryMb: number | null;
  /** Of all its containers; 100 is one core. */
  readonly cpuPercent: number | null;
  readonly containers: readonly ContainerMemory[];
  /** Memory of the host that nothing uses. */
  readonly hostFreeMb: number | null;
}

/** What one host's stack did over some time. */
export interface StackSeries {
  /** In time order. */
  readonly samples: readonly StackSample[];
  /** The most restarts of any one container. */
  readonly restarts: number;
  /** The longest time that any one container was unhealthy. */
  readonly unhealthySeconds: number;
}

/**
 * Only the samples of the containers that ran last. Those before them may have been a release that failed: what it did is
 * not usual, and must not excuse the next one.
 */
export function ofLatestContainers({ samples }: Pick<StackSeries, 'samples'>): readonly StackSample[] {
  const setOf = ({ containers }: StackSample): string =>
    containers
      .map(({ container }) => container)
      .sort((a, b) => a - b)
      .join(' ');
  const latest = samples.at(-1);
  return latest === undefined ? [] : samples.filter((sample) => setOf(sample) === setOf(latest));
}

/** Counters are read one after the other, so a busy host may report a little more CPU than it has. */
const CPU_TOLERANCE = 1.1;

/**
 * A stack cannot use more memory than its host has, nor more CPU than its cores: a host that reports so is broken or
 * lies, and such a figure is dropped.
 */
export function readSample(usage: StackUsageSample, facts: HostFacts, atMs: number): StackSample {
  const { memoryMb, cpuPercent, containers, hostMemory } = usage;
  const totalMb = hostMemory.totalMb ?? facts.memoryTotalMb;
  const mostCpu = facts.cpuCount === null ? Number.POSITIVE_INFINITY : facts.cpuCount * 100 * CPU_TOLERANCE;
  const isPossible = memoryMb === null || totalMb === null || memoryMb <= totalMb;
  return {
    atMs,
    memoryMb: isPossible ? memoryMb : null,
    cpuPercent: cpuPercent !== null && cpuPercent > mostCpu ? null : cpuPercent,
    containers: isPossible ? containers : [],
    hostFreeMb: totalMb === null || hostMemory.usedMb === null ? null : Math.max(0, totalMb - hostMemory.usedMb),
  };
}
