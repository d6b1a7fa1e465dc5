/** Compares the figures of a soak with the limits of the release and with what is usual. */
import type { TelemetryLimits } from '../../domain/release.ts';
import { plural } from '../../domain/words.ts';
import type { SoakFigures } from './soak-figures.ts';

export interface Regression {
  /** A sentence without its full stop. */
  readonly reason: string;
  /** False: the host must not converge yet, and has not failed either. */
  readonly isBeyond: boolean;
}

/** Peers may excuse at most this multiple of what the host itself did before: some of them may lie or be broken. */
const MAX_EXCUSE = 2;
/** A stack whose memory would be full sooner than this is not well, whatever it did before. */
const MIN_MINUTES_LEFT = 60;

export function findRegressions(limits: TelemetryLimits, figures: SoakFigures, isSoakOver: boolean): Regression[] {
  const found: Regression[] = [];
  const memory = judgeMemory(limits, figures, isSoakOver);
  if (memory !== null) found.push(memory);
  for (const reason of [judgeCpu(limits, figures), ...judgeIncidents(limits, figures)]) {
    if (reason !== null) found.push({ reason, isBeyond: true });
  }
  return found;
}

/**
 * Growth beyond what is usual counts at once where the host's own growth before is known and memory is above what it
 * was. A program that starts anew fills its memory up to what it held before, and one that is deployed for the first time
 * has nothing to be compared with: such growth is judged at the end of the soak, which lasts until it has ended or has
 * gone too far, that is beyond what the stack held before or towards memory that is full within the hour.
 */
function judgeMemory(limits: TelemetryLimits, figures: SoakFigures, isSoakOver: boolean): Regression | null {
  const growth = figures.memory_growth_mb_per_minute;
  if (growth === null) return null;
  const { baseline_memory_growth_mb_per_minute: own, peers_memory_growth_mb_per_minute: peers } = figures;
  // Peers excuse nothing where the host's own growth is not known, as nothing limits then what they may excuse.
  const usual = own === null ? 0 : Math.max(0, usualOf(own, peers) ?? 0);
  const most = limits.maxMemoryGrowthMbPerMinute;
  if (growth - usual <= most) return null;
  const used = figures.memory_mb ?? 0;
  const before = figures.baseline_memory_mb ?? figures.peers_memory_mb;
  const grows = `memory grows by ${growth} MiB/min`;
  if (before !== null && used > before && (own !== null || isSoakOver)) {
    const compared =
      own === null ? ` beyond the ${before} MiB of before` : `, usual is ${usual}, at most ${most} more is allowed`;
    return { reason: `${grows}${compared}`, isBeyond: true };
  }
  if (!isSoakOver) return null;
  const minutes = figures.minutes_until_memory_is_full;
  if (minutes !== null && minutes < MIN_MINUTES_LEFT) {
    return { reason: `${grows}, at which it is full in ${Math.floor(minutes)} min`, isBeyond: true };
  }
  const held = before === null ? 'and nothing ran here before to compare that with' : `and ${before} MiB are usual`;
  return { reason: `${grows} at the end of the soak, ${held}`, isBeyond: false };
}

function judgeCpu(limits: TelemetryLimits, figures: SoakFigures): string | null {
  const cpu = figures.cpu_percent;
  const usual = usualOf(figures.baseline_cpu_percent, figures.peers_cpu_percent);
  if (cpu === null || usual === null) return null;
  if (cpu <= limits.minCpuPercent || cpu <= limits.maxCpuRatio * usual) return null;
  return `CPU is at ${cpu}%, usual is ${usual}%, at most ${limits.maxCpuRatio} times that is allowed`;
}

function judgeIncidents(limits: TelemetryLimits, { restarts, unhealthy_seconds: unhealthy }: SoakFigures): string[] {
  const found: string[] = [];
  if (restarts > limits.maxRestarts) {
    found.push(`a container restarted ${plural(restarts, 'time')}, at most ${limits.maxRestarts} is allowed`);
  }
  if ((unhealthy ?? 0) > limits.maxUnhealthySeconds) {
    const most = limits.maxUnhealthySeconds;
    found.push(`containers were unhealthy for ${unhealthy} s, at most ${most} s is allowed`);
  }
  return found;
}

/** Null: neither the host itself nor enough peers can say. */
function usualOf(own: number | null, peers: number | null): number | null {
  if (own === null || peers === null) return own ?? peers;
  return Math.max(own, Math.min(peers, MAX_EXCUSE * own));
}
