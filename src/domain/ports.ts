/** What the HTTP surface needs of the appliance behind it. */
import type { Command, CommandOf, Outcomes } from './command.ts';
import type { Container } from './container.ts';
import type { LogEvent } from './event-log.ts';
import type { Host } from './host.ts';
import type { PageRequest } from './store.ts';
import type { ContainerMetrics, HostMetrics } from './telemetry.ts';
import type { Identity, Token } from './token.ts';

export interface Commands {
  /**
   * Resolves once the command is committed and synced. Rejects with `NexusError`: a refusal (`not_found`, `conflict`,
   * `unauthorized`), or `overloaded` / `store_unavailable`, and then nothing was taken.
   */
  submit<K extends Command['kind']>(command: CommandOf<K>): Promise<Outcomes[K]>;
}

export interface Readiness {
  /** Null when commands are taken; otherwise why not, for a person. */
  unreadyReason(): string | null;
}

export interface Identities {
  /** Who presents this bearer token at this moment; undefined: nobody that may. Throws `store_unavailable`. */
  identify(plaintext: string, nowMs: number): Identity | undefined;
  /** Notes that an admin token was used with success. */
  noteUse(tokenId: string, nowMs: number): void;
}

export interface HistoryRequest {
  readonly fromMs: number;
  readonly toMs: number;
  /** Null: every sample as it was stored. */
  readonly stepMs: number | null;
  /** More points than this are refused with `invalid`. */
  readonly maxPoints: number;
}

export interface HistoryPoint<M> {
  readonly recordedAtMs: number;
  readonly metrics: M;
}

export interface QueueFigures {
  readonly depth: number;
  readonly limit: number;
}

/** Reads; all throw `NexusError('not_found')` for what does not exist, with `did_you_mean` where a name is near. */
export interface Queries {
  /** Every host, by name. */
  hosts(page: PageRequest<string>): Host[];
  host(name: string): Host;
  tokensOfHost(name: string): Token[];
  adminTokens(): Token[];
  containers(host: string, page: PageRequest<number>): Array<Container & { readonly number: number }>;
  hostHistory(host: string, request: HistoryRequest): Array<HistoryPoint<HostMetrics>>;
  containerHistory(host: string, containerId: string, request: HistoryRequest): Array<HistoryPoint<ContainerMetrics>>;
  events(after: number, limit: number, host: string | null): LogEvent[];
  queue(): QueueFigures;
}
