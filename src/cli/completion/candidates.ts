/** The completions of names that the server knows. */
import type { NexusClient } from '../../client/nexus-client.ts';
import { plural, shortDigest } from '../../domain/words.ts';
import { releaseOf } from '../../explain/snapshot.ts';
import type { ReleaseBody } from '../../wire/release.ts';
import { LATEST } from '../operator/rollout-reference.ts';

export interface Candidate {
  readonly word: string;
  readonly description: string;
}

export async function hostNames(client: NexusClient): Promise<Candidate[]> {
  const { hosts } = await client.listHosts();
  return hosts
    .filter((host) => host.status !== 'archived')
    .map((host) => ({ word: host.name, description: host.status }));
}

/** STACK@VERSION, unless another release has the same, and the digest. */
function releaseCandidates(release: ReleaseBody, all: readonly ReleaseBody[]): Candidate[] {
  const { stack, version } = release;
  const digest = shortDigest(release.digest);
  const state = release.quarantine === null ? '' : ', quarantined';
  const ambiguous = all.some((other) => other !== release && other.stack === stack && other.version === version);
  const byDigest = { word: digest, description: `${stack} ${version}${state}` };
  return ambiguous ? [byDigest] : [{ word: `${stack}@${version}`, description: `${digest}${state}` }, byDigest];
}

export async function releaseNames(client: NexusClient, onlyQuarantined: boolean): Promise<Candidate[]> {
  const { releases } = await client.listReleases();
  return releases
    .filter((release) => !onlyQuarantined || release.quarantine !== null)
    .flatMap((release) => releaseCandidates(release, releases));
}

export async function stackNames(client: NexusClient): Promise<Candidate[]> {
  const { stacks } = await client.listStacks();
  return stacks.map(({ stack, hosts }) => ({ word: stack, description: plural(hosts, 'host') }));
}

export async function rolloutIds(client: NexusClient): Promise<Candidate[]> {
  const { rollouts } = await client.listRollouts();
  const candidates = rollouts.map((rollout) => ({
    word: rollout.id,
    description: `${releaseOf(rollout)}, ${rollout.state}`,
  }));
  return rollouts.length === 0 ? [] : [{ word: LATEST, description: 'the newest rollout' }, ...candidates];
}
