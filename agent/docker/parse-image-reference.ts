/** The parts of an image reference as an operator wrote it. */
export interface ImageReference {
  /** Repository without tag and digest, or the bare id the container was made from. */
  readonly image: string;
  /** The tag; the digest where only that was given; `latest` where neither was, as the engine reads it. */
  readonly imageTag: string;
}

const SHORTEST_ID = 12;

function isImageId(reference: string, imageId: string | null): boolean {
  const hex = reference.replace(/^sha256:/, '');
  if (!/^[0-9a-f]+$/.test(hex)) return false;
  if (reference !== hex) return true;
  return hex.length >= SHORTEST_ID && (imageId?.replace(/^sha256:/, '').startsWith(hex) ?? false);
}

/**
 * Takes `registry:5000/team/app:1.2@sha256:…` apart (the reference grammar of the OCI distribution specification).
 * `imageId` is the id the engine resolved it to, to tell an id from a repository that looks like one.
 */
export function parseImageReference(reference: string, imageId: string | null): ImageReference {
  if (isImageId(reference, imageId)) return { image: reference, imageTag: imageId ?? reference };
  const at = reference.indexOf('@');
  const named = at < 0 ? reference : reference.slice(0, at);
  const digest = at < 0 ? null : reference.slice(at + 1);
  // A colon before the last slash belongs to a registry's port.
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const image = hasTag ? named.slice(0, colon) : named;
  return { image, imageTag: hasTag ? named.slice(colon + 1) : (digest ?? 'latest') };
}
