import type { NexusClient } from '../../client/nexus-client.ts';
import { NexusError } from '../../domain/errors.ts';
import type { RolloutSummaryBody } from '../../wire/rollout.ts';

/** Names the newest one. */
export const LATEST = 'latest';

/** The one rollout that `wanted` names, wholly or by its beginning. Throws `usage` or `not_found`. */
export function chooseRollout(rollouts: readonly RolloutSummaryBody[], wanted: string): RolloutSummaryBody {
  const whole = rollouts.find((rollout) => rollout.id === wanted);
  if (whole !== undefined) return whole;
  const found = rollouts.filter((rollout) => rollout.id.startsWith(wanted));
  const [first, second] = found;
  if (first === undefined) {
    throw new NexusError('not_found', `there is no rollout '${wanted}'. See them: nexus rollout list`);
  }
  if (second === undefined) return first;
  const choices = found.slice(0, 5).map((one) => `${one.id} (${one.stack} ${one.version ?? ''}, ${one.created_at})`);
  const more = found.length > choices.length ? `, and ${found.length - choices.length} more` : '';
  throw new NexusError(
    'usage',
    `'${wanted}' begins ${found.length} rollouts, say which: ${choices.join(', ')}${more}.`,
  );
}

/** The id of {@link chooseRollout}, or of the newest rollout for `latest`. */
export async function findRolloutId(client: NexusClient, wanted: string): Promise<string> {
  if (wanted === LATEST) {
    const newest = await client.newestRollout();
    if (newest !== null) return newest.id;
    throw new NexusError(
      'not_found',
      'there is no rollout yet. Begin one: nexus rollout create RELEASE --selector KEY=VALUE',
    );
  }
  const { rollouts } = await client.listRollouts();
  return chooseRollout(rollouts, wanted).id;
}
