/**
 * The store as the server needs it: memory is loaded from it, what memory does not hold is looked up, and what was changed
 * in memory is committed, all of it or nothing. Everything throws `NexusError('store_unavailable')`, or rejects with it,
 * when the store cannot be read or written; the message then says what to do.
 */
import type { LogEvent, LogHead } from './event-log.ts';
import type { Tier } from './history.ts';
import type { Lookup, LookupResult } from './lookups.ts';
import type {
  RolloutRows,
  StoredChunk,
  StoredContainer,
  StoredHost,
  StoredQuarantine,
  StoredRollout,
  StoredTick,
  StoredToken,
} from './records.ts';
import type { Release } from './release.ts';
import type { Write } from './writes.ts';

/** A page: `limit` rows after `cursor`, in a stable order. */
export interface PageRequest<C> {
  readonly after: C | null;
  readonly limit: number;
}

/** What is counted: each kind has numbers of its own, from 1. */
export type Numbered = 'host' | 'token' | 'container' | 'release' | 'quarantine' | 'rollout' | 'entry';
/** The highest number of each kind that was ever stored; 0: none. */
export type LastNumbers = Readonly<Record<Numbered, number>>;

/** A host as memory is loaded with it. */
export interface HostSnapshot {
  readonly host: StoredHost;
  /** When its newest tick was recorded, live or back-filled; null when there is none. */
  readonly newestMs: number | null;
  /** The latest live tick. */
  readonly latest: StoredTick | null;
  /** The latest live tick that reports containers, the same object as `latest` where that does. */
  readonly latestWithContainers: StoredTick | null;
}

/** All that memory is loaded with. May be read only once, and only until the store is used for something else. */
export interface Snapshot {
  readonly numbers: LastNumbers;
  /** Its hash is that of {@link NO_ENTRY} while no entry was stored with one. */
  readonly logHead: LogHead;
  readonly hosts: Iterable<HostSnapshot>;
  readonly tokens: Iterable<StoredToken>;
  /** Those not removed. */
  readonly containers: Iterable<Omit<StoredContainer, 'identity'>>;
  /** In the order they came. */
  readonly releases: Iterable<Release>;
  /** Those not lifted. */
  readonly quarantines: Iterable<StoredQuarantine>;
  readonly epochs: Iterable<{ readonly stack: string; readonly host: string; readonly epoch: number }>;
  /** Those that still have something to come: active or paused, or with a host that is not through. */
  readonly rollouts: Iterable<RolloutRows>;
}

export interface ContainerReads {
  find(hostId: number, containerId: string): StoredContainer | undefined;
  /** By number. */
  page(hostId: number, page: PageRequest<number>): StoredContainer[];
}

export interface TickTable {
  /** When the newest tick was recorded, live or back-filled; null when there is none. */
  newestMs(hostId: number): number | null;
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
  compress(values: Uint8Array): Uint8Array;
}

export interface EventReads {
  /** Entries with a larger id than `after`, in order; of one host or one rollout when that is given. */
  page(
    after: number,
    limit: number,
    of: { readonly host?: string | null; readonly rolloutId?: string | null },
  ): LogEvent[];
  /** Every entry of a rollout, in order. */
  ofRollout(rolloutId: string): Iterable<LogEvent>;
}

export interface ReleaseReads {
  /** The manifest's RFC 8785 bytes. */
  manifest(digest: string): Uint8Array | undefined;
}

export interface RolloutReads {
  find(id: string): RolloutRows | undefined;
  /** Newest first, those created before the rollout `after`. */
  page(page: PageRequest<string>): StoredRollout[];
  /** Of a rollout and its hosts, what is not stored exactly so, byte for byte: `rollout`, or names of hosts. */
  differences(folded: RolloutRows): string[];
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
  load(): Snapshot | Promise<Snapshot>;
  /** The results in the order of the lookups. */
  lookUp(lookups: readonly Lookup[]): readonly LookupResult[] | Promise<readonly LookupResult[]>;
  /**
   * Stores all of it or nothing, in this order. It is durable once this returns, or the promise that it returns is
   * fulfilled: a power cut loses nothing of it. Only one commit is under way at a time.
   */
  commit(writes: readonly Write[]): void | Promise<void>;
  hosts(): StoredHost[];
  readonly containers: ContainerReads;
  readonly events: EventReads;
  readonly releases: ReleaseReads;
  readonly rollouts: RolloutReads;
  readonly ticks: TickTable;
  readonly chunks: ChunkTable;
  readonly forwarding: ForwardingTable;
  /** Runs `work`, which ages history or forwards it, in one transaction of its own; durable when this returns. */
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
  hosts(): StoredHost[];
  readonly containers: Pick<ContainerReads, 'page'>;
  readonly ticks: TickTable;
  readonly chunks: ChunkTable;
  /** Everything that `read` reads is as it was at one moment. */
  view<T>(read: () => T): T;
  close(): void;
}
