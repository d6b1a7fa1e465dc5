/** Gathers the telemetry of soaking hosts and lets the core judge it. */
import type { Lookup } from '../../domain/lookups.ts';
import type { TelemetryLimits } from '../../domain/release.ts';
import { type RolloutHost, soakSecondsOf, type TelemetryVerdict } from '../../domain/rollout.ts';
import { bucketOf } from '../../rollout/host-bucket.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import { isNews, judgeTelemetry } from '../../rollout/telemetry-gate/judge-telemetry.ts';
import type { SoakTelemetry } from '../../rollout/telemetry-gate/soak-figures.ts';
import type { StackSeries } from '../../rollout/telemetry-gate/stack-series.ts';
import type { Fleet, LiveHost } from '../state/fleet.ts';
import type { LookupCache } from '../state/lookup-cache.ts';
import type { RolloutIndex } from '../state/rollout-index.ts';
import { peersInOrder } from './peers-in-order.ts';
import type { RolloutDriver } from './rollout-driver.ts';
import { SeriesReader } from './series-reader.ts';

/** The baseline of a host is its own telemetry from this long before the dispatch. */
const BASELINE_MS = 3_600_000;
/** Telemetry of peers, and of a long soak, is read this far back. */
const RECENT_MS = 900_000;
/** Peers are hosts that are not updated yet; this many represent all of them, and at most so many are read to find them. */
const MAX_PEERS = 5;
const MAX_PEERS_READ = 4 * MAX_PEERS;
/** Peers are read again after this time at the earliest. */
const PEERS_KEPT_MS = 30_000;
/** A round over all soaking hosts begins this often. */
const JUDGE_EVERY_MS = 3_000;
/** Hosts judged in one commit; the rest of the round follows in the next commits. */
const MAX_JUDGED = 32;

interface Kept<T> {
  readonly atMs: number;
  readonly value: T;
}

/** The last verdict on a host, and what it was judged on. */
interface LastVerdict {
  /** How many ticks of the host there were. */
  readonly tickCount: number;
  readonly isSoakOver: boolean;
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

/**
 * An agent that tells what it is judges restarts itself, by `max_restarts` of the policy and by exit codes, which telemetry
 * does not have: a service that ends well after each round of work restarts all the time.
 */
function limitsOf({ rollout, host }: Soaking): TelemetryLimits {
  const { telemetry } = rollout.plan.policy;
  return host.stored.agent === null ? telemetry : { ...telemetry, maxRestarts: Number.POSITIVE_INFINITY };
}

/** Judges soaks. A host that has reported nothing since its last verdict is not judged again. */
export class SoakJudge {
  readonly #fleet: Fleet;
  readonly #index: RolloutIndex;
  readonly #driver: RolloutDriver;
  readonly #baselines = new WeakMap<Rollout, Map<string, StackSeries | null>>();
  #peers = new WeakMap<Rollout, Kept<readonly StackSeries[]>>();
  #verdicts = new WeakMap<Rollout, Map<string, LastVerdict>>();
  /** Hosts of the current round that are still to be judged. */
  readonly #queue: Queued[] = [];
  #roundAtMs = Number.NEGATIVE_INFINITY;

  constructor(fleet: Fleet, index: RolloutIndex, driver: RolloutDriver) {
    this.#fleet = fleet;
    this.#index = index;
    this.#driver = driver;
  }

  /** The wall clock was set: what was judged by it before does not stand any more. */
  forgetTimes(): void {
    this.#peers = new WeakMap();
    this.#verdicts = new WeakMap();
    this.#roundAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Soaking hosts whose verdict may have changed. */
  *#unjudged(nowMs: number): Generator<Queued> {
    for (const rollout of this.#index.rollouts()) {
      for (const name of rollout.inFlight) {
        const soaking = this.#soakOf(rollout, rollout.host(name));
        if (soaking === null) continue;
        const last = this.#standingVerdict(soaking, nowMs);
        if (last === undefined || isNews(soaking.part.telemetry, last, false))
          yield { rolloutId: rollout.plan.id, name };
      }
    }
  }

  /** Null when the host is not in a soak, or its release turns judgement off. */
  #soakOf(rollout: Rollout, part: RolloutHost | undefined): Soaking | null {
    if (part?.state !== 'soaking' || part.left || rollout.plan.policy.telemetry.mode === 'off') return null;
    const host = this.#fleet.hostByName(part.name);
    return host === undefined ? null : { rollout, part, host };
  }

  isDue(nowMs: number): boolean {
    return this.#isRoundDue(nowMs) && this.#unjudged(nowMs).next().done !== true;
  }

  #isRoundDue(nowMs: number): boolean {
    return this.#queue.length === 0 && nowMs - this.#roundAtMs >= JUDGE_EVERY_MS;
  }

  /** Whether hosts of the current round are still to be judged. */
  get hasMore(): boolean {
    return this.#queue.length > 0;
  }

  /** Queues every soaking host with new telemetry for judgement, at most once per JUDGE_EVERY_MS. */
  beginRound(nowMs: number): void {
    if (!this.#isRoundDue(nowMs)) return;
    this.#roundAtMs = nowMs;
    this.#queue.push(...this.#unjudged(nowMs));
  }

  /** The lookups of {@link judgeNext}, as far as they are known. */
  lookupsOfNext(nowMs: number, found: LookupCache): readonly Lookup[] {
    return this.#queue.length === 0 ? [] : this.#lookupsOfFirst(this.#queue, nowMs, found);
  }

  /** The lookups of the first hosts of the round that {@link beginRound} would begin. */
  lookupsOfRound(nowMs: number, found: LookupCache): readonly Lookup[] {
    return this.#isRoundDue(nowMs) ? this.#lookupsOfFirst(this.#unjudged(nowMs), nowMs, found) : [];
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

  /** Continues the round as far as one commit and the lookups in `found` allow. Logs each verdict that is worth an entry. */
  judgeNext(nowMs: number, found: LookupCache): void {
    for (let count = 0; count < MAX_JUDGED; count += 1) {
      const [next] = this.#queue;
      if (next === undefined) return;
      const rollout = this.#index.rollout(next.rolloutId);
      const soaking = rollout === undefined ? null : this.#soakOf(rollout, rollout.host(next.name));
      // A host that reported in this very batch needs other lookups: it waits for the next batch.
      if (soaking !== null && !found.hasAll(this.#lookupsOf(soaking, nowMs, found))) return;
      this.#queue.shift();
      if (soaking !== null) this.#judge(soaking, false, nowMs, found);
    }
  }

  /** The lookups of {@link judgeLast}, as far as they are known. */
  lookupsOfLast(rollout: Rollout, part: RolloutHost, nowMs: number, found: LookupCache): readonly Lookup[] {
    const soaking = this.#soakOf(rollout, part);
    return soaking === null ? [] : this.#lookupsOf(soaking, nowMs, found);
  }

  /** Judges a host at the end of its soak, because its last tick may change the verdict. */
  judgeLast(rollout: Rollout, part: RolloutHost, nowMs: number, found: LookupCache): void {
    const soaking = this.#soakOf(rollout, part);
    if (soaking !== null) this.#judge(soaking, true, nowMs, found);
  }

  /** The last verdict with its figures, which are not all logged. Undefined before the first and after the soak. */
  verdictOn(rollout: Rollout, part: RolloutHost): TelemetryVerdict | undefined {
    if (this.#soakOf(rollout, part) === null) return undefined;
    return this.#verdicts.get(rollout)?.get(part.name)?.verdict;
  }

  #judge(soaking: Soaking, isSoakOver: boolean, nowMs: number, found: LookupCache): void {
    const { rollout, part } = soaking;
    const verdict = this.#standingVerdict(soaking, nowMs) ?? this.#newVerdict(soaking, nowMs, found);
    if (!isNews(part.telemetry, verdict, isSoakOver)) return;
    this.#driver.apply(rollout, { kind: 'telemetry_judged', host: part.name, verdict }, nowMs);
  }

  /** The last verdict while it still holds, that is until the next tick or the end of the soak. */
  #standingVerdict({ rollout, part, host }: Soaking, nowMs: number): TelemetryVerdict | undefined {
    const last = this.#verdicts.get(rollout)?.get(host.stored.name);
    return last?.tickCount === host.tickCount && last.isSoakOver === isSoakOver(part, nowMs) ? last.verdict : undefined;
  }

  #newVerdict(soaking: Soaking, nowMs: number, found: LookupCache): TelemetryVerdict {
    const { rollout, part, host } = soaking;
    const seen = this.#gather(soaking, nowMs, new SeriesReader(found));
    const { sustainedFailureSeconds } = rollout.plan.policy;
    const verdict = judgeTelemetry(limitsOf(soaking), sustainedFailureSeconds, seen, part.telemetry, nowMs);
    const verdicts = this.#verdicts.get(rollout) ?? new Map<string, LastVerdict>();
    const { tickCount } = host;
    this.#verdicts.set(rollout, verdicts.set(part.name, { tickCount, isSoakOver: seen.isSoakOver, verdict }));
    return verdict;
  }

  #lookupsOf(soaking: Soaking, nowMs: number, found: LookupCache): readonly Lookup[] {
    if (this.#standingVerdict(soaking, nowMs) !== undefined) return [];
    const reader = new SeriesReader(found);
    this.#gather(soaking, nowMs, reader);
    return reader.lookups;
  }

  /** Incomplete when the reader misses something. */
  #gather(soaking: Soaking, nowMs: number, reader: SeriesReader): SoakTelemetry {
    const { rollout, part, host } = soaking;
    const soakStartedAtMs = (part.soakDueAtMs ?? nowMs) - soakSecondsOf(rollout.plan, part.wave) * 1000;
    const fromMs = Math.max(soakStartedAtMs, nowMs - RECENT_MS);
    const soak = reader.read(host, rollout.plan.stack, fromMs, nowMs, soakStartedAtMs);
    // Without samples there is nothing to compare.
    const isSilent = soak.samples.length === 0;
    return {
      soakStartedAtMs,
      isSoakOver: isSoakOver(part, nowMs),
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
    const series = reader.readUsual(host, rollout.plan.stack, untilMs - BASELINE_MS, untilMs);
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
      // A full set each time, however few are still needed: asked one by one, hosts without the stack would take too many rounds.
      if (value.length >= MAX_PEERS || reader.missed >= MAX_PEERS) break;
      const series = reader.readUsual(host, rollout.plan.stack, fromMs, nowMs);
      if (series.samples.length > 0) value.push(series);
    }
    if (!reader.misses) this.#peers.set(rollout, { atMs: nowMs, value });
    return value;
  }

  *#pendingOnline(rollout: Rollout): Generator<LiveHost> {
    let count = 0;
    for (const name of peersInOrder(rollout)) {
      const part = rollout.host(name);
      const host = this.#fleet.hostByName(name);
      if (part === undefined || bucketOf(part) !== 'pending' || host?.stored.status !== 'online') continue;
      if (count >= MAX_PEERS_READ) return;
      count += 1;
      yield host;
    }
  }
}

function isSoakOver({ soakDueAtMs }: RolloutHost, nowMs: number): boolean {
  return soakDueAtMs !== null && nowMs >= soakDueAtMs;
}
