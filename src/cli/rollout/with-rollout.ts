import type { NexusClient } from '../../client/nexus-client.ts';
import { type OperatorFlags, withClient } from '../operator/operator-command.ts';
import { findRolloutId } from '../operator/rollout-reference.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** Opens a client for `work` on the rollout that `wanted` names. */
export function withRollout<T>(
  flags: OperatorFlags,
  terminal: Terminal,
  wanted: string,
  work: (client: NexusClient, id: string) => Promise<T>,
): Promise<T> {
  return withClient(flags, terminal, async (client) => work(client, await findRolloutId(client, wanted)));
}
