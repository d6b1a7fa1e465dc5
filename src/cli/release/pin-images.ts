/** Pins the images of a release: what its tags stand for now is what every host gets, for good. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isMap, isScalar, parseDocument } from 'yaml';
import { fetchDigest, type RegistryAccounts } from '../../client/registry-digest.ts';
import { NexusError } from '../../domain/errors.ts';
import { quote } from '../../domain/words.ts';
import type { ReleaseSources } from './sources.ts';

/** The digest of a tag, as `sha256:…`. */
type ResolveDigest = (reference: string) => Promise<string>;

/** Sources whose Compose files name every image by its digest, as the registries say it is now; each is asked once. */
export async function pinSources(
  sources: ReleaseSources,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ReleaseSources> {
  const accounts = await readAccounts(env);
  const asked = new Map<string, Promise<string>>();
  const resolve: ResolveDigest = (reference) => {
    const digest = asked.get(reference) ?? fetchDigest(reference, accounts);
    asked.set(reference, digest);
    return digest;
  };
  const files = { ...sources.files };
  for (const path of sources.overrides) {
    const file = files[path];
    if (typeof file === 'string') files[path] = await pinImages(file, resolve);
    else if (file !== undefined && 'text' in file) files[path] = { ...file, text: await pinImages(file.text, resolve) };
  }
  return { ...sources, compose: await pinImages(sources.compose, resolve), files };
}

/** A Compose file with the digest behind every image that it names by a tag; everything else stays as it is written. */
export async function pinImages(compose: string, resolve: ResolveDigest): Promise<string> {
  const document = parseDocument(compose);
  const services = document.get('services');
  let isChanged = false;
  for (const { value: service } of isMap(services) ? services.items : []) {
    const image = isMap(service) ? service.get('image', true) : undefined;
    if (!isScalar(image) || typeof image.value !== 'string' || image.value.includes('@')) continue;
    if (image.value.includes('$')) {
      const why = 'a variable makes its name, so only the host knows which image it is';
      throw new NexusError('invalid', `--pin: the image ${quote(image.value)} cannot be pinned: ${why}`);
    }
    image.value = `${image.value}@${await resolve(image.value)}`;
    isChanged = true;
  }
  return isChanged ? document.toString({ lineWidth: 0 }) : compose;
}

/** The credentials that 'docker login' has noted in a file; those in a key store of the system are not read. */
async function readAccounts(env: Readonly<Record<string, string | undefined>>): Promise<RegistryAccounts> {
  const folder = env['DOCKER_CONFIG'] ?? join(env['HOME'] ?? homedir(), '.docker');
  try {
    const { auths } = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as { auths?: unknown };
    const accounts = Object.entries(Object(auths) as Record<string, { readonly auth?: unknown } | null>);
    return Object.fromEntries(
      accounts.flatMap(([registry, entry]) => (typeof entry?.auth === 'string' ? [[registry, entry.auth]] : [])),
    );
  } catch {
    // Without the file, or with one that cannot be read, registries are asked as anybody may.
    return {};
  }
}
