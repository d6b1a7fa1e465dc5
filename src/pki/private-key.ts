/** Makes private keys from the runtime's random bytes. */
import { createECDH, createPrivateKey, type KeyObject } from 'node:crypto';
import { NexusError } from '../domain/errors.ts';
import type { Runtime } from '../domain/runtime.ts';

const KEY_BYTES = 32;
/** About one in 2³² random numbers is not a P-256 key, so ten draws in a row mean a broken random source. */
const MAX_DRAWS = 10;

export type RandomSource = Pick<Runtime, 'randomBytes'>;

/** Draws until it has a number from 1 to the order of the group (SEC 1 section 3.2.1). */
export function makeP256Key(random: RandomSource): KeyObject {
  for (let draw = 0; draw < MAX_DRAWS; draw += 1) {
    const key = p256KeyOf(Buffer.from(random.randomBytes(KEY_BYTES)));
    if (key !== null) return key;
  }
  throw new NexusError('internal', 'the random source of this machine gives no P-256 key');
}

/** Null for a number that is out of range. */
function p256KeyOf(secret: Buffer): KeyObject | null {
  const ecdh = createECDH('prime256v1');
  try {
    ecdh.setPrivateKey(secret);
  } catch {
    return null;
  }
  const point = ecdh.getPublicKey();
  const x = point.subarray(1, 1 + KEY_BYTES).toString('base64url');
  const y = point.subarray(1 + KEY_BYTES).toString('base64url');
  const d = secret.toString('base64url');
  return createPrivateKey({ key: { kty: 'EC', crv: 'P-256', x, y, d }, format: 'jwk' });
}

/** PKCS #8 in PEM. */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
