/** The figures of a soak, and what is usual: the same host before the dispatch, and hosts that are not updated yet. */
import {
  lowerMedian,
  median,
  slopePerMinute,
  steepestPerMinute,
  type TimedValue,
  WINDOW_SAMPLES,
} from './memory-slope.ts';
import { ofLatestContainers, type StackSample, type StackSeries } from './stack-series.ts';

export interface SoakTelemetry {
  readonly soakStartedAtMs: number;
  readonly isSoakOver: boolean;
  readonly soak: StackSeries;
  /** Before the dispatch; null: the stack did not run on the host. */
  readonly baseline: StackSeries | null;
  /** The last minutes of a handful of hosts of the rollout that are not updated yet. */
  readonly peers: readonly StackSeries[];
}

/** What a program takes while it starts says nothing of how it goes on. */
export const SETTLING_MS = 15_000;
/** Only the newest samples are looked at. */
const MAX_SAMPLES = 120;
const MIN_CPU_SAMPLES = 3;
/** Fewer peers say nothing: two of them could be wrong together. */
const MIN_PEERS = 3;

export type SoakFigures = ReturnType<typeof measureSoak>;

export function measureSoak({ soakStartedAtMs, soak, ...usual }: SoakTelemetry) {
  const baseline = usual.baseline === null ? null : ofLatestContainers(usual.baseline);
  const peers = usual.peers.map(ofLatestContainers);
  const settled = soak.samples.filter((sample) => sample.atMs >= soakStartedAtMs + SETTLING_MS);
  const growth = slopePerMinute(memoryOf(settled));
  return {
    samples: settled.length,
    memory_growth_mb_per_minute: rounded(growth),
    baseline_memory_growth_mb_per_minute: rounded(baseline === null ? null : usualGrowth(baseline)),
    peers_memory_growth_mb_per_minute: rounded(amongPeers(peers, usualGrowth)),
    cpu_percent: rounded(cpuOf(settled.slice(-WINDOW_SAMPLES))),
    baseline_cpu_percent: rounded(baseline === null ? null : usualCpu(baseline)),
    peers_cpu_percent: rounded(amongPeers(peers, usualCpu)),
    restarts: soak.restarts,
    unhealthy_seconds: rounded(soak.unhealthySeconds),
    memory_mb: memoryOf(settled).at(-1)?.value ?? null,
    baseline_memory_mb: rounded(baseline === null ? null : usualMemory(baseline)),
    peers_memory_mb: rounded(amongPeers(peers, usualMemory)),
    /** At the pace of now, until a container is at its limit or the host has no memory left; null: nothing grows. */
    minutes_until_memory_is_full: rounded(minutesUntilFull(settled, growth)),
  };
}

/** The lower median: with an even count, half of the peers and one more would have to lie to raise it. */
function amongPeers(
  peers: readonly (readonly StackSample[])[],
  figure: (samples: readonly StackSample[]) => number | null,
): number | null {
  const values = peers.map(figure).filter((value) => value !== null);
  return values.length < MIN_PEERS ? null : lowerMedian(values);
}

function usualGrowth(samples: readonly StackSample[]): number | null {
  return steepestPerMinute(memoryOf(samples));
}

function usualMemory(samples: readonly StackSample[]): number | null {
  return median(memoryOf(samples).map(({ value }) => value));
}

function usualCpu(samples: readonly StackSample[]): number | null {
  return cpuOf(samples.slice(-MAX_SAMPLES));
}

function minutesUntilFull(settled: readonly StackSample[], growth: number | null): number | null {
  const latest = settled.at(-1);
  if (latest === undefined || growth === null) return null;
  const minutes: number[] = [];
  if (growth > 0 && latest.hostFreeMb !== null) minutes.push(latest.hostFreeMb / growth);
  for (const { container, usedMb, limitMb } of latest.containers) {
    const own = slopePerMinute(memoryOf(settled, container)) ?? 0;
    if (own > 0 && usedMb !== null && limitMb !== null) minutes.push(Math.max(0, limitMb - usedMb) / own);
  }
  return minutes.length === 0 ? null : Math.min(...minutes);
}

/** Of the whole stack, or of one of its containers. */
function memoryOf(samples: readonly StackSample[], container?: number): TimedValue[] {
  return samples.slice(-MAX_SAMPLES).flatMap((sample) => {
    const value =
      container === undefined
        ? sample.memoryMb
        : (sample.containers.find((one) => one.container === container)?.usedMb ?? null);
    return value === null ? [] : [{ atMs: sample.atMs, value }];
  });
}

/** The median, so that a burst does not count as load. */
function cpuOf(samples: readonly StackSample[]): number | null {
  const values = samples.map(({ cpuPercent }) => cpuPercent).filter((value) => value !== null);
  return values.length < MIN_CPU_SAMPLES ? null : median(values);
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 10) / 10;
}
