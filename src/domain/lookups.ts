/**
 * What a decision needs and memory does not hold, as data. It is looked up for a whole batch before any command of the
 * batch is handled, so that handlers never wait for a store.
 */

import type { RolloutRows, StoredContainer } from './records.ts';
import type { RolloutHost } from './rollout.ts';

export type Lookup =
  /** Whether a tick of that instant is stored, as a row or in a chunk. */
  | { readonly kind: 'tick'; readonly hostId: number; readonly recordedAtMs: number }
  | { readonly kind: 'container'; readonly hostId: number; readonly containerId: string }
  /** The digest of the event that was applied under that number. */
  | { readonly kind: 'applied_event'; readonly rolloutId: string; readonly host: string; readonly seq: number }
  | { readonly kind: 'rollout_host'; readonly rolloutId: string; readonly host: string }
  | { readonly kind: 'rollout'; readonly rolloutId: string }
  /** Total usage of a stack's containers, tick by tick. Times are the host's; both ends are included. */
  | {
      readonly kind: 'stack_usage';
      readonly hostId: number;
      readonly stack: string;
      readonly fromMs: number;
      readonly toMs: number;
    };

/** The result of each kind of lookup. Null: there is no such record. */
export interface LookupResults {
  readonly tick: boolean;
  readonly container: StoredContainer | null;
  readonly applied_event: string | null;
  readonly rollout_host: RolloutHost | null;
  readonly rollout: RolloutRows | null;
  readonly stack_usage: StackUsage;
}

export type LookupOf<K extends Lookup['kind']> = Extract<Lookup, { readonly kind: K }>;
export type LookupResult = LookupResults[Lookup['kind']];

export interface StackUsage {
  /** Numbers of every container of the stack that the host has ever reported. */
  readonly containers: readonly number[];
  /** In time order, without ticks that report no container of the stack. */
  readonly samples: readonly StackUsageSample[];
}

/** What a stack's containers used at one tick. Null: not reported. */
export interface StackUsageSample {
  /** By the host's clock. */
  readonly recordedAtMs: number;
  /** By the server's clock; for a tick of a chunk, when it was recorded. */
  readonly receivedAtMs: number;
  /** False for a tick that came late or was back-filled. */
  readonly live: boolean;
  /** Of all its containers. */
  readonly memoryMb: number | null;
  /** Of all its containers; 100 is one core. */
  readonly cpuPercent: number | null;
  readonly containers: readonly ContainerMemory[];
  /** Of the host, with everything that runs there. */
  readonly hostMemory: { readonly usedMb: number | null; readonly totalMb: number | null };
}

export interface ContainerMemory {
  /** The store's number for the container. */
  readonly container: number;
  readonly usedMb: number | null;
  /** The host's memory where the container has no limit of its own. */
  readonly limitMb: number | null;
}
