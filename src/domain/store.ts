/**
 * The store as the engine needs it. Everything throws `NexusError('store_unavailable')` when the database cannot be
 * read or written; the message then says what to do.
 */
import type { LogEvent, NewLogEvent } from './event-log.ts';
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

/** A container without its identity's bulk. */
export interface PresentContainer extends Omit<StoredContainer, 'identity'> {
  readonly name: string;
  readonly startedAt: string | null;
  /** The Compose project it belongs to, by its label. */
  readonly stack: string | null;
}

export interface ContainerTable {
  /** Those not removed, in no order, without their identities' bulk. */
  allPresent(): Iterable<PresentContainer>;
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

export interface Store {
  readonly hosts: HostTable;
  readonly tokens: TokenTable;
  readonly containers: ContainerTable;
  readonly ticks: TickTable;
  readonly events: EventTable;
  readonly releases: ReleaseTable;
  readonly quarantines: QuarantineTable;
  readonly rollouts: RolloutTable;
  /** Runs `work` in one transaction; when this returns, everything it wrote is synced to the disk. */
  transact<T>(work: () => T): T;
  close(): void;
}
