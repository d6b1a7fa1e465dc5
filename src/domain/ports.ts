/** What the HTTP surface needs of the appliance behind it. */
import type { Command, CommandOf, Outcomes, RolloutRequest } from './command.ts';
import type { Container } from './container.ts';
import type { LogEvent } from './event-log.ts';
import type { Tier } from './history.ts';
import type { Host } from './host.ts';
import type { Quarantine, Release } from './release.ts';
import type { Hold, RolloutHost, RolloutPlan, WaveCounts } from './rollout.ts';
import type { ForwardingBacklog, PageRequest, StoredRollout, StoreSize } from './store.ts';
import type { ContainerMetrics, HostMetrics } from './telemetry.ts';
import type { AgentIdentity, Identity, Token } from './token.ts';

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
  /** With steps: what lies between the means as well. */
  readonly withSpread?: boolean;
}

export interface HistorySpread<M> {
  /** Of gauges. */
  readonly min: Partial<M>;
  readonly max: Partial<M>;
  /** Of counters, since the point before, resets allowed for; null in the first. */
  readonly increase: Partial<M>;
}

export interface HistoryPoint<M> {
  readonly recordedAtMs: number;
  readonly metrics: M;
  readonly spread?: HistorySpread<M>;
}

export interface History<M> {
  /** The coarsest tier that any point was made from. */
  readonly tier: Tier;
  readonly points: ReadonlyArray<HistoryPoint<M>>;
}

export interface QueueFigures {
  readonly depth: number;
  readonly limit: number;
}

/** What the ageing of history has come to since the start. */
export interface CompactionFigures {
  /** Rows taken into chunks. */
  readonly ticks: number;
  /** Chunks written. */
  readonly chunks: number;
  /** Chunks deleted, or left without their values. */
  readonly deletions: number;
  /** Time spent. */
  readonly seconds: number;
  /** Pieces of work that were undone: a full disk, a lock, a defect. */
  readonly failures: number;
}

/** What became of a request to the remote store: `failed` ones are tried again, the last two are lost. */
export const FORWARDING_OUTCOMES = ['sent', 'failed', 'refused', 'dropped'] as const;
export type ForwardingOutcome = (typeof FORWARDING_OUTCOMES)[number];

export interface ForwardingFigures {
  /** Since the start. */
  readonly requests: Readonly<Record<ForwardingOutcome, number>>;
  readonly backlog: ForwardingBacklog;
}

/** Reads; all throw `NexusError('not_found')` for what does not exist, with `did_you_mean` where a name is near. */
export interface Queries {
  /** Every host, by name. */
  hosts(page: PageRequest<string>): Host[];
  host(name: string): Host;
  /** In the order in which they were made, those after the token with the id `after`. */
  tokensOfHost(name: string, page: PageRequest<string>): Token[];
  adminTokens(page: PageRequest<string>): Token[];
  containers(host: string, page: PageRequest<number>): Array<Container & { readonly number: number }>;
  hostHistory(host: string, request: HistoryRequest): History<HostMetrics>;
  containerHistory(host: string, containerId: string, request: HistoryRequest): History<ContainerMetrics>;
  events(
    after: number,
    limit: number,
    of: { readonly host?: string | null; readonly rolloutId?: string | null },
  ): LogEvent[];
  queue(): QueueFigures;
  compaction(): CompactionFigures;
  storeSize(): StoreSize;
}

/** A release with what stands against it. */
export interface ReleaseView {
  readonly release: Release;
  readonly quarantine: Quarantine | null;
}

export interface RolloutHostView {
  readonly host: RolloutHost;
  /** Why it is not dispatched; null once it is, or when nothing holds it any more. */
  readonly heldBy: Hold | null;
}

export interface RolloutView extends StoredRollout {
  readonly version: string | null;
  /** Of all waves together. */
  readonly counts: WaveCounts;
}

export interface PreflightFinding {
  /** `hold`: the host would not be dispatched as things stand. */
  readonly severity: 'hold' | 'warning';
  readonly message: string;
}

export interface RolloutPreview {
  readonly stack: string;
  readonly release: string;
  readonly waves: ReadonlyArray<
    ReadonlyArray<{ readonly name: string; readonly findings: readonly PreflightFinding[] }>
  >;
  /** Rollouts that this one would end. */
  readonly supersedes: readonly string[];
}

export interface ReplayReport {
  readonly equal: boolean;
  readonly entries: number;
  readonly hosts: number;
  /** `rollout`, or names of hosts. */
  readonly differences: readonly string[];
}

/** Reads about releases and rollouts; `not_found` as in {@link Queries}. */
export interface RolloutQueries {
  /** In the order they came. */
  releases(): ReleaseView[];
  release(digest: string): ReleaseView;
  /** RFC 8785 bytes. */
  manifest(digest: string): Uint8Array;
  /** Newest first. */
  rollouts(page: PageRequest<string>): RolloutView[];
  rollout(id: string): RolloutView;
  rolloutHosts(id: string, nowMs: number): RolloutHostView[];
  preview(request: RolloutRequest, nowMs: number): RolloutPreview;
  /** Folds the log again and compares it with what is stored. */
  replay(id: string): ReplayReport;
}

/** What a host is to do now. */
export interface Dispatch {
  readonly rolloutId: string;
  readonly stack: string;
  readonly release: string;
  readonly soakSeconds: number;
  readonly epoch: number;
  /** Set when its soaking release has regressed by its telemetry and is to be failed. */
  readonly regressed: string | null;
}

/** One host's part in one rollout, as its agent may know it. */
export interface AgentRollout {
  readonly plan: RolloutPlan;
  readonly host: RolloutHost;
}

export interface Dispatches {
  /**
   * What the host is to do; waits up to `waitMs` for something to do. Null: nothing. When it must wait it hands
   * `onWaiting` what to call when nobody wants the answer any more, which ends the wait.
   */
  nextDispatch(
    identity: AgentIdentity,
    waitMs: number,
    onWaiting: (giveUp: () => void) => void,
  ): Promise<Dispatch | null>;
  /** The host's name, and its part in every rollout that expects something of it. */
  agentState(identity: AgentIdentity): { readonly hostname: string; readonly rollouts: readonly AgentRollout[] };
  /** Polls that wait now. */
  waitingPolls(): number;
}
