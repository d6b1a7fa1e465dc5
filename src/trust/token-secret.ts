/**
 * Bearer tokens: `nxa_` (agent) or `nxo_` (operator) + 30 random base-62 characters (178 bits) + 6 that check them.
 * The prefix and the checksum let secret scanners find a leaked token without false alarms, and let the server turn
 * away garbage without a look-up.
 */
import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { invariant } from '../domain/errors.ts';
import type { TokenKind } from '../domain/token.ts';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const RANDOM_LENGTH = 30;
const CHECK_LENGTH = 6;
const ID_LENGTH = 16;
const PREFIX: Record<TokenKind, string> = { agent: 'nxa_', admin: 'nxo_' };
const FORM = /^nx[ao]_[0-9A-Za-z]{36}$/;

/** `length` characters, each of the 62 equally likely. */
function drawText(length: number, bytes: Iterator<number>): string {
  let text = '';
  while (text.length < length) {
    const { value: byte, done } = bytes.next();
    invariant(done !== true, 'the random bytes suffice for a token');
    // 248 is the largest multiple of 62 below 256: larger bytes would favour the first characters.
    if (byte < 248) text += ALPHABET[byte % 62];
  }
  return text;
}

function checksum(text: string): string {
  let rest = crc32(text);
  let digits = '';
  for (let index = 0; index < CHECK_LENGTH; index += 1) {
    digits = `${ALPHABET[rest % 62]}${digits}`;
    rest = Math.floor(rest / 62);
  }
  return digits;
}

/** A token and its public id. `entropy`: `TOKEN_ENTROPY_BYTES` unpredictable bytes. */
export function mintToken(kind: TokenKind, entropy: Uint8Array): { readonly id: string; readonly plaintext: string } {
  const bytes = entropy.values();
  const body = `${PREFIX[kind]}${drawText(RANDOM_LENGTH, bytes)}`;
  return { id: `tok_${drawText(ID_LENGTH, bytes)}`, plaintext: `${body}${checksum(body)}` };
}

/** Whether a text has the form and the checksum of a token; says nothing of whether it is one. */
export function looksLikeToken(text: string): boolean {
  if (!FORM.test(text)) return false;
  const body = text.slice(0, -CHECK_LENGTH);
  return checksum(body) === text.slice(-CHECK_LENGTH);
}

/**
 * SHA-256 as 64 hex digits. A plain digest is enough for 178 random bits, and a look-up by digest leaks nothing of the
 * token through time: an attacker cannot choose digests.
 */
export function digestOf(plaintext: string): string {
  return hash('sha256', plaintext, 'hex');
}
