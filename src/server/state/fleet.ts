/** Hosts, tokens and containers in memory: enough to decide nearly every command without the store. */
import { invariant } from '../../domain/errors.ts';
import type { Host } from '../../domain/host.ts';
import type { StoredHost, StoredTick, StoredToken } from '../../domain/records.ts';
import type { HostSnapshot, Snapshot } from '../../domain/store.ts';
import type { KnownContainer } from '../../telemetry/container-presence.ts';
import type { ObservedStack } from '../../telemetry/observe-stacks.ts';
import { decodeHostMetrics } from '../../telemetry/sample-codec.ts';
import { LatestTick } from './latest-tick.ts';

/** A restart or a change of health of a stack's container, with its time by the server's clock. */
export interface StackIncident {
  readonly atMs: number;
  readonly stack: string;
  readonly containerId: string;
  readonly kind: 'restarted' | 'unhealthy' | 'recovered';
}

/** How far a host's clock was ahead of the server's, from one tick on until a tick with another skew. */
interface HostClock {
  readonly sinceMs: number;
  readonly skewMs: number;
}

/** While a stack ran a release that failed, by the server's clock; still so while `toMs` is infinite. */
interface Setback {
  readonly stack: string;
  readonly fromMs: number;
  toMs: number;
}

/** The container list of a tick. The next tick with the same list needs only these numbers. */
interface Listing {
  readonly fingerprint: string;
  /** Numbers of the containers, in the order of the report. */
  readonly ids: readonly number[];
}

/** A token whose last use is updated in place at every request, and stored now and then. */
export interface LiveToken extends Omit<StoredToken, 'lastUsedAtMs'> {
  lastUsedAtMs: number | null;
}

export interface LiveHost {
  stored: StoredHost;
  /** The latest live tick; null before the first. */
  latest: LatestTick | null;
  /** When the last tick arrived, by the server's clock. A late tick changes this, but not `latest`. */
  lastSeenAtMs: number | null;
  /** The latest live tick with containers: the same object as `latest` when that has any; null before the first. */
  latestWithContainers: LatestTick | null;
  /** The newest `recordedAtMs` of any stored tick: a newer tick cannot be a duplicate. */
  newestMs: number;
  /** Ticks stored since the server started. While it does not change, the host has reported nothing. */
  tickCount: number;
  /** Containers that are not removed, by container id. */
  readonly containers: Map<string, KnownContainer>;
  /** The list of the latest live tick with containers since the server started; null before the first. */
  listing: Listing | null;
  /** What that list says about each stack; empty before it. */
  stacks: ReadonlyMap<string, ObservedStack>;
  /** Whether a deployment may not have been compared with a tick since it was over. */
  awaitsBaseline: boolean;
  /** The latest incidents, oldest first. They do not survive a restart of the server. */
  readonly incidents: StackIncident[];
  /** Oldest first. What a stack did then is not usual. They do not survive a restart of the server. */
  readonly setbacks: Setback[];
  /** How its clock went, oldest first. After a restart of the server this begins with its latest tick. */
  readonly clocks: HostClock[];
}

const MAX_SETBACKS = 16;

/** A release has failed the stack; it had been brought to the host since `fromMs`. */
export function noteSetback(host: LiveHost, stack: string, fromMs: number): void {
  host.setbacks.push({ stack, fromMs, toMs: Number.POSITIVE_INFINITY });
  if (host.setbacks.length > MAX_SETBACKS) host.setbacks.shift();
}

/** The stack runs a release that is well. */
export function endSetbacks(host: LiveHost, stack: string, nowMs: number): void {
  for (const setback of host.setbacks) {
    if (setback.stack === stack) setback.toMs = Math.min(setback.toMs, nowMs);
  }
}

/** A clock that is off by this much more or less than before has been set, or its tick was on the way for long. */
export const CLOCK_STEP_MS = 2_000;
const MAX_CLOCKS = 8;

/** `skewMs`: of a tick that has just arrived. */
export function noteClock(host: LiveHost, skewMs: number, nowMs: number): void {
  const last = host.clocks.at(-1);
  if (last !== undefined && Math.abs(skewMs - last.skewMs) <= CLOCK_STEP_MS) return;
  host.clocks.push({ sinceMs: nowMs, skewMs });
  if (host.clocks.length > MAX_CLOCKS) host.clocks.shift();
}

/** Incidents kept for each host; the oldest are dropped. */
const MAX_INCIDENTS = 256;

export function noteIncident(host: LiveHost, incident: StackIncident): void {
  host.incidents.push(incident);
  if (host.incidents.length > MAX_INCIDENTS) host.incidents.shift();
}

export function noteLatest(host: LiveHost, tick: StoredTick, hasContainers: boolean): void {
  // A tick without containers must not overwrite the latest one that has them.
  const isShared = host.latest === host.latestWithContainers;
  const latest = host.latest === null || (isShared && !hasContainers) ? new LatestTick() : host.latest;
  host.latest = latest.take(tick);
  if (hasContainers) host.latestWithContainers = latest;
}

export class Fleet {
  readonly #hosts = new Map<number, LiveHost>();
  readonly #hostsByName = new Map<string, LiveHost>();
  readonly #tokensByDigest = new Map<string, LiveToken>();
  readonly #tokensById = new Map<string, LiveToken>();
  readonly #tokensByNumber = new Map<number, LiveToken>();
  /** Numbers of tokens whose last use is newer here than in the store and is not recorded by a tick. */
  readonly usesToKeep = new Set<number>();
  /** When such uses were last stored, by the server's wall clock. */
  usesKeptAtMs = 0;
  /** Names of hosts whose status or labels have changed since their rollouts were last reconsidered. */
  readonly changedHosts = new Set<string>();

  /** `nowMs`: nothing was heard later than that, even if the wall clock has been set back since. */
  static load(snapshot: Snapshot, nowMs: number): Fleet {
    const fleet = new Fleet();
    for (const token of snapshot.tokens) fleet.putToken(token);
    for (const host of snapshot.hosts) fleet.#loadHost(host, nowMs);
    for (const container of snapshot.containers) {
      const host = fleet.hostByNumber(container.hostId);
      const { id, fingerprint, unhealthy, lastSeenAtMs, missingSinceMs: sinceMs } = container;
      const absence = sinceMs === null ? null : { lastSeenAtMs, sinceMs };
      host.containers.set(container.containerId, { id, fingerprint, unhealthy, absence });
    }
    return fleet;
  }

  #loadHost({ host: stored, newestMs, latest, latestWithContainers }: HostSnapshot, nowMs: number): void {
    const host = this.addHost(stored);
    host.newestMs = newestMs ?? 0;
    if (latest === null) return;
    host.latest = new LatestTick().take(latest);
    host.lastSeenAtMs = Math.min(latest.receivedAtMs, nowMs);
    noteClock(host, latest.recordedAtMs - latest.receivedAtMs, latest.receivedAtMs);
    if (latestWithContainers === latest) host.latestWithContainers = host.latest;
    else if (latestWithContainers !== null) host.latestWithContainers = new LatestTick().take(latestWithContainers);
    const token = this.#tokensByNumber.get(latest.tokenNumber);
    if (token !== undefined) token.lastUsedAtMs = Math.max(token.lastUsedAtMs ?? 0, latest.receivedAtMs);
  }

  /** The wall clock was set by `byMs`: what was `n` seconds ago before is so again. */
  shiftTimes(byMs: number): void {
    this.usesKeptAtMs += byMs;
    for (const host of this.#hosts.values()) {
      if (host.lastSeenAtMs !== null) host.lastSeenAtMs += byMs;
      const shifted = host.incidents.map((incident) => ({ ...incident, atMs: incident.atMs + byMs }));
      host.incidents.splice(0, host.incidents.length, ...shifted);
    }
  }

  hosts(): Iterable<LiveHost> {
    return this.#hosts.values();
  }

  get hostCount(): number {
    return this.#hosts.size;
  }

  /** The host with a number that was given out. */
  hostByNumber(id: number): LiveHost {
    const host = this.#hosts.get(id);
    invariant(host !== undefined, `host ${id} is known`);
    return host;
  }

  hostByName(name: string): LiveHost | undefined {
    return this.#hostsByName.get(name);
  }

  hostNames(): string[] {
    return [...this.#hostsByName.keys()];
  }

  addHost(stored: StoredHost): LiveHost {
    const host: LiveHost = {
      stored,
      latest: null,
      lastSeenAtMs: null,
      latestWithContainers: null,
      newestMs: 0,
      tickCount: 0,
      containers: new Map(),
      listing: null,
      stacks: new Map(),
      awaitsBaseline: true,
      incidents: [],
      setbacks: [],
      clocks: [],
    };
    this.#hosts.set(stored.id, host);
    this.#hostsByName.set(stored.name, host);
    return host;
  }

  putToken(stored: StoredToken): void {
    const token = { ...stored };
    this.#tokensByDigest.set(token.digest, token);
    this.#tokensById.set(token.id, token);
    this.#tokensByNumber.set(token.number, token);
  }

  tokenByDigest(digest: string): LiveToken | undefined {
    return this.#tokensByDigest.get(digest);
  }

  tokenById(id: string): LiveToken | undefined {
    return this.#tokensById.get(id);
  }

  tokenByNumber(number: number): LiveToken | undefined {
    return this.#tokensByNumber.get(number);
  }

  tokens(): Iterable<StoredToken> {
    return this.#tokensById.values();
  }
}

/** When a container was last reported, by its host's clock; null when only the store knows. */
export function lastSeenAtMs(host: LiveHost, { absence }: KnownContainer): number | null {
  return absence === null ? (host.latestWithContainers?.recordedAtMs ?? null) : absence.lastSeenAtMs;
}

/** A host as operators see it. */
export function summarize(host: LiveHost): Host {
  const { stored, latest } = host;
  let containerCount = 0;
  for (const container of host.containers.values()) if (container.absence === null) containerCount += 1;
  return {
    ...stored,
    lastSeenAtMs: host.lastSeenAtMs,
    clockSkewMs: latest === null ? null : latest.recordedAtMs - latest.receivedAtMs,
    metrics: latest === null ? null : decodeHostMetrics(latest.sample),
    containerCount,
  };
}
