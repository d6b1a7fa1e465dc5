/** Seconds that a token may be valid. */
export const TOKEN_LIFETIME_SECONDS = { min: 60, max: 3650 * 86_400 } as const;

export type TokenKind = 'agent' | 'admin';

/**
 * What an admin token may do, each with all that those before it may: read the metrics of the server; read everything;
 * deploy, that is add releases, steer rollouts and label hosts; everything.
 */
export const ADMIN_SCOPES = ['metrics', 'read', 'deploy', 'admin'] as const;
export type AdminScope = (typeof ADMIN_SCOPES)[number];

export function includesScope(granted: AdminScope, needed: AdminScope): boolean {
  return ADMIN_SCOPES.indexOf(granted) >= ADMIN_SCOPES.indexOf(needed);
}

/** Random bytes for one token and its id: twice as many as those need on average. */
export const TOKEN_ENTROPY_BYTES = 96;

/** A bearer credential. Its plaintext is never kept. */
export interface Token {
  /** Public id, e.g. `tok_4fT…`; safe to show and to log. */
  readonly id: string;
  readonly kind: TokenKind;
  /** Null for an admin token. */
  readonly hostId: number | null;
  /** Null for the token of an agent. */
  readonly scope: AdminScope | null;
  readonly name: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  readonly lastUsedAtMs: number | null;
  readonly revokedAtMs: number | null;
}

/** A new token, at the only moment when its plaintext is known. */
export interface MintedToken {
  readonly token: Token;
  readonly plaintext: string;
}

export type AgentIdentity = { readonly kind: 'agent'; readonly tokenId: string; readonly hostId: number };
export type AdminIdentity = { readonly kind: 'admin'; readonly tokenId: string; readonly scope: AdminScope };
export type Identity = AgentIdentity | AdminIdentity;
