import type { NexusClient } from '../../client/nexus-client.ts';
import type { ReleasePolicy } from '../../domain/release.ts';
import type { RolloutMoment } from '../../explain/snapshot.ts';
import { readPolicy } from '../../wire/release.ts';
import type { RolloutBody } from '../../wire/rollout.ts';

/** What stays the same while a rollout goes on. */
export interface RolloutFrame {
  readonly policy: ReleasePolicy;
  readonly releaseNames: ReadonlyMap<string, string>;
}

/** The policy that a rollout's hosts are judged by, and what people call the releases it may mention. */
export async function loadFrame(client: NexusClient, rollout: RolloutBody): Promise<RolloutFrame> {
  const [{ manifest }, { releases }] = await Promise.all([client.getManifest(rollout.release), client.listReleases()]);
  const names = releases.map((release) => [release.digest, `${release.stack} ${release.version}`] as const);
  return { policy: readPolicy(manifest), releaseNames: new Map(names) };
}

export function momentOf(frame: RolloutFrame, rollout: RolloutBody, nowMs: number): RolloutMoment {
  return { ...frame, rollout, nowMs };
}
