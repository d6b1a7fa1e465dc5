/** Which images have to be pulled, and which image each name referred to. */
import * as z from 'zod';
import type { LocalImage } from '../../docker/project-engine.ts';
import type { ServiceImage } from './model.ts';

/** A name and the image that it refers to when the release is brought up. */
export const imagePinsSchema = z.array(z.object({ reference: z.string(), id: z.string() }).readonly()).readonly();
export type ImagePins = z.output<typeof imagePinsSchema>;

export interface SplitReference {
  readonly repository: string;
  readonly tag: string;
}

/** Repository and tag; null for a digest or an id, which always refers to the same image. */
export function splitReference(reference: string): SplitReference | null {
  if (reference.includes('@') || /^(?:sha256:)?[0-9a-f]{64}$/.test(reference)) return null;
  const colon = reference.lastIndexOf(':');
  // A colon before a slash belongs to a registry's port.
  if (colon < 0 || reference.includes('/', colon)) return { repository: reference, tag: 'latest' };
  return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1) };
}

/**
 * Whether an image has to be pulled. As with Compose, one that is present will do unless the policy says `always`. A
 * `latest` that came from a registry is pulled again too; one that was built or imported here is left alone.
 */
export function needsPull(image: ServiceImage, local: LocalImage | null, onlyMissing: boolean): boolean {
  if (image.policy === 'never') return false;
  if (local === null) return !image.isBuilt;
  if (onlyMissing) return false;
  if (image.policy === 'always') return true;
  return (
    image.policy === null &&
    !image.isBuilt &&
    local.repoDigests.length > 0 &&
    splitReference(image.reference)?.tag === 'latest'
  );
}

/** The repository of a reference, without tag and digest, as it was written. */
export function repositoryOf(reference: string): string {
  return splitReference(reference.split('@')[0] ?? reference)?.repository ?? reference;
}

/** The one of an image's digests, as `sha256:…`, under which the registry of `reference` has it; null when it has none. */
export function digestIn(repoDigests: readonly string[], reference: string): string | null {
  const wanted = normalizeRepository(repositoryOf(reference));
  const found = repoDigests.find((one) => normalizeRepository(repositoryOf(one)) === wanted);
  return found?.slice(found.indexOf('@') + 1) ?? null;
}

/** The engine leaves Docker Hub and its folder of official images out of names. */
function normalizeRepository(repository: string): string {
  return repository.replace(/^(?:index\.)?docker\.io\//, '').replace(/^library\//, '');
}
