import type { CommandOf, Outcomes } from '../../domain/command.ts';
import { NexusError } from '../../domain/errors.ts';
import type { NewLogEvent } from '../../domain/event-log.ts';
import type { StoredToken } from '../../domain/records.ts';
import type { AdminScope, MintedToken, Token, TokenKind } from '../../domain/token.ts';
import { digestOf, mintToken } from '../../trust/token-secret.ts';
import type { Changes } from '../state/changes.ts';
import type { Fleet } from '../state/fleet.ts';
import type { State } from '../state/state.ts';
import { findHost } from './find-host.ts';

interface NewToken {
  readonly kind: TokenKind;
  readonly hostId: number | null;
  readonly scope: AdminScope | null;
  readonly name: string;
  readonly expiresAtMs: number | null;
  readonly entropy: Uint8Array;
}

/** The token without its digest, as it may be shown. */
export function describeToken(stored: StoredToken): Token {
  const { digest: _digest, number: _number, ...token } = stored;
  return token;
}

/** Adds a token. Its plaintext exists only in the answer. */
function addToken(state: State, request: NewToken, nowMs: number): MintedToken {
  const { entropy, ...fields } = request;
  const { id, plaintext } = mintToken(request.kind, entropy);
  const token: StoredToken = {
    ...fields,
    number: state.numbers.next('token'),
    id,
    digest: digestOf(plaintext),
    createdAtMs: nowMs,
    lastUsedAtMs: null,
    revokedAtMs: null,
  };
  state.fleet.putToken(token);
  state.changes.write({ kind: 'insert_token', token });
  return { token: describeToken(token), plaintext };
}

/** Revokes a token: the next request with it is refused. */
export function revoke({ fleet, changes }: State, token: StoredToken, nowMs: number): StoredToken {
  const revoked = { ...token, revokedAtMs: nowMs };
  fleet.putToken(revoked);
  saveToken(changes, revoked);
  return revoked;
}

/** Stores the fields of a token that can change. */
export function saveToken(changes: Changes, { number, lastUsedAtMs, revokedAtMs }: Readonly<StoredToken>): void {
  changes.write({ kind: 'save_token', number, lastUsedAtMs, revokedAtMs });
}

function logToken(state: State, kind: NewLogEvent['kind'], token: Token, nowMs: number, more = {}): void {
  const host = token.hostId === null ? null : state.fleet.hostByNumber(token.hostId).stored.name;
  state.changes.log({
    atMs: nowMs,
    kind,
    host,
    rolloutId: null,
    data: {
      token_id: token.id,
      name: token.name,
      kind: token.kind,
      ...(token.scope === null ? {} : { scope: token.scope }),
      ...more,
    },
  });
}

/** Adds a token and logs it. */
export function issueToken(state: State, request: NewToken, nowMs: number): MintedToken {
  const minted = addToken(state, request, nowMs);
  logToken(state, 'token_created', minted.token, nowMs);
  return minted;
}

export function createAgentToken(
  state: State,
  command: CommandOf<'create_agent_token'>,
): Outcomes['create_agent_token'] {
  const host = findHost(state.fleet, command.host);
  if (host.stored.status === 'archived') {
    throw new NexusError('conflict', `host '${command.host}' is archived for good and cannot get a token`);
  }
  const { expiresAtMs, entropy } = command;
  const name = command.name ?? 'agent';
  return issueToken(
    state,
    { kind: 'agent', hostId: host.stored.id, scope: null, name, expiresAtMs, entropy },
    command.nowMs,
  );
}

export function createAdminToken(
  state: State,
  command: CommandOf<'create_admin_token'>,
): Outcomes['create_admin_token'] {
  const { scope, expiresAtMs, entropy } = command;
  const name = command.name ?? 'admin';
  return issueToken(state, { kind: 'admin', hostId: null, scope, name, expiresAtMs, entropy }, command.nowMs);
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

export function rotateToken(state: State, command: CommandOf<'rotate_token'>): Outcomes['rotate_token'] {
  const old = findToken(state.fleet, command.id);
  if (old.revokedAtMs !== null) {
    throw new NexusError('conflict', `token '${command.id}' is already revoked: create a new one instead`);
  }
  revoke(state, old, command.nowMs);
  const { kind, hostId, scope, name } = old;
  // The new token lives as long as the old one was meant to: 90 days again, not the rest of its 90 days.
  const expiresAtMs = old.expiresAtMs === null ? null : command.nowMs + (old.expiresAtMs - old.createdAtMs);
  const { entropy } = command;
  const minted = addToken(state, { kind, hostId, scope, name, expiresAtMs, entropy }, command.nowMs);
  logToken(state, 'token_rotated', minted.token, command.nowMs, { replaces: old.id });
  return minted;
}

/** Revoking a token again changes nothing and is not logged. */
export function revokeToken(state: State, command: CommandOf<'revoke_token'>): Outcomes['revoke_token'] {
  const token = findToken(state.fleet, command.id);
  if (token.revokedAtMs !== null) return describeToken(token);
  const revoked = revoke(state, token, command.nowMs);
  logToken(state, 'token_revoked', revoked, command.nowMs);
  return describeToken(revoked);
}
