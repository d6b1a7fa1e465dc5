/**
 * What a decision has to know and memory does not hold, as data: it is looked up for a whole batch before any
 * command of the batch is handled, so that handlers never wait for a store.
 */

import type { RolloutRows, StoredContainer } from './records.ts';
import type { RolloutHost } from './rollout.ts';

export type Lookup =
  /** Whether a tick of that instant is stored, in whatever form. */
  | { readonly kind: 'tick'; readonly hostId: number; readonly recordedAtMs: number }
  | { readonly kind: 'container'; readonly hostId: number; readonly containerId: string }
  /** The digest of the body that was applied under that number. */
  | { readonly kind: 'applied_event'; readonly rolloutId: string; readonly host: string; readonly seq: number }
  | { readonly kind: 'rollout_host'; readonly rolloutId: string; readonly host: string }
  | { readonly kind: 'rollout'; readonly rolloutId: string }
  /** What the containers of a stack used together, tick by tick; both ends included, by the host's clock. */
  | {
      readonly kind: 'stack_usage';
      readonly hostId: number;
      readonly stack: string;
      readonly fromMs: number;
      readonly toMs: number;
    };

/** What each kind of lookup finds; null: there is none. */
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
  /** In time order; without the ticks that hold no container of the stack. */
  readonly samples: readonly StackUsageSample[];
}

/** The containers of a stack on one host, summed, at one tick; null: no container said. */
export interface StackUsageSample {
  /** By the host's clock. */
  readonly recordedAtMs: number;
  readonly memoryMb: number | null;
  /** 100 is one core. */
  readonly cpuPercent: number | null;
}
