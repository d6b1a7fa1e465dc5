/** Reads what a host's telemetry says of one stack from the results of lookups, and collects the lookups it needs. */
import type { Lookup, LookupOf, StackUsageSample } from '../../domain/lookups.ts';
import { readSample, type StackSeries } from '../../rollout/telemetry-gate/stack-series.ts';
import { CLOCK_STEP_MS, type LiveHost } from '../state/fleet.ts';
import type { LookupCache } from '../state/lookup-cache.ts';

export class SeriesReader {
  readonly #found: LookupCache;
  readonly lookups: Lookup[] = [];
  /** Number of lookups without a result yet. */
  missed = 0;

  constructor(found: LookupCache) {
    this.#found = found;
  }

  get misses(): boolean {
    return this.missed > 0;
  }

  /** What {@link read} gives, without what the stack did while it ran a release that failed. */
  readUsual(host: LiveHost, stack: string, fromMs: number, toMs: number): StackSeries {
    const setbacks = host.setbacks.filter((setback) => setback.stack === stack);
    const series = this.read(host, stack, fromMs, toMs, toMs);
    const samples = series.samples.filter(
      ({ atMs }) => !setbacks.some((setback) => atMs >= setback.fromMs && atMs <= setback.toMs),
    );
    return { ...series, samples };
  }

  /**
   * The samples of the stack from `fromMs` to `toMs` by the server's clock, and its incidents since `incidentsFromMs`.
   * Samples are placed by when they arrived, so that a host whose clock is set meanwhile goes on being judged. Without
   * samples while their lookup has no result.
   */
  read(host: LiveHost, stack: string, fromMs: number, toMs: number, incidentsFromMs: number): StackSeries {
    const incidents = readIncidents(host, stack, incidentsFromMs, toMs);
    if ((host.lastSeenAtMs ?? 0) < fromMs) return { samples: [], ...incidents };
    const skews = skewsSince(host, fromMs);
    const lookup: LookupOf<'stack_usage'> = {
      kind: 'stack_usage',
      hostId: host.stored.id,
      stack,
      fromMs: fromMs + Math.min(...skews) - CLOCK_STEP_MS,
      toMs: toMs + Math.max(...skews) + CLOCK_STEP_MS,
    };
    this.lookups.push(lookup);
    if (!this.#found.has(lookup)) {
      this.missed += 1;
      return { samples: [], ...incidents };
    }
    const placed = this.#found.get(lookup).samples.map((usage) => ({ usage, atMs: placeOf(host, usage) }));
    const samples = placed
      .filter(({ atMs }) => atMs >= fromMs && atMs <= toMs)
      .sort((a, b) => a.atMs - b.atMs)
      .map(({ usage, atMs }) => readSample(usage, host.stored.facts, atMs));
    return { samples, ...incidents };
  }
}

/** How far the host's clock was ahead of the server's at any time since `fromMs`; 0 before it reported anything. */
function skewsSince(host: LiveHost, fromMs: number): number[] {
  const last = host.clocks.findLastIndex(({ sinceMs }) => sinceMs <= fromMs);
  const skews = host.clocks.slice(Math.max(0, last)).map(({ skewMs }) => skewMs);
  return skews.length === 0 ? [0] : skews;
}

/** When a sample was taken, by the server's clock. */
function placeOf(host: LiveHost, { live, recordedAtMs, receivedAtMs }: StackUsageSample): number {
  if (live) return receivedAtMs;
  const clock = host.clocks.findLast(({ sinceMs }) => sinceMs <= receivedAtMs) ?? host.clocks[0];
  const takenAtMs = recordedAtMs - (clock?.skewMs ?? 0);
  // It came at once, by a clock that was set back; one that was kept and sent later has only its own time.
  return Math.abs(receivedAtMs - takenAtMs) <= CLOCK_STEP_MS ? receivedAtMs : takenAtMs;
}

function readIncidents(host: LiveHost, stack: string, fromMs: number, toMs: number): Omit<StackSeries, 'samples'> {
  const restarts = new Map<string, number>();
  const unhealthySince = new Map<string, number>();
  const unhealthyMs = new Map<string, number>();
  const close = (containerId: string, atMs: number): void => {
    const sinceMs = unhealthySince.get(containerId);
    if (sinceMs === undefined) return;
    unhealthySince.delete(containerId);
    unhealthyMs.set(containerId, (unhealthyMs.get(containerId) ?? 0) + Math.max(0, atMs - Math.max(sinceMs, fromMs)));
  };
  for (const { atMs, stack: of, containerId, kind } of host.incidents) {
    if (of !== stack || atMs > toMs) continue;
    if (kind === 'restarted' && atMs >= fromMs) restarts.set(containerId, (restarts.get(containerId) ?? 0) + 1);
    if (kind === 'unhealthy') unhealthySince.set(containerId, atMs);
    if (kind === 'recovered') close(containerId, atMs);
  }
  // Containers that were unhealthy when the host last reported them. When one that is gone went is not known.
  const reportedAtMs = Math.min(toMs, host.latestWithContainers?.receivedAtMs ?? 0);
  for (const containerId of [...unhealthySince.keys()]) {
    if (host.containers.get(containerId)?.absence === null) close(containerId, reportedAtMs);
  }
  return {
    restarts: Math.max(0, ...restarts.values()),
    unhealthySeconds: Math.max(0, ...unhealthyMs.values()) / 1000,
  };
}
