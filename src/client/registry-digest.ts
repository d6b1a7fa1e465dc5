/** Asks an image registry what a tag stands for (OCI distribution specification, `HEAD /v2/<name>/manifests/<tag>`). */
import { isIP } from 'node:net';
import { request } from 'undici';
import { messageOf, NexusError } from '../domain/errors.ts';
import { quote } from '../domain/words.ts';

const DOCKER_HUB = 'registry-1.docker.io';
const DOCKER_HUB_ACCOUNT = 'https://index.docker.io/v1/';
/** An index before a manifest: its digest means the same image on every kind of machine. */
const ACCEPTED = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');
const LIMIT_MS = 30_000;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

interface ImageName {
  /** With its port, where it has one. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
}

/** By registry, as in the file of the Docker CLI: `user:password` in base64. */
export type RegistryAccounts = Readonly<Record<string, string>>;

/** The first part is a registry when it could not be a folder of Docker Hub. */
export function parseImageName(reference: string): ImageName {
  const slash = reference.indexOf('/');
  const first = slash < 0 ? '' : reference.slice(0, slash);
  const hasRegistry = first.includes('.') || first.includes(':') || first === 'localhost';
  const rest = hasRegistry ? reference.slice(slash + 1) : reference;
  const colon = rest.lastIndexOf(':');
  const [name, tag] = colon < 0 ? [rest, 'latest'] : [rest.slice(0, colon), rest.slice(colon + 1)];
  const isHub = !hasRegistry || first === 'docker.io' || first === 'index.docker.io';
  if (!isHub) return { registry: first, repository: name, tag };
  return { registry: DOCKER_HUB, repository: name.includes('/') ? name : `library/${name}`, tag };
}

/** The digest that a tag stands for now. Throws `invalid` with what the registry says when it does not tell. */
export async function fetchDigest(reference: string, accounts: RegistryAccounts): Promise<string> {
  const name = parseImageName(reference);
  const account = accounts[name.registry === DOCKER_HUB ? DOCKER_HUB_ACCOUNT : name.registry];
  const refuse = (why: string, cause?: unknown): NexusError =>
    new NexusError('invalid', `--pin: the image ${quote(reference)} cannot be pinned: ${why}`, { cause });
  let answer: ManifestAnswer;
  try {
    answer = await askManifest(name, account);
  } catch (cause) {
    throw refuse(`its registry cannot be asked: ${messageOf(cause)}`, cause);
  }
  if (answer.status === 401 || answer.status === 403) {
    throw refuse(`its registry answers ${answer.status}; 'docker login' notes the credentials that are used here`);
  }
  if (answer.status === 404) throw refuse('its registry does not have that tag');
  if (answer.status !== 200 || answer.digest === null) throw refuse(`its registry answers ${answer.status}`);
  return answer.digest;
}

interface ManifestAnswer {
  readonly status: number;
  readonly digest: string | null;
  readonly challenge: string | null;
}

async function askManifest(name: ImageName, account: string | undefined): Promise<ManifestAnswer> {
  const first = await askAnyScheme(name, account === undefined ? null : `Basic ${account}`);
  const challenge = first.answer.challenge === null ? null : parseChallenge(first.answer.challenge);
  if (first.answer.status !== 401 || challenge === null) return first.answer;
  const token = await fetchToken(challenge, name, account);
  return token === null ? first.answer : head(first.origin, name, `Bearer ${token}`);
}

/** Over TLS, or in plain HTTP where a registry of a private network speaks nothing else. */
async function askAnyScheme(
  name: ImageName,
  authorization: string | null,
): Promise<{ readonly origin: string; readonly answer: ManifestAnswer }> {
  const secure = `https://${name.registry}`;
  try {
    return { origin: secure, answer: await head(secure, name, authorization) };
  } catch (error) {
    if (!isPrivate(name.registry)) throw error;
    const plain = `http://${name.registry}`;
    return { origin: plain, answer: await head(plain, name, authorization) };
  }
}

async function head(origin: string, name: ImageName, authorization: string | null): Promise<ManifestAnswer> {
  const { statusCode, headers, body } = await request(`${origin}/v2/${name.repository}/manifests/${name.tag}`, {
    method: 'HEAD',
    headers: { accept: ACCEPTED, ...(authorization === null ? {} : { authorization }) },
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  await body.dump();
  const [digest, challenge] = [headers['docker-content-digest'], headers['www-authenticate']];
  return {
    status: statusCode,
    digest: typeof digest === 'string' && DIGEST.test(digest) ? digest : null,
    challenge: typeof challenge === 'string' ? challenge : null,
  };
}

interface TokenChallenge {
  readonly realm: string;
  readonly service: string | null;
}

/** RFC 6750 and the distribution specification: `Bearer realm="…",service="…"`; null for another scheme. */
export function parseChallenge(header: string): TokenChallenge | null {
  if (!/^bearer /i.test(header)) return null;
  const field = (name: string): string | null => new RegExp(`\\b${name}="([^"]*)"`, 'i').exec(header)?.[1] ?? null;
  const realm = field('realm');
  return realm === null ? null : { realm, service: field('service') };
}

async function fetchToken(
  { realm, service }: TokenChallenge,
  { repository }: ImageName,
  account: string | undefined,
): Promise<string | null> {
  const url = new URL(realm);
  // A password goes to nobody who could be listening.
  if (url.protocol !== 'https:' && !isPrivate(url.host)) return null;
  if (service !== null) url.searchParams.set('service', service);
  url.searchParams.set('scope', `repository:${repository}:pull`);
  const headers = account === undefined ? {} : { authorization: `Basic ${account}` };
  const { statusCode, body } = await request(url, { headers, signal: AbortSignal.timeout(LIMIT_MS) });
  const answer: unknown = statusCode === 200 ? await body.json() : await body.dump();
  const { token, access_token: accessToken } = Object(answer) as { token?: unknown; access_token?: unknown };
  const found = token ?? accessToken;
  return typeof found === 'string' ? found : null;
}

/** As Docker does for this machine, and for addresses that lead nowhere outside of one's own network (RFC 1918). */
export function isPrivate(host: string): boolean {
  const name = host.replace(/:\d+$/, '');
  if (name === 'localhost') return true;
  return isIP(name) === 4 && /^(?:127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)/.test(name);
}
