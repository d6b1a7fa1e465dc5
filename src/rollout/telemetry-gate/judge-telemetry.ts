/**
 * Judges a soaking host by its telemetry: the containers of its stack are compared with the same host before the
 * dispatch, and with hosts that are not updated yet.
 *
 *     samples ─→ figures (soak-figures) ─→ regressions (find-regressions) ─→ verdict, which lasts
 *
 * A figure beyond its limit makes the verdict `watch`, which keeps the host from converging. When that lasts longer than
 * `sustained_failure_seconds`, the verdict is `regressed`, which fails the host and is final. Only samples change a
 * verdict: silence neither clears a suspicion nor confirms it. Nothing is `ok` before both memory and CPU were judged.
 */
import type { TelemetryLimits } from '../../domain/release.ts';
import type { TelemetryVerdict } from '../../domain/rollout.ts';
import { SOAK_INTERVAL_MS } from '../../domain/telemetry.ts';
import { plural } from '../../domain/words.ts';
import { findRegressions } from './find-regressions.ts';
import { MIN_SPAN_MS } from './memory-slope.ts';
import { measureSoak, SETTLING_MS, type SoakFigures, type SoakTelemetry } from './soak-figures.ts';

/** A shorter soak may end before its memory can be judged: the first sample that counts and the last one may be late. */
export const SHORTEST_JUDGED_SOAK_MS = SETTLING_MS + MIN_SPAN_MS + 2 * SOAK_INTERVAL_MS;

type Figures = TelemetryVerdict['figures'];

export function judgeTelemetry(
  limits: TelemetryLimits,
  sustainedFailureSeconds: number,
  seen: SoakTelemetry,
  previous: TelemetryVerdict | null,
  nowMs: number,
): TelemetryVerdict {
  if (previous?.status === 'regressed') return previous;
  if (limits.mode === 'off') return verdict(previous, 'not_judged', nowMs, 'not judged: the release turns it off', {});
  const latest = seen.soak.samples.findLast((sample) => sample.memoryMb !== null || sample.cpuPercent !== null);
  if (latest === undefined) {
    const reason = 'not judged: no telemetry of the stack arrived in the soak';
    return previous ?? verdict(previous, 'not_judged', nowMs, reason, {});
  }
  const measured = measureSoak(seen);
  const regressions = findRegressions(limits, measured, seen.isSoakOver);
  const limitsExceeded = regressions.filter(({ isBeyond }) => isBeyond).length;
  const figures = { ...measured, limits_exceeded: limitsExceeded };
  if (regressions.length > 0) {
    const sinceMs = previous?.status === 'watch' && isBeyondLimit(previous) ? previous.sinceMs : latest.atMs;
    const lasted = limitsExceeded > 0 && latest.atMs - sinceMs >= sustainedFailureSeconds * 1000;
    const reason = regressions.map((regression) => regression.reason).join('; ');
    return { status: lasted ? 'regressed' : 'watch', sinceMs, reason, figures };
  }
  const unjudged = unjudgedOf(measured);
  if (unjudged === '') return verdict(previous, 'ok', latest.atMs, describe(measured), figures);
  if (previous !== null && hasLostSight(previous, measured)) return previous;
  const reason = `not judged: too few samples yet to judge its ${unjudged}`;
  return verdict(previous, 'not_judged', latest.atMs, reason, figures);
}

/**
 * Whether a verdict deserves an entry in the log: new figures alone do not, nor does what is not judged before the soak
 * ends; from then on it holds some hosts, so its reason is. Memory that has not settled and then passes a limit is news,
 * as its time counts from then on.
 */
export function isNews(previous: TelemetryVerdict | null, next: TelemetryVerdict, isSoakOver: boolean): boolean {
  if (previous === null) return next.status !== 'not_judged' || isSoakOver;
  if (previous.status !== next.status) return true;
  if (next.status === 'not_judged') return isSoakOver && previous.reason !== next.reason;
  return next.status === 'watch' && isBeyondLimit(previous) !== isBeyondLimit(next);
}

/** Whether a verdict finds the release worse than what is usual: memory that is still to settle is no such finding. */
export function speaksAgainst(verdict: TelemetryVerdict): boolean {
  return verdict.status === 'regressed' || (verdict.status === 'watch' && isBeyondLimit(verdict));
}

/** Whether a `watch` is on the way to a regression. One from before this figure was kept always is. */
function isBeyondLimit({ figures }: TelemetryVerdict): boolean {
  return figures['limits_exceeded'] !== 0;
}

/** Whether what the verdict was about can no longer be judged. */
function hasLostSight({ figures }: TelemetryVerdict, now: SoakFigures): boolean {
  const wasJudged = (name: 'memory_growth_mb_per_minute' | 'cpu_percent') => (figures[name] ?? null) !== null;
  return (
    (wasJudged('memory_growth_mb_per_minute') && now.memory_growth_mb_per_minute === null) ||
    (wasJudged('cpu_percent') && now.cpu_percent === null)
  );
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

/** Empty when nothing is missing. */
function unjudgedOf({ memory_growth_mb_per_minute: growth, cpu_percent: cpu }: SoakFigures): string {
  return [...(growth === null ? ['memory'] : []), ...(cpu === null ? ['CPU'] : [])].join(' and ');
}

function describe({ memory_growth_mb_per_minute: growth, cpu_percent: cpu, ...incidents }: SoakFigures): string {
  const { restarts, unhealthy_seconds: unhealthy } = incidents;
  return `memory grows by ${growth} MiB/min, CPU at ${cpu}%, ${plural(restarts, 'restart')}, unhealthy for ${unhealthy} s`;
}
