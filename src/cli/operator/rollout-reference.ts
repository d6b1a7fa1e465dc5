import type { NexusClient } from '../../client/nexus-client.ts';
import { NexusError } from '../../domain/errors.ts';
import { releaseOf } from '../../explain/snapshot.ts';
import type { RolloutSummaryBody } from '../../wire/rollout.ts';

/** Names the newest rollout. */
export const LATEST = 'latest';

/** Rollouts that an ambiguous beginning lists. */
const MAX_CHOICES = 5;

/** The one rollout that `wanted` names, by its id or the beginning of it. Throws `usage` or `not_found`. */
export function chooseRollout(rollouts: readonly RolloutSummaryBody[], wanted: string): RolloutSummaryBody {
  const whole = rollouts.find((rollout) => rollout.id === wanted);
  if (whole !== undefined) return whole;
  const found = rollouts.filter((rollout) => rollout.id.startsWith(wanted));
  const [first, second] = found;
  if (first === undefined) {
    throw new NexusError('not_found', `there is no rollout '${wanted}': 'nexus rollout list' lists those there are.`);
  }
  if (second === undefined) return first;
  const choices = found.slice(0, MAX_CHOICES).map((one) => `${one.id} of ${releaseOf(one)}`);
  const more = found.length > choices.length ? `, and ${found.length - choices.length} more` : '';
  throw new NexusError(
    'usage',
    `the ids of ${found.length} rollouts begin with '${wanted}' (${choices.join(', ')}${more}): write more of the id.`,
  );
}

/** The id of {@link chooseRollout}, or of the newest rollout for {@link LATEST}. */
export async function findRolloutId(client: NexusClient, wanted: string): Promise<string> {
  if (wanted === LATEST) {
    const newest = await client.newestRollout();
    if (newest !== null) return newest.id;
    throw new NexusError(
      'not_found',
      "there is no rollout yet: start one with 'nexus rollout create RELEASE --selector KEY=VALUE'.",
    );
  }
  const { rollouts } = await client.listRollouts();
  return chooseRollout(rollouts, wanted).id;
}
