import type { Log } from '../domain/log.ts';
import type { Identities } from '../domain/ports.ts';
import type { Identity } from '../domain/token.ts';

/** RFC 6750: the scheme's case does not matter; the token has no white space in it. */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i;
/** Longer headers are no tokens of ours. */
const MAX_AUTHORIZATION_LENGTH = 512;
const LOG_EVERY_MS = 60_000;
const MAX_ADDRESSES = 10_000;

/** Tells who asks, and notes those who may not without letting them fill the log. */
export class Authenticator {
  readonly #identities: Identities;
  readonly #log: Log;
  readonly #onRejected: () => void;
  /** By address; times by the monotonic clock. */
  readonly #rejections = new Map<string, { loggedAtMs: number; unlogged: number }>();

  constructor(identities: Identities, log: Log, onRejected: () => void) {
    this.#identities = identities;
    this.#log = log;
    this.#onRejected = onRejected;
  }

  /** Throws `store_unavailable` while nobody can be identified. */
  identify(authorization: string | undefined, nowMs: number): Identity | undefined {
    if (authorization === undefined || authorization.length > MAX_AUTHORIZATION_LENGTH) return undefined;
    const token = BEARER.exec(authorization)?.[1];
    return token === undefined ? undefined : this.#identities.identify(token, nowMs);
  }

  noteUse(tokenId: string, nowMs: number): void {
    this.#identities.noteUse(tokenId, nowMs);
  }

  /** Counts a rejection; logs the first of an address in a minute, with how many there were since the last line. */
  reject(remoteAddress: string, authorization: string | undefined, monotonicMs: number): void {
    this.#onRejected();
    const known = this.#rejections.get(remoteAddress);
    if (known !== undefined && monotonicMs - known.loggedAtMs < LOG_EVERY_MS) {
      known.unlogged += 1;
      return;
    }
    if (this.#rejections.size >= MAX_ADDRESSES) this.#rejections.clear();
    this.#rejections.set(remoteAddress, { loggedAtMs: monotonicMs, unlogged: 0 });
    this.#log.warn(
      {
        remote_address: remoteAddress,
        reason:
          authorization === undefined ? 'no Authorization header' : 'malformed, unknown, expired or revoked token',
        unlogged: known?.unlogged ?? 0,
      },
      'the identity of a client was rejected',
    );
  }
}
