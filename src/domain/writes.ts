/**
 * What one commit stores, as data. Every number in it (of a host, a token, a container, an entry of the log…) was given
 * out by the state in memory, and every time and random value came with the command: a store keeps what it is told.
 */
import type { LogEvent } from './event-log.ts';
import type { Tier } from './history.ts';
import type { StoredContainer, StoredHost, StoredQuarantine, StoredTick, StoredToken } from './records.ts';
import type { Release } from './release.ts';
import type { RolloutHost, RolloutPlan, RolloutProgress } from './rollout.ts';

export type Write =
  | { readonly kind: 'insert_host'; readonly host: StoredHost }
  | { readonly kind: 'save_host'; readonly host: StoredHost }
  | { readonly kind: 'insert_token'; readonly token: StoredToken }
  /** The only parts of a token that change. */
  | ({ readonly kind: 'save_token' } & Pick<StoredToken, 'number' | 'lastUsedAtMs' | 'revokedAtMs'>)
  /** Flat, as nearly every write is one. Its host has no tick of that instant yet. */
  | ({ readonly kind: 'insert_tick' } & StoredTick)
  | { readonly kind: 'insert_container'; readonly container: StoredContainer }
  | { readonly kind: 'save_container'; readonly container: StoredContainer }
  /** Moves the marks of presence alone. */
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
  /** The highest epoch given out for a host of a stack, withdrawn offers included. */
  | { readonly kind: 'save_epoch'; readonly stack: string; readonly host: string; readonly epoch: number }
  /** From now on every read passes over this chunk. */
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
