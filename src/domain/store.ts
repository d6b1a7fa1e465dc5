/**
 * The store as the server needs it: memory is loaded from it, what memory does not hold is looked up, and what was changed
 * in memory is committed, all of it or nothing. Everything throws `NexusError('store_unavailable')`, or rejects with it,
 * when the store cannot be read or written; the message then says what to do.
 */
import type { LogEvent, LogHead } from './event-log.ts';
import type { ForwardingStore } from './forwarding-store.ts';
import type { HistoryReads, HistoryStore } from './history-store.ts';
import type { Lookup, LookupResult } from './lookups.ts';
import type {
  RolloutRows,
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
  readonly history: HistoryStore;
  readonly forwarding: ForwardingStore;
  size(): StoreSize;
  close(): void;
}

/** History for reading alone. */
export interface HistoryReader {
  hosts(): StoredHost[];
  readonly containers: Pick<ContainerReads, 'page'>;
  readonly history: HistoryReads;
  /** Everything that `read` reads is as it was at one moment. */
  view<T>(read: () => T): T;
  close(): void;
}
