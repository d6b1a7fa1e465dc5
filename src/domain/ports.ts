/** What the HTTP surface needs of the appliance behind it. */
import type { Command, CommandOf, Outcomes } from './command.ts';
import type { Container } from './container.ts';
import type { LogEvent } from './event-log.ts';
import type { CompactionFigures, QueueFigures } from './figures.ts';
import type { History, HistoryRequest } from './history-query.ts';
import type { Host } from './host.ts';
import type { PageRequest, StoreSize } from './store.ts';
import type { ContainerMetrics, HostMetrics, ReportedTick, Tick } from './telemetry.ts';
import type { Identity, Token } from './token.ts';

export interface Commands {
  /**
   * Resolves when the command is committed and synced. Rejects with `NexusError`: a refusal (`not_found`, `conflict`,
   * `unauthorized`), or `overloaded` or `store_unavailable`, in which case nothing was changed.
   */
  submit<K extends Command['kind']>(command: CommandOf<K>): Promise<Outcomes[K]>;
}

/**
 * The answer to a read. It is a promise only while a commit is under way that may have changed what was read; it resolves
 * when that commit succeeds and rejects with `store_unavailable` when it fails.
 */
export type Read<T> = T | Promise<T>;

export interface OutputGate {
  /** Delays a value that was computed from memory until the commit that is under way has succeeded. */
  gate<T>(value: T): Read<T>;
}

export interface Readiness {
  /** Why no commands are taken, as a sentence; null when they are. */
  unreadyReason(): string | null;
}

export interface Identities {
  /** The owner of this bearer token; undefined when it is not valid now. Throws `store_unavailable`. */
  identify(plaintext: string, nowMs: number): Identity | undefined;
  /** Notes that an admin token was used successfully. */
  noteUse(tokenId: string, nowMs: number): void;
}

/** Reads about the fleet. All fail with `not_found` for what does not exist, with `did_you_mean` when a similar name does. */
export interface FleetQueries {
  /** Whether a stack of the host is in its soak, for which its agent reports more often. */
  hasSoak(hostId: number): boolean;
  /** Hosts in the order of their names. */
  hosts(page: PageRequest<string>): Read<Host[]>;
  host(name: string): Read<Host>;
  /** In the order in which they were created, after the token with the id `after`. */
  tokensOfHost(name: string, page: PageRequest<string>): Read<Token[]>;
  adminTokens(page: PageRequest<string>): Read<Token[]>;
  containers(host: string, page: PageRequest<number>): Read<Array<Container & { readonly number: number }>>;
  hostHistory(host: string, request: HistoryRequest): Read<History<HostMetrics>>;
  containerHistory(host: string, containerId: string, request: HistoryRequest): Read<History<ContainerMetrics>>;
  events(
    after: number,
    limit: number,
    of: { readonly host?: string | null; readonly rolloutId?: string | null },
  ): Read<LogEvent[]>;
  queue(): QueueFigures;
  /** Number of rollouts that wait for a lost host. */
  stalledRollouts(): number;
  compaction(): CompactionFigures;
  storeSize(): StoreSize;
}

/** Turns the bodies of telemetry into ticks, packed as they are stored. */
export interface TelemetryIntake {
  /** Null: the body is not in order at first sight, and the schema must judge it. */
  read(body: Uint8Array): Promise<ReportedTick | null> | ReportedTick | null;
  pack(tick: Tick): ReportedTick;
}
