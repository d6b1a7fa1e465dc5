/**
 * The store as the engine needs it. Everything throws `NexusError('store_unavailable')` when the database cannot be
 * read or written; the message then says what to do.
 */
import type { LogEvent, NewLogEvent } from './event-log.ts';
import type { Tier } from './history.ts';
import type { HostStatus, Labels } from './host.ts';
import type { Quarantine, Release } from './release.ts';
import type { RolloutHost, RolloutPlan, RolloutProgress } from './rollout.ts';
import type { ContainerIdentity, HostFacts } from './telemetry.ts';
import type { Token } from './token.ts';

export interface StoredHost {
  readonly id: number;
  readonly name: string;
  readonly status: HostStatus;
  readonly labels: Labels;
  readonly offlineAfterSeconds: number;
  readonly createdAtMs: number;
  readonly archivedAtMs: number | null;
  readonly facts: HostFacts;
}

/** A token with its SHA-256 digest; the digest is the only trace of its plaintext. */
export interface StoredToken extends Token {
  /** The store's own number, small enough to stand in every tick. */
  readonly number: number;
  /** 64 hex digits. */
  readonly digest: string;
}

/** One tick; `sample` is written by `telemetry/sample-codec`. */
export interface StoredTick {
  readonly hostId: number;
  readonly recordedAtMs: number;
  readonly receivedAtMs: number;
  readonly tokenNumber: number;
  /** False: back-filled, so it is history and says nothing of now. */
  readonly live: boolean;
  readonly sample: Uint8Array;
}

export interface StoredContainer {
  readonly id: number;
  readonly hostId: number;
  readonly containerId: string;
  readonly identity: ContainerIdentity;
  readonly fingerprint: string;
  readonly unhealthy: boolean;
  /** Kept up to date only while the container is missing; a reported one was last seen at its host's latest tick. */
  readonly lastSeenAtMs: number;
  readonly missingSinceMs: number | null;
  readonly removedAtMs: number | null;
}

/** A page: `limit` rows after `cursor`, in a stable order. */
export interface PageRequest<C> {
  readonly after: C | null;
  readonly limit: number;
}

export interface HostTable {
  all(): StoredHost[];
  /** Returns the new host's number. */
  insert(host: Omit<StoredHost, 'id'>): number;
  save(host: StoredHost): void;
}

export interface TokenTable {
  all(): StoredToken[];
  /** Returns the new token's number. */
  insert(token: Omit<StoredToken, 'number'>): number;
  save(token: StoredToken): void;
}

export interface ContainerTable {
  /** Those not removed, in no order, without their identities. */
  allPresent(): Iterable<Omit<StoredContainer, 'identity'>>;
  find(hostId: number, containerId: string): StoredContainer | undefined;
  /** Of every container of a Compose project that the host has ever reported. */
  numbersOfStack(hostId: number, stack: string): number[];
  /** By number. */
  page(hostId: number, page: PageRequest<number>): StoredContainer[];
  insert(container: Omit<StoredContainer, 'id'>): number;
  save(container: StoredContainer): void;
  /** Moves the marks of presence alone. */
  mark(id: number, marks: Pick<StoredContainer, 'lastSeenAtMs' | 'missingSinceMs' | 'removedAtMs'>): void;
}

export interface TickTable {
  /** False, and nothing written, when the host already has a tick of that instant. */
  insert(tick: StoredTick): boolean;
  /** Whether a tick of that instant is stored, as a row or in a chunk. */
  has(hostId: number, recordedAtMs: number): boolean;
  /** When the newest tick was recorded, live or back-filled; null when there is none. */
  newestMs(hostId: number): number | null;
  /** The live ones that are still rows, newest first by `recordedAtMs`. */
  newestLive(hostId: number): Iterable<StoredTick>;
  /**
   * From `fromMs` to `toMs`, both included, in time order, out of rows and chunks. Of a tick out of a chunk only the
   * instant and the sample are known: it is not live, of token 0, and received when it was recorded.
   */
  range(hostId: number, fromMs: number, toMs: number): Iterable<StoredTick>;
  /** As {@link range}, of the ticks alone that no chunk holds, with its values or (`rolled`) at all. */
  rows(hostId: number, fromMs: number, toMs: number, besides: 'values' | 'rolled'): Iterable<StoredTick>;
  /** The instants of the oldest rows before `beforeMs`, those in chunks too that are rows still. */
  oldestRows(hostId: number, beforeMs: number, limit: number): number[];
  /** Every row of the span, those in chunks too, in time order. */
  rowsToCompact(hostId: number, fromMs: number, toMs: number): StoredTick[];
  /** Whether no row has been stored after the one of that instant: it is never deleted. */
  isNewestRow(hostId: number, recordedAtMs: number): boolean;
  /** Deletes the row of that instant, unless it is the newest of all. */
  removeRow(hostId: number, recordedAtMs: number): void;
}

/** The points of one host over one span; written by `telemetry/chunk-codec`. */
export interface StoredChunk {
  readonly hostId: number;
  readonly tier: Tier;
  readonly startMs: number;
  /** Of its points, ascending. */
  readonly times: readonly number[];
  /** Of raw ones: when the last of its ticks was received, by the server's clock; else 0. */
  readonly receivedMs: number;
  /** Compressed by {@link ChunkTable.compress}; null: only the instants are kept. */
  readonly values: Uint8Array | null;
}

export interface ChunkInfo {
  readonly startMs: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly points: number;
  readonly receivedMs: number;
  readonly hasValues: boolean;
}

/** Chunks marked as damaged are passed over by every read. */
export interface ChunkTable {
  /** Replaces the chunk of the same span. */
  put(chunk: StoredChunk): void;
  /** Those whose span touches `fromMs` to `toMs`, in time order. */
  list(hostId: number, tier: Tier, fromMs: number, toMs: number): ChunkInfo[];
  /** Values uncompressed. Throws `ChunkDamaged`. */
  read(
    hostId: number,
    tier: Tier,
    startMs: number,
  ): { readonly times: readonly number[]; readonly values: Uint8Array | null } | undefined;
  /** Whether a raw chunk holds a tick of that instant. Throws `ChunkDamaged`. */
  hasTick(hostId: number, atMs: number): boolean;
  /** As {@link hasTick}, of a chunk that holds the values too. Throws `ChunkDamaged`. */
  hasTickValues(hostId: number, atMs: number): boolean;
  /** When the newest tick in a raw chunk was recorded. */
  newestMs(hostId: number): number | null;
  /** The start of the first chunk of `fine` before `beforeMs` over which there is none of `coarse`. */
  firstUncovered(hostId: number, fine: Tier, coarse: Tier, beforeMs: number): number | null;
  /** False when there was none. */
  remove(hostId: number, tier: Tier, startMs: number): boolean;
  /**
   * Drops the values of at most `limit` raw chunks that start before `beforeMs` and were received before
   * `receivedBeforeMs`, and keeps their instants; returns of how many.
   */
  dropValues(hostId: number, beforeMs: number, receivedBeforeMs: number, limit: number): number;
  /** Deletes at most `limit` such chunks; returns how many. */
  removeBefore(hostId: number, tier: Tier, beforeMs: number, receivedBeforeMs: number, limit: number): number;
  /** Deletes at most `limit` chunks over which there is one of `coarse`, and damaged ones; returns how many. */
  removeCoveredBefore(hostId: number, tier: Tier, beforeMs: number, coarse: Tier, limit: number): number;
  /** False when it was marked before, or is gone. */
  markDamaged(hostId: number, tier: Tier, startMs: number): boolean;
  compress(values: Uint8Array): Uint8Array;
}

export interface EventTable {
  append(event: NewLogEvent): LogEvent;
  /** Entries with a larger id than `after`, in order; of one host or one rollout when that is given. */
  page(
    after: number,
    limit: number,
    of: { readonly host?: string | null; readonly rolloutId?: string | null },
  ): LogEvent[];
  /** Every entry of a rollout, in order. */
  ofRollout(rolloutId: string): Iterable<LogEvent>;
  /** Every entry of one host in one rollout, newest first. */
  ofRolloutHost(rolloutId: string, host: string): Iterable<LogEvent>;
}

export interface ReleaseTable {
  /** In the order they came. */
  all(): Release[];
  insert(release: Release, manifest: Uint8Array): void;
  /** The manifest's RFC 8785 bytes. */
  manifest(digest: string): Uint8Array | undefined;
}

/** A quarantine with the end it may have come to. */
export interface StoredQuarantine extends Quarantine {
  readonly id: number;
  readonly liftedAtMs: number | null;
  readonly liftedReason: string | null;
}

export interface QuarantineTable {
  /** Those not lifted. */
  active(): StoredQuarantine[];
  insert(quarantine: Quarantine): StoredQuarantine;
  lift(id: number, atMs: number, reason: string): void;
}

/** A rollout as it is stored: what replaying its log must come to, byte for byte. */
export interface StoredRollout {
  readonly plan: RolloutPlan;
  readonly progress: RolloutProgress;
}

export interface RolloutTable {
  insert(rollout: StoredRollout): void;
  saveProgress(id: string, progress: RolloutProgress): void;
  saveHost(id: string, host: RolloutHost): void;
  find(id: string): StoredRollout | undefined;
  hosts(id: string): Iterable<RolloutHost>;
  /** Newest first, those created before the rollout `after`. */
  page(page: PageRequest<string>): StoredRollout[];
  /** Rollouts that still have something to come: active or paused, or with a host that has not settled. */
  open(): string[];
  findHost(id: string, host: string): RolloutHost | undefined;
  /** The highest epoch given out for each host of a stack, withdrawn offers included. */
  epochs(): Iterable<{ readonly stack: string; readonly host: string; readonly epoch: number }>;
  saveEpoch(stack: string, host: string, epoch: number): void;
  /** The exact stored text of a rollout and its hosts. */
  rawProgress(id: string): string | undefined;
  rawHosts(id: string): Iterable<{ readonly host: string; readonly body: string }>;
}

export interface StoreSize {
  /** Of the database's file. */
  readonly fileBytes: number;
  /** Of that: free for what comes next, or to be given back. */
  readonly unusedBytes: number;
  /** Of the write-ahead log beside it. */
  readonly logBytes: number;
}

export interface Store {
  readonly hosts: HostTable;
  readonly tokens: TokenTable;
  readonly containers: ContainerTable;
  readonly ticks: TickTable;
  readonly chunks: ChunkTable;
  readonly forwarding: ForwardingTable;
  readonly events: EventTable;
  readonly releases: ReleaseTable;
  readonly quarantines: QuarantineTable;
  readonly rollouts: RolloutTable;
  /** Runs `work` in one transaction; when this returns, everything it wrote is synced to the disk. */
  transact<T>(work: () => T): T;
  /** Gives at most `maxPages` unused pages back to the disk when much is unused; returns how many. */
  reclaim(maxPages: number): number;
  size(): StoreSize;
  close(): void;
}

export interface NumberedTick {
  /** Rises from tick to tick, in the order in which they were stored. */
  readonly number: number;
  readonly tick: StoredTick;
}

export interface ForwardingBacklog {
  /** Put off into the queue. */
  readonly requests: number;
  readonly requestBytes: number;
  /** Ticks not sent and not put off, at most. */
  readonly ticks: number;
  /** When the oldest of all came; null: nothing waits. */
  readonly oldestAtMs: number | null;
}

/** What is to be sent to a remote store. */
export interface ForwardingTable {
  backlog(): ForwardingBacklog;
  /** The number of the newest tick that was sent or put off; 0 before the first. */
  position(): number;
  moveTo(position: number): void;
  /** Rows alone: a tick that was compacted before it came to its turn is not forwarded. */
  ticksAfter(position: number, limit: number): NumberedTick[];
  /** The oldest request that was put off. */
  first(): { readonly number: number; readonly body: Uint8Array } | undefined;
  add(atMs: number, body: Uint8Array): void;
  remove(number: number): void;
  /** Drops requests put off before `beforeMs`, and the oldest until at most `maxBytes` are left; returns how many. */
  trim(beforeMs: number, maxBytes: number): number;
}

/** History for reading alone. */
export interface HistoryReader {
  readonly hosts: Pick<HostTable, 'all'>;
  readonly containers: Pick<ContainerTable, 'page'>;
  readonly ticks: TickTable;
  readonly chunks: ChunkTable;
  /** Everything that `read` reads is as it was at one moment. */
  view<T>(read: () => T): T;
  close(): void;
}
