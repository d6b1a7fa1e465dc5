import { hash, type KeyObject } from 'node:crypto';

/** SHA-256 of a key's SubjectPublicKeyInfo (RFC 5280), base64url: how a key is named in pins. */
export function fingerprintOf(key: KeyObject): string {
  return hash('sha256', key.export({ type: 'spki', format: 'der' }), 'base64url');
}
