/** What operators read about releases and rollouts. */
import type { Budget } from './budget.ts';
import type { RolloutRequest } from './command.ts';
import type { Read } from './ports.ts';
import type { StoredRollout } from './records.ts';
import type { Quarantine, Release } from './release.ts';
import type { RolloutHost, WaveCounts } from './rollout.ts';
import type { PageRequest } from './store.ts';

/** A release with what stands against it. */
export interface ReleaseView {
  readonly release: Release;
  readonly quarantine: Quarantine | null;
}

/** Why a pending host is not dispatched: the first gate that holds it, and a sentence. */
export interface HeldBy {
  readonly gate: string;
  readonly reason: string;
}

export interface RolloutHostView {
  readonly host: RolloutHost;
  /** Why it is not dispatched; null once it is, or when nothing holds it any more. */
  readonly heldBy: HeldBy | null;
  /** When the host was last heard, if it is offline and the rollout waits for it; otherwise null. */
  readonly offlineSinceMs: number | null;
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
    ReadonlyArray<{
      readonly name: string;
      /** The digest of what rollouts have brought there last; null: nothing of the stack, as far as they know. */
      readonly runs: string | null;
      readonly findings: readonly PreflightFinding[];
    }>
  >;
  /** Rollouts that this one would end. */
  readonly supersedes: readonly string[];
  /** What an operator should know of the rollout as a whole, in sentences. */
  readonly notes: readonly string[];
}

export interface ReplayReport {
  readonly equal: boolean;
  readonly entries: number;
  readonly hosts: number;
  /** `rollout`, or names of hosts. */
  readonly differences: readonly string[];
}

/** A budget and what takes it up now. */
export interface BudgetView {
  readonly budget: Budget;
  /** Names of the hosts of the label that a rollout is changing now. */
  readonly changing: readonly string[];
}

/** Reads about releases and rollouts; `not_found` as in {@link FleetQueries}. */
export interface RolloutQueries {
  /** In the order they came. */
  releases(): Read<ReleaseView[]>;
  release(digest: string): Read<ReleaseView>;
  /** RFC 8785 bytes. */
  manifest(digest: string): Read<Uint8Array>;
  /** In the order of their labels. */
  budgets(): Read<BudgetView[]>;
  budget(label: string, value: string): Read<BudgetView>;
  /** Newest first. */
  rollouts(page: PageRequest<string>): Read<RolloutView[]>;
  rollout(id: string): Read<RolloutView>;
  rolloutHosts(id: string, nowMs: number): Read<RolloutHostView[]>;
  preview(request: RolloutRequest, nowMs: number): Read<RolloutPreview>;
  /** Folds the log again and compares it with what is stored. */
  replay(id: string): Read<ReplayReport>;
}
