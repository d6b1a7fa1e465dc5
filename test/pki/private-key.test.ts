import assert from 'node:assert/strict';
import { createPublicKey, sign, verify } from 'node:crypto';
import { test } from 'node:test';
import { makeP256Key, privateKeyPem } from '../../src/pki/private-key.ts';

/** Hands out these draws, one after the other. */
const draws = (...hex: string[]) => ({
  randomBytes: (count: number) => {
    const bytes = Buffer.from(hex.shift() ?? assert.fail('no draw is left'), 'hex');
    assert.equal(bytes.length, count);
    return bytes;
  },
});

const P256_ORDER = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
const P256_GENERATOR_X = '6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296';

test('a P-256 key of 1 has the generator for its public key, and signs', () => {
  const key = makeP256Key(draws(`${'0'.repeat(63)}1`));
  const publicKey = createPublicKey(key);
  assert.equal(publicKey.export({ type: 'spki', format: 'der' }).subarray(27, 59).toString('hex'), P256_GENERATOR_X);
  assert.equal(verify('sha256', Buffer.from('x'), publicKey, sign('sha256', Buffer.from('x'), key)), true);
  assert.match(privateKeyPem(key), /^-----BEGIN PRIVATE KEY-----\n/);
});

test('what is no P-256 key is drawn again, and not for ever', () => {
  const key = makeP256Key(draws('0'.repeat(64), P256_ORDER, 'f'.repeat(64), `${'0'.repeat(63)}1`));
  assert.equal(
    createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(27, 59).toString('hex'),
    P256_GENERATOR_X,
  );
  assert.throws(() => makeP256Key({ randomBytes: (count) => Buffer.alloc(count) }), /gives no P-256 key/);
});
