/** What deciding and evolving read of one rollout. */
import type { RolloutEntry, RolloutHost, RolloutPlan, RolloutProgress, RolloutStatus } from '../domain/rollout.ts';

export interface RolloutState {
  readonly plan: RolloutPlan;
  readonly progress: RolloutProgress;
  /** In the order of the plan. */
  readonly hosts: ReadonlyMap<string, RolloutHost>;
  /** Wave by wave, the hosts that are not dispatched. */
  readonly pending: readonly ReadonlySet<string>[];
  /** The hosts that are dispatched and have not finished: at most `maxInFlight`. */
  readonly inFlight: ReadonlySet<string>;
  host(name: string): RolloutHost | undefined;
}

/** Every entry but the first one. */
export type LaterEntry = Exclude<RolloutEntry, { readonly kind: 'rollout_created' }>;

/** Neither converged nor given up: more hosts may still be dispatched. */
export function isOpen(status: RolloutStatus): boolean {
  return status === 'active' || status === 'paused';
}
