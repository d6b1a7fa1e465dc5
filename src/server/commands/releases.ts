import type { CommandOf, Outcomes } from '../../domain/command.ts';
import { NexusError } from '../../domain/errors.ts';
import type { Release } from '../../domain/release.ts';
import type { RolloutIndex } from '../state/rollout-index.ts';
import type { State } from '../state/state.ts';

/** A manifest that is already known is the same release: nothing is written. */
export function addRelease(
  { index, numbers, changes }: State,
  command: CommandOf<'add_release'>,
): Outcomes['add_release'] {
  const { release, manifest } = command;
  const known = index.release(release.digest);
  if (known !== undefined) return { release: known, created: false };
  const { digest, stack, version } = release;
  index.addRelease(release);
  changes.write({ kind: 'insert_release', number: numbers.next('release'), release, manifest });
  const data = { release: digest, stack, version };
  changes.log({ atMs: command.nowMs, kind: 'release_added', host: null, rolloutId: null, data });
  return { release, created: true };
}

/** Throws `not_found`. */
export function findRelease(index: RolloutIndex, digest: string): Release {
  const release = index.release(digest);
  if (release === undefined) {
    throw new NexusError('not_found', `there is no release '${digest}': 'nexus release list' lists those there are`);
  }
  return release;
}

export function liftQuarantine(
  { index, driver, changes }: State,
  command: CommandOf<'lift_quarantine'>,
): Outcomes['lift_quarantine'] {
  const { stack, digest } = findRelease(index, command.release);
  const quarantine = index.quarantine(stack, digest);
  if (quarantine === null) return { lifted: 0 };
  index.dropQuarantine(quarantine);
  changes.write({ kind: 'lift_quarantine', id: quarantine.id, atMs: command.nowMs, reason: command.reason });
  driver.touchStack(stack);
  changes.log({
    atMs: command.nowMs,
    kind: 'quarantine_lifted',
    host: null,
    rolloutId: null,
    data: { stack, release: digest, reason: command.reason, rollout_id: quarantine.rolloutId },
  });
  return { lifted: 1 };
}
