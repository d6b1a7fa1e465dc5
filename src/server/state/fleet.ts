/**
 * The fleet in memory: what the writer must know to judge the next command without reading the database. It is a copy
 * of what is stored, changed only inside the writer's transaction; when a transaction fails, it is loaded anew.
 */
import { invariant } from '../../domain/errors.ts';
import type { Host } from '../../domain/host.ts';
import type { Store, StoredHost, StoredTick, StoredToken } from '../../domain/store.ts';
import type { KnownContainer } from '../../telemetry/container-presence.ts';
import { decodeHostMetrics, decodeSample } from '../../telemetry/sample-codec.ts';
import { LatestTick } from './latest-tick.ts';

/** Something that happened to a container of a stack, by the server's clock. */
export interface StackIncident {
  readonly atMs: number;
  readonly stack: string;
  readonly containerId: string;
  readonly kind: 'restarted' | 'unhealthy' | 'recovered';
}

/** What a tick said of which containers there are: the next one that says the same needs no more than these numbers. */
export interface Listing {
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

/** How far back the latest tick with containers is looked for when the fleet is loaded. */
const MAX_LOOK_BACK = 240;

export class Fleet {
  readonly #hosts = new Map<number, LiveHost>();
  readonly #hostsByName = new Map<string, LiveHost>();
  readonly #tokensByDigest = new Map<string, LiveToken>();
  readonly #tokensById = new Map<string, LiveToken>();
  readonly #tokensByNumber = new Map<number, LiveToken>();
  /** Tokens whose last use is newer here than in the store, and that no stored tick testifies. */
  readonly usesToKeep = new Set<number>();
  /** Names of hosts whose status or labels changed and whose rollouts have not been told yet. */
  readonly news = new Set<string>();

  /** Reads everything; nothing of an earlier state survives. */
  static load(store: Store): Fleet {
    const fleet = new Fleet();
    for (const stored of store.hosts.all()) fleet.addHost(stored);
    for (const token of store.tokens.all()) fleet.putToken(token);
    for (const container of store.containers.allPresent()) {
      const host = fleet.hostByNumber(container.hostId);
      const { id, fingerprint, unhealthy, lastSeenAtMs, missingSinceMs: sinceMs } = container;
      const absence = sinceMs === null ? null : { lastSeenAtMs, sinceMs };
      host.containers.set(container.containerId, { id, fingerprint, unhealthy, absence });
    }
    for (const host of fleet.hosts()) {
      host.newestMs = store.ticks.newestMs(host.stored.id) ?? 0;
      fleet.#loadLatest(store, host);
    }
    return fleet;
  }

  #loadLatest(store: Store, host: LiveHost): void {
    let looked = 0;
    for (const tick of store.ticks.newestLive(host.stored.id)) {
      const kept = new LatestTick().take(tick);
      host.latest ??= kept;
      host.lastSeenAtMs ??= tick.receivedAtMs;
      const { containers } = decodeSample(tick.sample);
      if (containers !== null) host.latestWithContainers = looked === 0 ? host.latest : kept;
      looked += 1;
      if (containers !== null || looked >= MAX_LOOK_BACK) break;
    }
    const token = host.latest === null ? undefined : this.#tokensByNumber.get(host.latest.tokenNumber);
    if (token !== undefined && host.latest !== null) {
      token.lastUsedAtMs = Math.max(token.lastUsedAtMs ?? 0, host.latest.receivedAtMs);
    }
  }

  hosts(): Iterable<LiveHost> {
    return this.#hosts.values();
  }

  get hostCount(): number {
    return this.#hosts.size;
  }

  /** The host of a number that the store itself gave out. */
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
