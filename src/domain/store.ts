/**
 * The store as the server needs it: memory is loaded from it, what memory does not hold is looked up in it, and changes of
 * memory are committed to it, all or nothing. Everything throws or rejects with `store_unavailable` when the store cannot
 * be read or written; the message says what to do.
 */
import type { Budget } from './budget.ts';
import type { Deployment } from './deployment.ts';
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

/** Kinds of records with numbers. Each kind counts from 1. */
export type Numbered = 'host' | 'token' | 'container' | 'release' | 'quarantine' | 'rollout' | 'entry';
/** The highest number of each kind that was ever stored; 0 when there is none. */
export type LastNumbers = Readonly<Record<Numbered, number>>;

/** A host as it is loaded into memory. */
export interface HostSnapshot {
  readonly host: StoredHost;
  /** When its newest tick was recorded, live or back-filled; null when there is none. */
  readonly newestMs: number | null;
  /** The latest live tick. */
  readonly latest: StoredTick | null;
  /** The latest live tick with containers: the same object as `latest` when that has any. */
  readonly latestWithContainers: StoredTick | null;
}

/** Everything that is loaded into memory. Read it once, and before the store is used for anything else. */
export interface Snapshot {
  readonly numbers: LastNumbers;
  /** Its hash is that of {@link NO_ENTRY} while no entry was stored with one. */
  readonly logHead: LogHead;
  readonly hosts: Iterable<HostSnapshot>;
  readonly tokens: Iterable<StoredToken>;
  /** Containers that are not removed. */
  readonly containers: Iterable<Omit<StoredContainer, 'identity'>>;
  /** In the order in which they were added. */
  readonly releases: Iterable<Release>;
  /** Quarantines that are not lifted. */
  readonly quarantines: Iterable<StoredQuarantine>;
  readonly budgets: Iterable<Budget>;
  /** What runs on each host of each stack, as far as rollouts know. */
  readonly deployments: Iterable<Deployment>;
  readonly epochs: Iterable<{ readonly stack: string; readonly host: string; readonly epoch: number }>;
  /** Rollouts that are active or paused, or have a host that is still on its way. */
  readonly rollouts: Iterable<RolloutRows>;
}

export interface ContainerReads {
  find(hostId: number, containerId: string): StoredContainer | undefined;
  /** By number. */
  page(hostId: number, page: PageRequest<number>): StoredContainer[];
}

export interface EventReads {
  /** Entries with ids above `after`, in order, of one rollout or one host when that is given. */
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
  /** Newest first, beginning with the one created before the rollout `after`. */
  page(page: PageRequest<string>): StoredRollout[];
  /** Compares a rollout with its stored rows byte for byte. Names what differs: `rollout`, or names of hosts. */
  differences(folded: RolloutRows): string[];
}

export interface StoreSize {
  /** Size of the database file. */
  readonly fileBytes: number;
  /** Unused part of that file. */
  readonly unusedBytes: number;
  /** Size of the write-ahead log beside it. */
  readonly logBytes: number;
}

export interface Store {
  load(): Snapshot | Promise<Snapshot>;
  /** Returns the results in the order of the lookups. */
  lookUp(lookups: readonly Lookup[]): readonly LookupResult[] | Promise<readonly LookupResult[]>;
  /**
   * Stores all writes, in order, or none. They are durable when this returns, or when the returned promise resolves: a
   * power cut loses none of them. Only one commit may be under way at a time.
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

/** History of a store for reading only. */
export interface HistoryReader {
  hosts(): StoredHost[];
  readonly containers: Pick<ContainerReads, 'page'>;
  readonly history: HistoryReads;
  /** Runs `read` in one consistent view. */
  view<T>(read: () => T): T;
  close(): void;
}
