/**
 * The store as the engine needs it. Everything throws `NexusError('store_unavailable')` when the database cannot be
 * read or written; the message then says what to do.
 */
import type { LogEvent, NewLogEvent } from './event-log.ts';
import type { HostStatus, Labels } from './host.ts';
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
  /** Those not removed, in no order, without their identities' bulk. */
  allPresent(): Iterable<Omit<StoredContainer, 'identity'> & { readonly name: string }>;
  find(hostId: number, containerId: string): StoredContainer | undefined;
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
  /** When the newest tick was recorded, live or back-filled; null when there is none. */
  newestMs(hostId: number): number | null;
  /** The live ones, newest first by `recordedAtMs`. */
  newestLive(hostId: number): Iterable<StoredTick>;
  /** From `fromMs` to `toMs`, both included, in time order. */
  range(hostId: number, fromMs: number, toMs: number): Iterable<StoredTick>;
  /** Deletes a host's ticks recorded before `beforeMs`; returns how many. */
  prune(hostId: number, beforeMs: number): number;
}

export interface EventTable {
  append(event: NewLogEvent): LogEvent;
  /** Entries with a larger id than `after`, in order; of one host when `host` is given. */
  page(after: number, limit: number, host: string | null): LogEvent[];
}

export interface Store {
  readonly hosts: HostTable;
  readonly tokens: TokenTable;
  readonly containers: ContainerTable;
  readonly ticks: TickTable;
  readonly events: EventTable;
  /** Runs `work` in one transaction; when this returns, everything it wrote is synced to the disk. */
  transact<T>(work: () => T): T;
  close(): void;
}
