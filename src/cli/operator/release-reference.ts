import type { NexusClient } from '../../client/nexus-client.ts';
import { NexusError } from '../../domain/errors.ts';
import { releaseName } from '../../domain/words.ts';
import type { ReleaseBody } from '../../wire/release.ts';

const MIN_DIGITS = 6;
const WHOLE_DIGEST = /^sha256:[0-9a-f]{64}$/;
const FORMS = `its digest, at least ${MIN_DIGITS} of its first digits, or STACK@VERSION`;

type Match = (release: ReleaseBody) => boolean;

function matchOf(wanted: string): Match {
  const digits = /^(?:sha256:)?([0-9a-f]{1,64})$/.exec(wanted.toLowerCase())?.[1];
  if (digits !== undefined) {
    if (digits.length >= MIN_DIGITS) return (release) => release.digest.startsWith(`sha256:${digits}`);
    throw new NexusError('usage', `'${wanted}' is too short to name a release: write ${FORMS}.`);
  }
  const at = wanted.indexOf('@');
  if (at < 1 || at === wanted.length - 1) {
    throw new NexusError('usage', `'${wanted}' does not name a release: write ${FORMS}.`);
  }
  const [stack, version] = [wanted.slice(0, at), wanted.slice(at + 1)];
  return (release) => release.stack === stack && release.version === version;
}

/** The one release that `wanted` names. Throws `usage` where it could be several, `not_found` where there is none. */
export function chooseRelease(releases: readonly ReleaseBody[], wanted: string): ReleaseBody {
  const found = releases.filter(matchOf(wanted));
  const [first, second] = found;
  if (first === undefined) {
    throw new NexusError('not_found', `there is no release '${wanted}': 'nexus release list' lists those there are.`);
  }
  if (second === undefined) return first;
  const choices = found.map((one) => `${releaseName(one)} of ${one.created_at}`).join(', ');
  throw new NexusError('usage', `'${wanted}' names ${found.length} releases (${choices}): name one by its digest.`);
}

/** As {@link chooseRelease}, among all that the server knows. */
export async function findRelease(client: NexusClient, wanted: string): Promise<ReleaseBody> {
  // Wrong usage is reported without asking the server.
  matchOf(wanted);
  const { releases } = await client.listReleases();
  return chooseRelease(releases, wanted);
}

/** The digest of {@link findRelease}; a whole digest is taken as it is, and the server says whether it knows it. */
export async function findDigest(client: NexusClient, wanted: string): Promise<string> {
  return WHOLE_DIGEST.test(wanted) ? wanted : (await findRelease(client, wanted)).digest;
}
