import type { NexusClient } from '../../client/nexus-client.ts';
import { releaseName } from '../../domain/words.ts';
import type { ReleaseNames } from '../../explain/log-entry.ts';

/** The names of all releases that the server knows. */
export async function loadReleaseNames(client: NexusClient): Promise<ReleaseNames> {
  const { releases } = await client.listReleases();
  return new Map(releases.map((release) => [release.digest, releaseName(release)]));
}
