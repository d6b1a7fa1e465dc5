import type { Snapshot, Store } from '../../domain/store.ts';
import { RolloutDriver } from '../rollouts/rollout-driver.ts';
import { SoakJudge } from '../rollouts/soak-judge.ts';
import { Changes } from './changes.ts';
import { Fleet } from './fleet.ts';
import type { Listening } from './listening.ts';
import { Numbers } from './numbers.ts';
import { RolloutIndex } from './rollout-index.ts';

/**
 * Everything that commands are decided on: what is stored, plus the changes of the batch under way. When those cannot be
 * committed, the whole state is discarded and loaded again.
 */
export interface State {
  readonly fleet: Fleet;
  readonly index: RolloutIndex;
  readonly driver: RolloutDriver;
  readonly judge: SoakJudge;
  readonly numbers: Numbers;
  readonly changes: Changes;
  readonly listening: Listening;
}

/** A store and the state that was loaded from it. */
export interface Attached {
  readonly store: Store;
  readonly state: State;
}

export function loadState(snapshot: Snapshot, listeningSinceMs: number): State {
  const numbers = new Numbers(snapshot.numbers);
  const changes = new Changes(numbers, snapshot.logHead);
  const listening: Listening = { sinceMs: listeningSinceMs };
  const fleet = Fleet.load(snapshot, listeningSinceMs);
  const index = RolloutIndex.load(snapshot);
  const driver = new RolloutDriver(fleet, index, numbers, changes, listening);
  const judge = new SoakJudge(fleet, index, driver);
  return { fleet, index, driver, judge, numbers, changes, listening };
}
