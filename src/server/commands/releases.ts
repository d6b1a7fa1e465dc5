import type { CommandOf, Outcomes } from '../../domain/command.ts';
import { NexusError } from '../../domain/errors.ts';
import type { Release } from '../../domain/release.ts';
import { plural, quote, releaseName } from '../../domain/words.ts';
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

/**
 * Removes a release that runs nowhere and that no rollout needs; its stack and version are free again. Its rollouts and a
 * quarantine stay. Throws `not_found`, and `conflict` with what needs it.
 */
export function removeRelease(
  { index, fleet, changes }: State,
  command: CommandOf<'remove_release'>,
): Outcomes['remove_release'] {
  const release = findRelease(index, command.release);
  const { digest, stack, version } = release;
  const name = releaseName(release);
  const running = [...index.deployments()]
    .filter((deployment) => deployment.release === digest)
    .map(({ host }) => host)
    .filter((host) => fleet.hostByName(host)?.stored.status !== 'archived');
  const [host, ...others] = running;
  if (host !== undefined) {
    const more = others.length === 0 ? '' : ` and ${plural(others.length, 'other host')}`;
    const message = `${name} runs on ${quote(host)}${more}: roll another release out there first`;
    throw new NexusError('conflict', message, { details: { hosts: running.slice(0, 100) } });
  }
  for (const rollout of index.rollouts()) {
    const { plan } = rollout;
    const isNeeded =
      plan.release === digest || [...rollout.hosts.values()].some((one) => one.previousRelease === digest);
    if (!isNeeded) continue;
    const message = `rollout ${plan.id} may still bring ${name} to a host: abort it, or wait for its end`;
    throw new NexusError('conflict', message, { details: { rollout_id: plan.id } });
  }
  index.dropRelease(release);
  changes.write({ kind: 'delete_release', digest });
  const data = { release: digest, stack, version };
  changes.log({ atMs: command.nowMs, kind: 'release_removed', host: null, rolloutId: null, data });
  return { release };
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
