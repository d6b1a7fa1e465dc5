import type { Store } from '../../domain/store.ts';
import { RolloutDriver } from '../rollouts/rollout-driver.ts';
import { Fleet } from './fleet.ts';
import { RolloutIndex } from './rollout-index.ts';

/** The store and what is remembered of it. The copies change only inside the writer's transaction. */
export interface State {
  readonly store: Store;
  readonly fleet: Fleet;
  readonly index: RolloutIndex;
  readonly driver: RolloutDriver;
}

/** Reads everything; nothing of an earlier state survives. */
export function loadState(store: Store): State {
  const fleet = Fleet.load(store);
  const index = RolloutIndex.load(store);
  return { store, fleet, index, driver: new RolloutDriver(store, fleet, index) };
}
