import type { NexusClient } from '../../client/nexus-client.ts';
import type { ReleasePolicy } from '../../domain/release.ts';
import type { ReleaseNames } from '../../explain/log-entry.ts';
import type { RolloutSnapshot } from '../../explain/snapshot.ts';
import { readPolicy } from '../../wire/release.ts';
import type { RolloutBody } from '../../wire/rollout.ts';
import { loadReleaseNames } from '../operator/release-names.ts';

/** What stays the same while a rollout runs. */
export interface ReleaseContext {
  readonly policy: ReleasePolicy;
  readonly releaseNames: ReleaseNames;
}

/** The policy by which a rollout's hosts are judged, and the names of the releases it may mention. */
export async function loadContext(client: NexusClient, rollout: RolloutBody): Promise<ReleaseContext> {
  const [{ manifest }, releaseNames] = await Promise.all([
    client.getManifest(rollout.release),
    loadReleaseNames(client),
  ]);
  return { policy: readPolicy(manifest), releaseNames };
}

export function snapshotOf(context: ReleaseContext, rollout: RolloutBody, nowMs: number): RolloutSnapshot {
  return { ...context, rollout, nowMs };
}
