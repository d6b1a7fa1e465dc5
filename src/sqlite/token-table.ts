import type { StoredToken } from '../domain/records.ts';
import type { AdminScope, TokenKind } from '../domain/token.ts';
import type { Connection } from './connection.ts';

interface TokenRow {
  number: number;
  id: string;
  kind: TokenKind;
  host_id: number | null;
  scope: AdminScope | null;
  name: string;
  digest: string;
  created_at_ms: number;
  expires_at_ms: number | null;
  last_used_at_ms: number | null;
  revoked_at_ms: number | null;
}

function readRow(row: TokenRow): StoredToken {
  return {
    number: row.number,
    id: row.id,
    kind: row.kind,
    hostId: row.host_id,
    scope: row.scope,
    name: row.name,
    digest: row.digest,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    lastUsedAtMs: row.last_used_at_ms,
    revokedAtMs: row.revoked_at_ms,
  };
}

export interface TokenTable {
  all(): StoredToken[];
  insert(token: StoredToken): void;
  save(token: Pick<StoredToken, 'number' | 'lastUsedAtMs' | 'revokedAtMs'>): void;
}

export function createTokenTable(connection: Connection): TokenTable {
  const selectAll = connection.prepare<TokenRow>('SELECT * FROM tokens');
  const insert = connection.prepare<never>(
    `INSERT INTO tokens (number, id, kind, host_id, scope, name, digest, created_at_ms, expires_at_ms, last_used_at_ms,
       revoked_at_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const update = connection.prepare<never>('UPDATE tokens SET last_used_at_ms = ?, revoked_at_ms = ? WHERE number = ?');
  return {
    all: () => selectAll.all().map(readRow),
    insert: (token) =>
      void insert.run(
        token.number,
        token.id,
        token.kind,
        token.hostId,
        token.scope,
        token.name,
        token.digest,
        token.createdAtMs,
        token.expiresAtMs,
        token.lastUsedAtMs,
        token.revokedAtMs,
      ),
    save: (token) => void update.run(token.lastUsedAtMs, token.revokedAtMs, token.number),
  };
}
