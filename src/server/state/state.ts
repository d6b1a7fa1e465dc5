import type { Store } from '../../domain/store.ts';
import { RolloutRunner } from '../rollouts/rollout-driver.ts';
import { Fleet } from './fleet.ts';
import { RolloutBook } from './rollout-index.ts';

/** The store and what is remembered of it. The copies change only inside the engine's transaction. */
export interface World {
  readonly store: Store;
  readonly fleet: Fleet;
  readonly book: RolloutBook;
  readonly runner: RolloutRunner;
}

/** Reads everything; nothing of an earlier state survives. */
export function loadWorld(store: Store): World {
  const fleet = Fleet.load(store);
  const book = RolloutBook.load(store);
  return { store, fleet, book, runner: new RolloutRunner(store, fleet, book) };
}
