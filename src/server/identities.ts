import type { Identities } from '../domain/ports.ts';
import type { Identity } from '../domain/token.ts';
import { digestOf, looksLikeToken } from '../trust/token-secret.ts';
import type { Writer } from './writer.ts';

/** Identifies the sender of a request by its token. */
export class TokenIdentities implements Identities {
  readonly #writer: Writer;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  identify(plaintext: string, nowMs: number): Identity | undefined {
    const { fleet } = this.#writer.attached().state;
    if (!looksLikeToken(plaintext)) return undefined;
    const token = fleet.tokenByDigest(digestOf(plaintext));
    if (token === undefined || token.revokedAtMs !== null) return undefined;
    if (token.expiresAtMs !== null && token.expiresAtMs <= nowMs) return undefined;
    if (token.hostId === null) return { kind: 'admin', tokenId: token.id, scope: token.scope ?? 'admin' };
    if (fleet.hostByNumber(token.hostId).stored.status === 'archived') return undefined;
    return { kind: 'agent', tokenId: token.id, hostId: token.hostId };
  }

  noteUse(tokenId: string, nowMs: number): void {
    // The request has succeeded: losing the store afterwards must not turn its answer into a failure.
    if (this.#writer.unreadyReason() !== null) return;
    const { fleet } = this.#writer.attached().state;
    const token = fleet.tokenById(tokenId);
    if (token === undefined) return;
    token.lastUsedAtMs = nowMs;
    fleet.usesToKeep.add(token.number);
  }
}
