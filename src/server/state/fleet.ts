/** Hosts, tokens and what is known of containers, in memory: enough to decide nearly every command without the store. */
import { invariant } from '../../domain/errors.ts';
import type { Host } from '../../domain/host.ts';
import type { StoredHost, StoredTick, StoredToken } from '../../domain/records.ts';
import type { HostSnapshot, Snapshot } from '../../domain/store.ts';
import type { KnownContainer } from '../../telemetry/container-presence.ts';
import { decodeHostMetrics } from '../../telemetry/sample-codec.ts';
import { LatestTick } from './latest-tick.ts';

/** Something that happened to a container of a stack, by the server's clock. */
export interface StackIncident {
  readonly atMs: number;
  readonly stack: string;
  readonly containerId: string;
  readonly kind: 'restarted' | 'unhealthy' | 'recovered';
}

/** What a tick said of which containers there are: the next one that says the same needs no more than these numbers. */
interface Listing {
  readonly fingerprint: string;
  /** The store's numbers, in the order of the report. */
  readonly ids: readonly number[];
}

/** A token whose last use is noted here at every request, and in the store now and then. */
export interface LiveToken extends Omit<StoredToken, 'lastUsedAtMs'> {
  lastUsedAtMs: number | null;
}

export interface LiveHost {
  stored: StoredHost;
  /** The latest live tick; null before the first. */
  latest: LatestTick | null;
  /** When the host was last heard from, by the server's clock: a tick that comes late moves this, and not `latest`. */
  lastSeenAtMs: number | null;
  /** The latest live tick that reported containers, the same object as `latest` where that did; null before the first. */
  latestWithContainers: LatestTick | null;
  /** The newest `recordedAtMs` stored, live or back-filled: anything newer cannot be a duplicate. */
  newestMs: number;
  /** Ticks stored since the server started, live or back-filled: while it stays the same, nothing was reported. */
  tickCount: number;
  /** Those not removed, by container id. */
  readonly containers: Map<string, KnownContainer>;
  /** The containers of the latest live tick that reported any since the server started; null before. */
  listing: Listing | null;
  /** The last ones, oldest first; not kept over a restart of the server. */
  readonly incidents: StackIncident[];
}

/** Older incidents of a host are forgotten first. */
const MAX_INCIDENTS = 256;

export function noteIncident(host: LiveHost, incident: StackIncident): void {
  host.incidents.push(incident);
  if (host.incidents.length > MAX_INCIDENTS) host.incidents.shift();
}

export function noteLatest(host: LiveHost, tick: StoredTick, hasContainers: boolean): void {
  // What was said of containers outlives a tick that says nothing of them.
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
  /** Tokens whose last use is newer here than in the store, and that no stored tick testifies. */
  readonly usesToKeep = new Set<number>();
  /** When such uses were last stored, by the server's wall clock. */
  usesKeptAtMs = 0;
  /** Names of hosts whose status or labels have changed since their rollouts were last reconsidered. */
  readonly changedHosts = new Set<string>();

  static load(snapshot: Snapshot): Fleet {
    const fleet = new Fleet();
    for (const token of snapshot.tokens) fleet.putToken(token);
    for (const host of snapshot.hosts) fleet.#loadHost(host);
    for (const container of snapshot.containers) {
      const host = fleet.hostByNumber(container.hostId);
      const { id, fingerprint, unhealthy, lastSeenAtMs, missingSinceMs: sinceMs } = container;
      const absence = sinceMs === null ? null : { lastSeenAtMs, sinceMs };
      host.containers.set(container.containerId, { id, fingerprint, unhealthy, absence });
    }
    return fleet;
  }

  #loadHost({ host: stored, newestMs, latest, latestWithContainers }: HostSnapshot): void {
    const host = this.addHost(stored);
    host.newestMs = newestMs ?? 0;
    if (latest === null) return;
    host.latest = new LatestTick().take(latest);
    host.lastSeenAtMs = latest.receivedAtMs;
    if (latestWithContainers === latest) host.latestWithContainers = host.latest;
    else if (latestWithContainers !== null) host.latestWithContainers = new LatestTick().take(latestWithContainers);
    const token = this.#tokensByNumber.get(latest.tokenNumber);
    if (token !== undefined) token.lastUsedAtMs = Math.max(token.lastUsedAtMs ?? 0, latest.receivedAtMs);
  }

  hosts(): Iterable<LiveHost> {
    return this.#hosts.values();
  }

  get hostCount(): number {
    return this.#hosts.size;
  }

  /** The host of a number that was given out. */
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
      incidents: [],
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

/** When a container was last reported, by its host's clock; null when only the store may know. */
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
