import type { CommandOf, Outcomes } from '../../domain/command.ts';
import { NexusError } from '../../domain/errors.ts';
import type { Release } from '../../domain/release.ts';
import type { Store } from '../../domain/store.ts';
import type { RolloutIndex } from '../state/rollout-index.ts';
import type { State } from '../state/state.ts';

/** The same manifest again is the same release: nothing is written. */
export function addRelease(
  store: Store,
  index: RolloutIndex,
  command: CommandOf<'add_release'>,
): Outcomes['add_release'] {
  const known = index.release(command.release.digest);
  if (known !== undefined) return { release: known, created: false };
  const { digest, stack, version } = command.release;
  store.releases.insert(command.release, command.manifest);
  index.addRelease(command.release);
  const data = { release: digest, stack, version };
  store.events.append({ atMs: command.nowMs, kind: 'release_added', host: null, rolloutId: null, data });
  return { release: command.release, created: true };
}

/** Throws `not_found`. */
export function findRelease(index: RolloutIndex, digest: string): Release {
  const release = index.release(digest);
  if (release === undefined) {
    throw new NexusError('not_found', `there is no release '${digest}': 'nexus release list' lists those there are`);
  }
  return release;
}

export function liftQuarantine(state: State, command: CommandOf<'lift_quarantine'>): Outcomes['lift_quarantine'] {
  const { store, index, driver } = state;
  const { stack, digest } = findRelease(index, command.release);
  const quarantine = index.quarantine(stack, digest);
  if (quarantine === null) return { lifted: 0 };
  store.quarantines.lift(quarantine.id, command.nowMs, command.reason);
  index.dropQuarantine(quarantine);
  driver.touchStack(stack);
  store.events.append({
    atMs: command.nowMs,
    kind: 'quarantine_lifted',
    host: null,
    rolloutId: null,
    data: { stack, release: digest, reason: command.reason, rollout_id: quarantine.rolloutId },
  });
  return { lifted: 1 };
}
