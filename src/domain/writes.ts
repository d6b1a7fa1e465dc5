/**
 * The writes of a commit, as data. Memory has given out every number in them (of a host, a token, a log entry…), and
 * every time and random value came with the command: a store makes up nothing by itself.
 */
import type { Budget } from './budget.ts';
import type { Deployment } from './deployment.ts';
import type { LogEvent } from './event-log.ts';
import type { Tier } from './history.ts';
import type { StoredContainer, StoredHost, StoredQuarantine, StoredTick, StoredToken } from './records.ts';
import type { Release } from './release.ts';
import type { RolloutHost, RolloutPlan, RolloutProgress } from './rollout.ts';

export type Write =
  | { readonly kind: 'insert_host'; readonly host: StoredHost }
  | { readonly kind: 'save_host'; readonly host: StoredHost }
  | { readonly kind: 'insert_token'; readonly token: StoredToken }
  /** Changes the only fields of a token that can change. */
  | ({ readonly kind: 'save_token' } & Pick<StoredToken, 'number' | 'lastUsedAtMs' | 'revokedAtMs'>)
  /** Flat, because nearly every write is one of these. The host must have no tick of that instant yet. */
  | ({ readonly kind: 'insert_tick' } & StoredTick)
  | { readonly kind: 'insert_container'; readonly container: StoredContainer }
  | { readonly kind: 'save_container'; readonly container: StoredContainer }
  /** Changes only the marks of presence. */
  | ({ readonly kind: 'mark_container' } & ContainerMarks)
  /** `hash`: 64 hex digits, over the entry and the hash before it. */
  | { readonly kind: 'append_entry'; readonly entry: LogEvent; readonly hash: string }
  | {
      readonly kind: 'insert_release';
      readonly number: number;
      readonly release: Release;
      /** RFC 8785 bytes. */
      readonly manifest: Uint8Array;
    }
  /** Removes the release and its manifest; its rollouts stay. */
  | { readonly kind: 'delete_release'; readonly digest: string }
  | { readonly kind: 'insert_quarantine'; readonly quarantine: StoredQuarantine }
  | { readonly kind: 'lift_quarantine'; readonly id: number; readonly atMs: number; readonly reason: string }
  | {
      readonly kind: 'insert_rollout';
      readonly number: number;
      readonly plan: RolloutPlan;
      readonly progress: RolloutProgress;
    }
  | { readonly kind: 'save_progress'; readonly rolloutId: string; readonly progress: RolloutProgress }
  /** Inserts the host's row, or replaces it. */
  | { readonly kind: 'save_rollout_host'; readonly rolloutId: string; readonly host: RolloutHost }
  /** The highest epoch given out for a stack on a host, including withdrawn offers. */
  | { readonly kind: 'save_epoch'; readonly stack: string; readonly host: string; readonly epoch: number }
  /** Inserts what runs of a stack on a host, or replaces it. */
  | { readonly kind: 'save_deployment'; readonly deployment: Deployment }
  /** Inserts the budget of a label, or replaces it. */
  | { readonly kind: 'save_budget'; readonly budget: Budget }
  | { readonly kind: 'delete_budget'; readonly label: string; readonly value: string }
  /** Makes reads skip the chunk from now on. */
  | {
      readonly kind: 'mark_chunk_damaged';
      readonly hostId: number;
      readonly tier: Tier;
      readonly startMs: number;
    };

export type ContainerMarks = Pick<
  StoredContainer,
  'id' | 'hostId' | 'containerId' | 'lastSeenAtMs' | 'missingSinceMs' | 'removedAtMs'
>;
