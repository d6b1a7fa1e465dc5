import type { CommandOf, Outcomes } from '../../domain/command.ts';
import { NexusError } from '../../domain/errors.ts';
import type { NewLogEvent } from '../../domain/event-log.ts';
import type { Store, StoredToken } from '../../domain/store.ts';
import type { MintedToken, Token, TokenKind } from '../../domain/token.ts';
import { digestOf, mintPlaintext, mintTokenId } from '../../trust/token-secret.ts';
import type { Fleet } from '../state/fleet.ts';
import { findHost } from './find-host.ts';

interface NewToken {
  readonly kind: TokenKind;
  readonly hostId: number | null;
  readonly name: string;
  readonly expiresAtMs: number | null;
}

/** A token as it may be shown: without its digest. */
export function describeToken(stored: StoredToken): Token {
  const { digest: _digest, number: _number, ...token } = stored;
  return token;
}

/** Makes and stores a token; the plaintext exists in the answer only. */
function mintToken(store: Store, fleet: Fleet, request: NewToken, nowMs: number): MintedToken {
  const plaintext = mintPlaintext(request.kind);
  const token = {
    ...request,
    id: mintTokenId(),
    digest: digestOf(plaintext),
    createdAtMs: nowMs,
    lastUsedAtMs: null,
    revokedAtMs: null,
  };
  const stored: StoredToken = { ...token, number: store.tokens.insert(token) };
  fleet.putToken(stored);
  return { token: describeToken(stored), plaintext };
}

/** Revokes in the store and in memory at once: the next request with it is refused. */
export function revoke(store: Store, fleet: Fleet, token: StoredToken, nowMs: number): StoredToken {
  const revoked = { ...token, revokedAtMs: nowMs };
  store.tokens.save(revoked);
  fleet.putToken(revoked);
  return revoked;
}

function logToken(store: Store, fleet: Fleet, kind: NewLogEvent['kind'], token: Token, nowMs: number, more = {}): void {
  const host = token.hostId === null ? null : fleet.hostByNumber(token.hostId).stored.name;
  store.events.append({
    atMs: nowMs,
    kind,
    host,
    rolloutId: null,
    data: { token_id: token.id, name: token.name, kind: token.kind, ...more },
  });
}

/** Mints a token and writes down that there is one more. */
export function issueToken(store: Store, fleet: Fleet, request: NewToken, nowMs: number): MintedToken {
  const minted = mintToken(store, fleet, request, nowMs);
  logToken(store, fleet, 'token_created', minted.token, nowMs);
  return minted;
}

export function createAgentToken(
  store: Store,
  fleet: Fleet,
  command: CommandOf<'create_agent_token'>,
): Outcomes['create_agent_token'] {
  const host = findHost(fleet, command.host);
  if (host.stored.status === 'archived') {
    throw new NexusError('conflict', `host '${command.host}' is archived for good and cannot get a token`);
  }
  const { expiresAtMs } = command;
  const name = command.name ?? 'agent';
  return issueToken(store, fleet, { kind: 'agent', hostId: host.stored.id, name, expiresAtMs }, command.nowMs);
}

export function createAdminToken(
  store: Store,
  fleet: Fleet,
  command: CommandOf<'create_admin_token'>,
): Outcomes['create_admin_token'] {
  const { expiresAtMs } = command;
  const name = command.name ?? 'admin';
  return issueToken(store, fleet, { kind: 'admin', hostId: null, name, expiresAtMs }, command.nowMs);
}

function findToken(fleet: Fleet, id: string): StoredToken {
  const token = fleet.tokenById(id);
  if (token === undefined) {
    throw new NexusError(
      'not_found',
      `there is no token '${id}': 'nexus token list --host NAME' lists those of a host`,
    );
  }
  return token;
}

export function rotateToken(store: Store, fleet: Fleet, command: CommandOf<'rotate_token'>): Outcomes['rotate_token'] {
  const old = findToken(fleet, command.id);
  if (old.revokedAtMs !== null) {
    throw new NexusError('conflict', `token '${command.id}' is already revoked: create a new one instead`);
  }
  revoke(store, fleet, old, command.nowMs);
  const { kind, hostId, name } = old;
  // A token of 90 days is followed by another of 90 days, not by one that ends with the old one.
  const expiresAtMs = old.expiresAtMs === null ? null : command.nowMs + (old.expiresAtMs - old.createdAtMs);
  const minted = mintToken(store, fleet, { kind, hostId, name, expiresAtMs }, command.nowMs);
  logToken(store, fleet, 'token_rotated', minted.token, command.nowMs, { replaces: old.id });
  return minted;
}

/** Revoking twice is harmless and logged once. */
export function revokeToken(store: Store, fleet: Fleet, command: CommandOf<'revoke_token'>): Outcomes['revoke_token'] {
  const token = findToken(fleet, command.id);
  if (token.revokedAtMs !== null) return describeToken(token);
  const revoked = revoke(store, fleet, token, command.nowMs);
  logToken(store, fleet, 'token_revoked', revoked, command.nowMs);
  return describeToken(revoked);
}
