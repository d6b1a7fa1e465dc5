/** Gathers what telemetry says of soaking hosts and has the core judge it. */
import type { Lookup, LookupOf } from '../../domain/lookups.ts';
import type { RolloutHost, TelemetryVerdict } from '../../domain/rollout.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import {
  isNews,
  judgeTelemetry,
  type SoakTelemetry,
  type StackSeries,
} from '../../rollout/telemetry-gate/judge-telemetry.ts';
import type { Fleet, LiveHost } from '../state/fleet.ts';
import type { LookupCache } from '../state/lookup-cache.ts';
import type { RolloutIndex } from '../state/rollout-index.ts';
import type { RolloutDriver } from './rollout-driver.ts';

/** How long before its dispatch a host is its own baseline. */
const BASELINE_MS = 3_600_000;
/** How far back peers, and a long soak, are read. */
const RECENT_MS = 900_000;
/** Hosts not yet updated that stand for all of them, and how many are read to find those. */
const MAX_PEERS = 5;
const MAX_PEERS_READ = 4 * MAX_PEERS;
/** Peers are read again no more often than this. */
const PEERS_KEPT_MS = 30_000;
/** Soaking hosts are gone through this often. */
const JUDGE_EVERY_MS = 3_000;
/** Hosts whose telemetry is read for one commit; the others have their turn with the next ones. */
const MAX_JUDGED = 32;

interface Kept<T> {
  readonly atMs: number;
  readonly value: T;
}

/** The last verdict on a host, and how many of its ticks it has seen. */
interface LastVerdict {
  readonly tickCount: number;
  readonly verdict: TelemetryVerdict;
}

interface Soaking {
  readonly rollout: Rollout;
  readonly part: RolloutHost;
  readonly host: LiveHost;
}

interface Queued {
  readonly rolloutId: string;
  readonly name: string;
}

/** Judges soaks. A host that has not reported since its last verdict is neither read nor judged again. */
export class SoakJudge {
  readonly #fleet: Fleet;
  readonly #index: RolloutIndex;
  readonly #driver: RolloutDriver;
  readonly #baselines = new WeakMap<Rollout, Map<string, StackSeries | null>>();
  readonly #peers = new WeakMap<Rollout, Kept<readonly StackSeries[]>>();
  readonly #verdicts = new WeakMap<Rollout, Map<string, LastVerdict>>();
  /** Those of the round that have not had their turn. */
  readonly #queue: Queued[] = [];
  #roundAtMs = 0;

  constructor(fleet: Fleet, index: RolloutIndex, driver: RolloutDriver) {
    this.#fleet = fleet;
    this.#index = index;
    this.#driver = driver;
  }

  /** Hosts in a soak that is judged, and of which something new may be said. */
  *#unjudged(): Generator<Queued> {
    for (const rollout of this.#index.rollouts()) {
      for (const name of rollout.inFlight) {
        const soaking = this.#soakOf(rollout, rollout.host(name));
        if (soaking === null) continue;
        const last = this.#standingVerdict(soaking);
        if (last === undefined || isNews(soaking.part.telemetry, last, false))
          yield { rolloutId: rollout.plan.id, name };
      }
    }
  }

  /** Null: the host is not in a soak that is judged. */
  #soakOf(rollout: Rollout, part: RolloutHost | undefined): Soaking | null {
    if (part?.state !== 'soaking' || part.left || rollout.plan.policy.telemetry.mode === 'off') return null;
    const host = this.#fleet.hostByName(part.name);
    return host === undefined ? null : { rollout, part, host };
  }

  isDue(nowMs: number): boolean {
    return this.#isRoundDue(nowMs) && this.#unjudged().next().done !== true;
  }

  #isRoundDue(nowMs: number): boolean {
    return this.#queue.length === 0 && nowMs - this.#roundAtMs >= JUDGE_EVERY_MS;
  }

  /** Whether some of the round have not had their turn. */
  get hasMore(): boolean {
    return this.#queue.length > 0;
  }

  /** Queues every soaking host with new telemetry for judgement, at most once per JUDGE_EVERY_MS. */
  beginRound(nowMs: number): void {
    if (!this.#isRoundDue(nowMs)) return;
    this.#roundAtMs = nowMs;
    this.#queue.push(...this.#unjudged());
  }

  /** What {@link judgeNext} must find, as far as can be said by now. */
  lookupsOfNext(nowMs: number, found: LookupCache): readonly Lookup[] {
    return this.#queue.length === 0 ? [] : this.#lookupsOfFirst(this.#queue, nowMs, found);
  }

  /** The same, for the round that {@link beginRound} would begin. */
  lookupsOfRound(nowMs: number, found: LookupCache): readonly Lookup[] {
    return this.#isRoundDue(nowMs) ? this.#lookupsOfFirst(this.#unjudged(), nowMs, found) : [];
  }

  #lookupsOfFirst(queue: Iterable<Queued>, nowMs: number, found: LookupCache): Lookup[] {
    const lookups: Lookup[] = [];
    let count = 0;
    for (const { rolloutId, name } of queue) {
      if (count >= MAX_JUDGED) break;
      count += 1;
      const rollout = this.#index.rollout(rolloutId);
      const soaking = rollout === undefined ? null : this.#soakOf(rollout, rollout.host(name));
      if (soaking !== null) lookups.push(...this.#lookupsOf(soaking, nowMs, found));
    }
    return lookups;
  }

  /** Goes on with the round as far as one commit may and as what was found allows; logs every verdict that is news. */
  judgeNext(nowMs: number, found: LookupCache): void {
    for (let count = 0; count < MAX_JUDGED; count += 1) {
      const [next] = this.#queue;
      if (next === undefined) return;
      const rollout = this.#index.rollout(next.rolloutId);
      const soaking = rollout === undefined ? null : this.#soakOf(rollout, rollout.host(next.name));
      // One that something happened to in this very batch waits for the next one.
      if (soaking !== null && !found.hasAll(this.#lookupsOf(soaking, nowMs, found))) return;
      this.#queue.shift();
      if (soaking !== null) this.#judge(soaking, false, nowMs, found);
    }
  }

  /** What {@link judgeLast} must find, as far as can be said by now. */
  lookupsOfLast(rollout: Rollout, part: RolloutHost, nowMs: number, found: LookupCache): readonly Lookup[] {
    const soaking = this.#soakOf(rollout, part);
    return soaking === null ? [] : this.#lookupsOf(soaking, nowMs, found);
  }

  /** Judges a host whose soak is to end: the last tick may be the one that tells. */
  judgeLast(rollout: Rollout, part: RolloutHost, nowMs: number, found: LookupCache): void {
    const soaking = this.#soakOf(rollout, part);
    if (soaking !== null) this.#judge(soaking, true, nowMs, found);
  }

  /** The last verdict with its figures, which the log may not hold; undefined before the first, and after the soak. */
  verdictOn(rollout: Rollout, part: RolloutHost): TelemetryVerdict | undefined {
    if (this.#soakOf(rollout, part) === null) return undefined;
    return this.#verdicts.get(rollout)?.get(part.name)?.verdict;
  }

  #judge(soaking: Soaking, isSoakOver: boolean, nowMs: number, found: LookupCache): void {
    const { rollout, part } = soaking;
    const verdict = this.#standingVerdict(soaking) ?? this.#newVerdict(soaking, nowMs, found);
    if (!isNews(part.telemetry, verdict, isSoakOver)) return;
    this.#driver.apply(rollout, { kind: 'telemetry_judged', host: part.name, verdict }, nowMs);
  }

  /**
   * The last verdict while it still holds: no tick has come since. Where something has happened to a stack the time that
   * passes counts as well, so that such a host is always judged again.
   */
  #standingVerdict({ rollout, host }: Soaking): TelemetryVerdict | undefined {
    const last = this.#verdicts.get(rollout)?.get(host.stored.name);
    return last?.tickCount === host.tickCount && host.incidents.length === 0 ? last.verdict : undefined;
  }

  #newVerdict(soaking: Soaking, nowMs: number, found: LookupCache): TelemetryVerdict {
    const { rollout, part, host } = soaking;
    const { telemetry: limits, sustainedFailureSeconds } = rollout.plan.policy;
    const seen = this.#gather(soaking, nowMs, new SeriesReader(found));
    const verdict = judgeTelemetry(limits, sustainedFailureSeconds, seen, part.telemetry, nowMs);
    const verdicts = this.#verdicts.get(rollout) ?? new Map<string, LastVerdict>();
    this.#verdicts.set(rollout, verdicts.set(part.name, { tickCount: host.tickCount, verdict }));
    return verdict;
  }

  #lookupsOf(soaking: Soaking, nowMs: number, found: LookupCache): readonly Lookup[] {
    if (this.#standingVerdict(soaking) !== undefined) return [];
    const reader = new SeriesReader(found);
    this.#gather(soaking, nowMs, reader);
    return reader.lookups;
  }

  /** Incomplete while the reader misses something. */
  #gather(soaking: Soaking, nowMs: number, reader: SeriesReader): SoakTelemetry {
    const { rollout, part, host } = soaking;
    const soakStartedAtMs = (part.soakDueAtMs ?? nowMs) - rollout.plan.policy.soakSeconds * 1000;
    const fromMs = Math.max(soakStartedAtMs, nowMs - RECENT_MS);
    const soak = reader.read(host, rollout.plan.stack, fromMs, nowMs, soakStartedAtMs);
    // Silence is compared with nothing.
    const isSilent = soak.samples.length === 0;
    return {
      soakStartedAtMs,
      soak,
      baseline: isSilent ? null : this.#baselineOf(soaking, reader),
      peers: isSilent ? [] : this.#peersOf(rollout, nowMs, reader),
    };
  }

  #baselineOf({ rollout, part, host }: Soaking, reader: SeriesReader): StackSeries | null {
    const known = this.#baselines.get(rollout) ?? new Map<string, StackSeries | null>();
    this.#baselines.set(rollout, known);
    const kept = known.get(part.name);
    if (kept !== undefined) return kept;
    if (part.previousRelease === null) return null;
    const untilMs = part.dispatchedAtMs ?? 0;
    const series = reader.read(host, rollout.plan.stack, untilMs - BASELINE_MS, untilMs, untilMs);
    const baseline = series.samples.length === 0 ? null : series;
    if (!reader.misses) known.set(part.name, baseline);
    return baseline;
  }

  #peersOf(rollout: Rollout, nowMs: number, reader: SeriesReader): readonly StackSeries[] {
    const kept = this.#peers.get(rollout);
    if (kept !== undefined && nowMs - kept.atMs < PEERS_KEPT_MS) return kept.value;
    const fromMs = nowMs - RECENT_MS;
    const value: StackSeries[] = [];
    for (const host of this.#pendingOnline(rollout)) {
      // A full set each time, however few are still needed: one by one, hosts that are no peers would take too many rounds.
      if (value.length >= MAX_PEERS || reader.missed >= MAX_PEERS) break;
      const series = reader.read(host, rollout.plan.stack, fromMs, nowMs, fromMs);
      if (series.samples.length > 0) value.push(series);
    }
    if (!reader.misses) this.#peers.set(rollout, { atMs: nowMs, value });
    return value;
  }

  *#pendingOnline(rollout: Rollout): Generator<LiveHost> {
    let count = 0;
    for (const names of rollout.pending) {
      for (const name of names) {
        const host = this.#fleet.hostByName(name);
        if (host?.stored.status !== 'online') continue;
        if (count >= MAX_PEERS_READ) return;
        count += 1;
        yield host;
      }
    }
  }
}

/** Reads series out of what was found, and notes the lookups that this takes. */
class SeriesReader {
  readonly #found: LookupCache;
  readonly lookups: Lookup[] = [];
  /** How many of them were not found. */
  missed = 0;

  constructor(found: LookupCache) {
    this.#found = found;
  }

  get misses(): boolean {
    return this.missed > 0;
  }

  /**
   * The stack's samples from `fromMs` to `toMs` by the server's clock, and its incidents since `incidentsFromMs`. Without
   * samples where they were not found.
   */
  read(host: LiveHost, stack: string, fromMs: number, toMs: number, incidentsFromMs: number): StackSeries {
    const skewMs = host.latest === null ? 0 : host.latest.recordedAtMs - host.latest.receivedAtMs;
    const incidents = readIncidents(host, stack, incidentsFromMs, toMs);
    if (host.newestMs < fromMs + skewMs) return { samples: [], ...incidents };
    const lookup: LookupOf<'stack_usage'> = {
      kind: 'stack_usage',
      hostId: host.stored.id,
      stack,
      fromMs: fromMs + skewMs,
      toMs: toMs + skewMs,
    };
    this.lookups.push(lookup);
    if (!this.#found.has(lookup)) {
      this.missed += 1;
      return { samples: [], ...incidents };
    }
    const samples = this.#found.get(lookup).samples.map(({ recordedAtMs, memoryMb, cpuPercent }) => {
      return { atMs: recordedAtMs - skewMs, memoryMb, cpuPercent };
    });
    return { samples, ...incidents };
  }
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
  // Those that are still unhealthy; one that is gone was unhealthy until it went, which is not known: it is let off.
  for (const containerId of [...unhealthySince.keys()]) if (host.containers.has(containerId)) close(containerId, toMs);
  return {
    restarts: Math.max(0, ...restarts.values()),
    unhealthySeconds: Math.max(0, ...unhealthyMs.values()) / 1000,
  };
}
