/** Gathers what telemetry says of soaking hosts and has the core judge it. */
import type { RolloutHost, TelemetryVerdict } from '../../domain/rollout.ts';
import type { StoredTick } from '../../domain/store.ts';
import type { Rollout } from '../../rollout/rollout.ts';
import {
  isNews,
  judgeTelemetry,
  type SoakTelemetry,
  type StackSample,
  type StackSeries,
} from '../../rollout/telemetry-gate/judge-telemetry.ts';
import { decodeSample } from '../../telemetry/sample-codec.ts';
import type { LiveHost } from '../state/fleet.ts';
import type { State } from '../state/state.ts';

/** How long before its dispatch a host is its own baseline. */
const BASELINE_MS = 3_600_000;
/** How far back peers, and a long soak, are looked at. */
const RECENT_MS = 900_000;
/** Hosts not yet updated that stand for all of them. */
const MAX_PEERS = 5;
/** Peers are read anew no more often than this. */
const PEERS_KEPT_MS = 30_000;
/** Soaking hosts are gone through this often. */
const JUDGE_EVERY_MS = 3_000;
/** The telemetry of so many is read in one transaction; the others have their turn in the next ones. */
const MAX_LOOKS = 32;

interface Kept<T> {
  readonly atMs: number;
  readonly value: T;
}

/** The last look at a host, and how many of its ticks it saw. */
interface Looked {
  readonly tickCount: number;
  readonly verdict: TelemetryVerdict;
}

interface Soaking {
  readonly rolloutId: string;
  readonly name: string;
}

/** Judges soaks. What cannot have changed since the last look is neither read nor judged again. */
export class SoakJudge {
  readonly #baselines = new WeakMap<Rollout, Map<string, StackSeries | null>>();
  readonly #peers = new WeakMap<Rollout, Kept<readonly StackSeries[]>>();
  readonly #looked = new WeakMap<Rollout, Map<string, Looked>>();
  /** Those of the round that have not had their turn. */
  #line: Soaking[] = [];
  #roundAtMs = 0;

  /** Hosts in their soak whose release wants to be judged, and of which there may be news. */
  *#unjudged(state: State): Generator<Soaking> {
    for (const rollout of state.index.rollouts()) {
      if (rollout.plan.policy.telemetry.mode === 'off') continue;
      for (const name of rollout.inFlight) {
        const part = rollout.host(name);
        const host = state.fleet.hostByName(name);
        if (part?.state !== 'soaking' || host === undefined) continue;
        const known = this.#lastLook(rollout, host);
        if (known === undefined || isNews(part.telemetry, known, false)) yield { rolloutId: rollout.plan.id, name };
      }
    }
  }

  isDue(state: State, nowMs: number): boolean {
    return this.#isRoundDue(nowMs) && this.#unjudged(state).next().done !== true;
  }

  #isRoundDue(nowMs: number): boolean {
    return this.#line.length === 0 && nowMs - this.#roundAtMs >= JUDGE_EVERY_MS;
  }

  /** Whether some of the round have not had their turn. */
  get hasMore(): boolean {
    return this.#line.length > 0;
  }

  /** Has everybody judged of whom there may be news, if it is time for that. */
  beginRound(state: State, nowMs: number): void {
    if (!this.#isRoundDue(nowMs)) return;
    this.#roundAtMs = nowMs;
    this.#line = [...this.#unjudged(state)];
  }

  /** Goes on with the round as far as one transaction may; writes down every verdict that is news. */
  goOn(state: State, nowMs: number): void {
    for (const { rolloutId, name } of this.#line.splice(0, MAX_LOOKS)) {
      const rollout = state.index.rollout(rolloutId);
      const part = rollout?.host(name);
      if (rollout !== undefined && part !== undefined) this.#judgeOne(state, rollout, part, false, nowMs);
    }
  }

  /** One more look at a host whose soak is over: the last tick may be the one that tells. */
  judgeLast(state: State, rollout: Rollout, part: RolloutHost, nowMs: number): void {
    this.#judgeOne(state, rollout, part, true, nowMs);
  }

  #judgeOne(state: State, rollout: Rollout, part: RolloutHost, isSoakOver: boolean, nowMs: number): void {
    const verdict = this.look(state, rollout, part, nowMs);
    if (verdict === null || !isNews(part.telemetry, verdict, isSoakOver)) return;
    state.driver.apply(rollout, { kind: 'telemetry_judged', host: part.name, verdict }, nowMs);
  }

  /** The verdict as of now, with its figures; null for a host that is not in a soak that is judged. */
  look(state: State, rollout: Rollout, part: RolloutHost, nowMs: number): TelemetryVerdict | null {
    const { policy } = rollout.plan;
    const host = state.fleet.hostByName(part.name);
    if (host === undefined || part.state !== 'soaking' || part.left || part.soakDueAtMs === null) return null;
    if (policy.telemetry.mode === 'off') return null;
    const known = this.#lastLook(rollout, host);
    if (known !== undefined) return known;
    const soakStartedAtMs = part.soakDueAtMs - policy.soakSeconds * 1000;
    const fromMs = Math.max(soakStartedAtMs, nowMs - RECENT_MS);
    const soak = readSeries(state, host, rollout.plan.stack, fromMs, nowMs, soakStartedAtMs);
    const isSilent = soak.samples.length === 0;
    const seen: SoakTelemetry = {
      soakStartedAtMs,
      soak,
      // Silence is compared with nothing.
      baseline: isSilent ? null : this.#baselineOf(state, rollout, part, host),
      peers: isSilent ? [] : this.#peersOf(state, rollout, nowMs),
    };
    const verdict = judgeTelemetry(policy.telemetry, policy.sustainedFailureSeconds, seen, part.telemetry, nowMs);
    const looked = this.#looked.get(rollout) ?? new Map<string, Looked>();
    this.#looked.set(rollout, looked.set(part.name, { tickCount: host.tickCount, verdict }));
    return verdict;
  }

  /**
   * The verdict of the last look while it still holds: no tick has come since. Where something has happened to a stack
   * the time that passes counts as well, so that such a host is always looked at anew.
   */
  #lastLook(rollout: Rollout, host: LiveHost): TelemetryVerdict | undefined {
    const looked = this.#looked.get(rollout)?.get(host.stored.name);
    return looked?.tickCount === host.tickCount && host.incidents.length === 0 ? looked.verdict : undefined;
  }

  #baselineOf(state: State, rollout: Rollout, part: RolloutHost, host: LiveHost): StackSeries | null {
    const known = this.#baselines.get(rollout) ?? new Map<string, StackSeries | null>();
    this.#baselines.set(rollout, known);
    const kept = known.get(part.name);
    if (kept !== undefined) return kept;
    const untilMs = part.dispatchedAtMs ?? 0;
    const series = readSeries(state, host, rollout.plan.stack, untilMs - BASELINE_MS, untilMs, untilMs);
    const baseline = part.previousRelease === null || series.samples.length === 0 ? null : series;
    known.set(part.name, baseline);
    return baseline;
  }

  #peersOf(state: State, rollout: Rollout, nowMs: number): readonly StackSeries[] {
    const kept = this.#peers.get(rollout);
    if (kept !== undefined && nowMs - kept.atMs < PEERS_KEPT_MS) return kept.value;
    const value: StackSeries[] = [];
    for (const name of rollout.pending.flatMap((names) => [...names].slice(0, 4 * MAX_PEERS))) {
      const host = state.fleet.hostByName(name);
      if (value.length >= MAX_PEERS || host?.stored.status !== 'online') continue;
      const series = readSeries(state, host, rollout.plan.stack, nowMs - RECENT_MS, nowMs, nowMs - RECENT_MS);
      if (series.samples.length > 0) value.push(series);
    }
    this.#peers.set(rollout, { atMs: nowMs, value });
    return value;
  }
}

/** The stack's samples from `fromMs` to `toMs` by the server's clock, and its incidents since `incidentsFromMs`. */
function readSeries(
  state: State,
  host: LiveHost,
  stack: string,
  fromMs: number,
  toMs: number,
  incidentsFromMs: number,
): StackSeries {
  const skewMs = host.latest === null ? 0 : host.latest.recordedAtMs - host.latest.receivedAtMs;
  const incidents = readIncidents(host, stack, incidentsFromMs, toMs);
  if (host.newestMs < fromMs + skewMs) return { samples: [], ...incidents };
  const ids = new Set(state.store.containers.numbersOfStack(host.stored.id, stack));
  const samples: StackSample[] = [];
  for (const tick of state.store.ticks.range(host.stored.id, fromMs + skewMs, toMs + skewMs)) {
    const sample = sumStack(tick, ids, skewMs);
    if (sample !== null) samples.push(sample);
  }
  return { samples, ...incidents };
}

/** Null: the tick holds no container of the stack. */
function sumStack(tick: StoredTick, ids: ReadonlySet<number>, skewMs: number): StackSample | null {
  let isSeen = false;
  let memoryMb: number | null = null;
  let cpuPercent: number | null = null;
  for (const { id, metrics } of decodeSample(tick.sample).containers ?? []) {
    if (!ids.has(id)) continue;
    isSeen = true;
    if (metrics.memory_usage_mb !== null) memoryMb = (memoryMb ?? 0) + metrics.memory_usage_mb;
    if (metrics.cpu_percent !== null) cpuPercent = (cpuPercent ?? 0) + metrics.cpu_percent;
  }
  return isSeen ? { atMs: tick.recordedAtMs - skewMs, memoryMb, cpuPercent } : null;
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
