import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { TOKEN_ENTROPY_BYTES, type TokenKind } from '../../src/domain/token.ts';
import { digestOf, looksLikeToken, mintToken } from '../../src/trust/token-secret.ts';

const mint = (kind: TokenKind) => mintToken(kind, randomBytes(TOKEN_ENTROPY_BYTES));
const mintPlaintext = (kind: TokenKind): string => mint(kind).plaintext;
const mintTokenId = (): string => mint('agent').id;

/** CRC-32 of everything before them, as six base-62 digits: how a secret scanner may check a finding. */
const WITH_RIGHT_CHECKSUM = 'nxa_0000000000000000000000000000013J7ftZ';

test('an agent token and an admin token are told apart by their prefix', () => {
  assert.match(mintPlaintext('agent'), /^nxa_[0-9A-Za-z]{36}$/);
  assert.match(mintPlaintext('admin'), /^nxo_[0-9A-Za-z]{36}$/);
});

test('a token that was made looks like one', () => {
  for (let times = 0; times < 1000; times += 1) {
    assert.equal(looksLikeToken(mintPlaintext('agent')), true);
    assert.equal(looksLikeToken(mintPlaintext('admin')), true);
  }
});

test('the checksum is one that anybody can compute', () => {
  assert.equal(looksLikeToken(WITH_RIGHT_CHECKSUM), true);
});

test('any one character that differs breaks the checksum', () => {
  const token = mintPlaintext('agent');
  for (let at = 4; at < token.length; at += 1) {
    const other = token[at] === 'x' ? 'y' : 'x';
    assert.equal(looksLikeToken(token.slice(0, at) + other + token.slice(at + 1)), false, `character ${at}`);
  }
});

test('the same random bytes make the same token, and too few make none', () => {
  const entropy = Uint8Array.from({ length: TOKEN_ENTROPY_BYTES }, (_, index) => index);
  assert.deepEqual(mintToken('agent', entropy), {
    id: 'tok_UVWXYZabcdefghij',
    plaintext: 'nxa_0123456789ABCDEFGHIJKLMNOPQRST1FoSks',
  });
  assert.throws(() => mintToken('agent', entropy.subarray(0, 45)), /the random bytes suffice for a token/);
});

test('what has not the form of a token does not look like one', () => {
  const token = mintPlaintext('agent');
  const rows = [
    '',
    'nxa_',
    token.slice(0, -1),
    `${token}0`,
    ` ${token}`,
    `${token}\n`,
    token.toUpperCase(),
    token.replace('nxa_', 'nxb_'),
    token.replace('nxa_', 'nxo_'),
    token.slice(4),
    `nxa_${'-'.repeat(36)}`,
    `nxa_${'0'.repeat(36)}`,
  ];
  for (const text of rows) assert.equal(looksLikeToken(text), false, JSON.stringify(text));
});

test('ten thousand tokens and their ids are all different', () => {
  const tokens = new Set(Array.from({ length: 10_000 }, () => mintPlaintext('agent')));
  const ids = new Set(Array.from({ length: 10_000 }, () => mintTokenId()));
  assert.deepEqual([tokens.size, ids.size], [10_000, 10_000]);
});

test('every one of the 62 characters is as likely as any other', () => {
  const counts = new Map<string, number>();
  for (let times = 0; times < 5_000; times += 1) {
    for (const character of mintPlaintext('agent').slice(4, 34))
      counts.set(character, (counts.get(character) ?? 0) + 1);
  }
  assert.equal(counts.size, 62);
  // 150,000 draws: 2419 of each are to be expected, and 300 are six standard deviations.
  for (const [character, count] of counts) assert(Math.abs(count - 2419) < 300, `${character}: ${count}`);
});

test('an id is recognisable and says nothing of its token', () => {
  assert.match(mintTokenId(), /^tok_[0-9A-Za-z]{16}$/);
});

test('a token is kept as its SHA-256', () => {
  assert.equal(digestOf('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
