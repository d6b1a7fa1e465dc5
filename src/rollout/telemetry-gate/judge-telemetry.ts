/**
 * Judges a soaking host by its telemetry: the containers of its stack are compared with the same host before the
 * dispatch, and with hosts that are not updated yet.
 *
 * A figure beyond its limit makes the verdict `watch`, which keeps the host from converging. When that lasts longer than
 * `sustained_failure_seconds`, the verdict is `regressed`, which fails the host and is final. Only samples change a
 * verdict: silence neither clears a suspicion nor confirms it.
 */
import type { TelemetryLimits } from '../../domain/release.ts';
import type { TelemetryVerdict } from '../../domain/rollout.ts';
import { plural } from '../../domain/words.ts';
import { median, slopePerMinute, steepestPerMinute, type TimedValue, WINDOW_SAMPLES } from './memory-slope.ts';

/** The sum over all containers of the stack on one host at one tick; null: no container reported the figure. */
export interface StackSample {
  /** By the server's clock (when the tick was received). */
  readonly atMs: number;
  readonly memoryMb: number | null;
  /** 100 is one core. */
  readonly cpuPercent: number | null;
}

/** What one host's stack did over some time. */
export interface StackSeries {
  /** In time order. */
  readonly samples: readonly StackSample[];
  /** The most restarts of any one container. */
  readonly restarts: number;
  readonly unhealthySeconds: number;
}

export interface SoakTelemetry {
  readonly soakStartedAtMs: number;
  readonly soak: StackSeries;
  /** Before the dispatch; null: the stack did not run on the host. */
  readonly baseline: StackSeries | null;
  /** The last minutes of a handful of hosts of the rollout that are not updated yet. */
  readonly peers: readonly StackSeries[];
}

/** What a program takes while it starts says nothing of how it goes on. */
const SETTLING_MS = 15_000;
/** Only the newest samples are looked at. */
const MAX_SAMPLES = 120;
const MIN_CPU_SAMPLES = 3;

type Figures = TelemetryVerdict['figures'];

export function judgeTelemetry(
  limits: TelemetryLimits,
  sustainedFailureSeconds: number,
  seen: SoakTelemetry,
  previous: TelemetryVerdict | null,
  nowMs: number,
): TelemetryVerdict {
  if (previous?.status === 'regressed') return previous;
  const latest = seen.soak.samples.findLast((sample) => sample.memoryMb !== null || sample.cpuPercent !== null);
  if (limits.mode === 'off') return verdict(previous, 'not_judged', nowMs, 'not judged: the release turns it off', {});
  if (latest === undefined) {
    const reason = 'not judged: no telemetry of the stack arrived in the soak';
    return previous ?? verdict(previous, 'not_judged', nowMs, reason, {});
  }
  const figures = measure(seen);
  const beyond = compare(limits, figures);
  if (beyond.length === 0) return verdict(previous, 'ok', latest.atMs, describe(figures), figures);
  const sinceMs = previous?.status === 'watch' ? previous.sinceMs : latest.atMs;
  const lasted = latest.atMs - sinceMs >= sustainedFailureSeconds * 1000;
  return { status: lasted ? 'regressed' : 'watch', sinceMs, reason: beyond.join('; '), figures };
}

/** Whether a verdict deserves an entry in the log: new figures alone do not, nor does silence before the soak ends. */
export function isNews(previous: TelemetryVerdict | null, next: TelemetryVerdict, isSoakOver: boolean): boolean {
  if (previous === null && next.status === 'not_judged') return isSoakOver;
  return previous?.status !== next.status;
}

function verdict(
  previous: TelemetryVerdict | null,
  status: TelemetryVerdict['status'],
  atMs: number,
  reason: string,
  figures: Figures,
): TelemetryVerdict {
  return { status, sinceMs: previous?.status === status ? previous.sinceMs : atMs, reason, figures };
}

function measure({ soakStartedAtMs, soak, baseline, peers }: SoakTelemetry) {
  const settled = soak.samples.filter((sample) => sample.atMs >= soakStartedAtMs + SETTLING_MS);
  const peerFigure = (figure: (series: StackSeries) => number | null): number | null =>
    median(peers.map(figure).filter((value) => value !== null));
  const steepest = (series: StackSeries): number | null => steepestPerMinute(valuesOf(series.samples, 'memoryMb'));
  const usualCpu = (series: StackSeries): number | null => cpuOf(series.samples.slice(-MAX_SAMPLES));
  return {
    samples: settled.length,
    memory_growth_mb_per_minute: rounded(slopePerMinute(valuesOf(settled, 'memoryMb'))),
    baseline_memory_growth_mb_per_minute: rounded(baseline === null ? null : steepest(baseline)),
    peers_memory_growth_mb_per_minute: rounded(peerFigure(steepest)),
    cpu_percent: rounded(cpuOf(settled.slice(-WINDOW_SAMPLES))),
    baseline_cpu_percent: rounded(baseline === null ? null : usualCpu(baseline)),
    peers_cpu_percent: rounded(peerFigure(usualCpu)),
    restarts: soak.restarts,
    unhealthy_seconds: rounded(soak.unhealthySeconds),
  } satisfies Figures;
}

/** One sentence for each limit that is exceeded. */
function compare(limits: TelemetryLimits, figures: ReturnType<typeof measure>): string[] {
  const beyond: string[] = [];
  const growth = figures.memory_growth_mb_per_minute;
  const baseGrowth = Math.max(0, figures.baseline_memory_growth_mb_per_minute ?? 0);
  const usualGrowth = Math.max(baseGrowth, figures.peers_memory_growth_mb_per_minute ?? 0);
  if (growth !== null && growth - usualGrowth > limits.maxMemoryGrowthMbPerMinute) {
    const most = limits.maxMemoryGrowthMbPerMinute;
    beyond.push(`memory grows by ${growth} MiB/min, usual is ${usualGrowth}, at most ${most} more is allowed`);
  }
  const cpu = figures.cpu_percent;
  const usualCpu = Math.max(figures.baseline_cpu_percent ?? -1, figures.peers_cpu_percent ?? -1);
  if (cpu !== null && usualCpu >= 0 && cpu > limits.minCpuPercent && cpu > limits.maxCpuRatio * usualCpu) {
    beyond.push(`CPU is at ${cpu}%, usual is ${usualCpu}%, at most ${limits.maxCpuRatio} times that is allowed`);
  }
  if (figures.restarts > limits.maxRestarts) {
    beyond.push(`a container restarted ${plural(figures.restarts, 'time')}, at most ${limits.maxRestarts} is allowed`);
  }
  if ((figures.unhealthy_seconds ?? 0) > limits.maxUnhealthySeconds) {
    const most = limits.maxUnhealthySeconds;
    beyond.push(`containers were unhealthy for ${figures.unhealthy_seconds} s, at most ${most} s is allowed`);
  }
  return beyond;
}

function describe(figures: ReturnType<typeof measure>): string {
  const { memory_growth_mb_per_minute: growth, cpu_percent: cpu } = figures;
  const memory = growth === null ? 'memory not judged yet' : `memory grows by ${growth} MiB/min`;
  const load = cpu === null ? 'CPU not judged yet' : `CPU at ${cpu}%`;
  return `${memory}, ${load}, ${plural(figures.restarts, 'restart')}, unhealthy for ${figures.unhealthy_seconds} s`;
}

function valuesOf(samples: readonly StackSample[], of: 'memoryMb' | 'cpuPercent'): TimedValue[] {
  return samples.slice(-MAX_SAMPLES).flatMap((sample) => {
    const value = sample[of];
    return value === null ? [] : [{ atMs: sample.atMs, value }];
  });
}

/** The median, so that a burst does not count as load. */
function cpuOf(samples: readonly StackSample[]): number | null {
  const values = valuesOf(samples, 'cpuPercent').map(({ value }) => value);
  return values.length < MIN_CPU_SAMPLES ? null : median(values);
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 10) / 10;
}
