import { NexusError } from '../domain/errors.ts';
import { EVENT_DATA, type LogEvent, type LogHead, NO_ENTRY, parseEventKind } from '../domain/event-log.ts';
import type { EventReads } from '../domain/store.ts';
import type { Connection } from './connection.ts';

interface EventRow {
  id: number;
  at_ms: number;
  kind: string;
  host: string | null;
  rollout_id: string | null;
  data: string;
  hash: Uint8Array | null;
}

function readRow(row: EventRow): LogEvent {
  return {
    id: row.id,
    atMs: row.at_ms,
    kind: parseEventKind(row.id, row.kind),
    host: row.host,
    rolloutId: row.rollout_id,
    data: EVENT_DATA.parse(row.data),
  };
}

function readOrNull(row: EventRow): LogEvent | null {
  try {
    return readRow(row);
  } catch (error) {
    if (error instanceof NexusError) return null;
    throw error;
  }
}

function hexOf(hash: Uint8Array | null): string | null {
  return hash === null ? null : Buffer.from(hash).toString('hex');
}

export interface EventTable extends EventReads {
  append(entry: LogEvent, hash: string): void;
  /** The last entry; {@link NO_ENTRY} before the first. */
  head(): LogHead;
  /** Every entry in the order of ids, null where it cannot be read, with its hash, null in those of before. */
  chain(): Iterable<{ readonly id: number; readonly entry: LogEvent | null; readonly hash: string | null }>;
  /** The digest of the event that was applied under that number. */
  appliedDigest(rolloutId: string, host: string, seq: number): string | null;
}

export function createEventTable(connection: Connection): EventTable {
  const insert = connection.prepare<never>(
    'INSERT INTO events (id, at_ms, kind, host, rollout_id, data, hash) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const selectPage = connection.prepare<EventRow>('SELECT * FROM events WHERE id > ? ORDER BY id LIMIT ?');
  const selectPageOfHost = connection.prepare<EventRow>(
    'SELECT * FROM events WHERE host = ? AND id > ? ORDER BY id LIMIT ?',
  );
  const selectPageOfRollout = connection.prepare<EventRow>(
    'SELECT * FROM events WHERE rollout_id = ? AND id > ? ORDER BY id LIMIT ?',
  );
  const selectAll = connection.prepare<EventRow>('SELECT * FROM events ORDER BY id');
  const selectLast = connection.prepare<Pick<EventRow, 'id' | 'hash'>>(
    'SELECT id, hash FROM events ORDER BY id DESC LIMIT 1',
  );
  const selectOfRollout = connection.prepare<EventRow>('SELECT * FROM events WHERE rollout_id = ? ORDER BY id');
  // Written exactly like the index `events_applied`, or SQLite would not use it.
  const selectDigest = connection.prepare<{ digest: string }>(
    `SELECT data ->> '$.numbered.bodyDigest' AS digest FROM events
     WHERE kind = 'host_reported' AND rollout_id = ? AND host = ? AND data ->> '$.numbered.seq' = ?`,
  );
  const page: EventReads['page'] = (after, limit, { host, rolloutId }) => {
    if (rolloutId !== null && rolloutId !== undefined)
      return selectPageOfRollout.all(rolloutId, after, limit).map(readRow);
    if (host !== null && host !== undefined) return selectPageOfHost.all(host, after, limit).map(readRow);
    return selectPage.all(after, limit).map(readRow);
  };
  function* read(rows: Iterable<EventRow>): Generator<LogEvent> {
    for (const row of rows) yield readRow(row);
  }
  return {
    append: ({ id, atMs, kind, host, rolloutId, data }, hash) =>
      void insert.run(id, atMs, kind, host, rolloutId, EVENT_DATA.encode(data), Buffer.from(hash, 'hex')),
    head() {
      const last = selectLast.get();
      return last === undefined ? NO_ENTRY : { id: last.id, hash: hexOf(last.hash) ?? NO_ENTRY.hash };
    },
    *chain() {
      for (const row of selectAll.iterate()) yield { id: row.id, entry: readOrNull(row), hash: hexOf(row.hash) };
    },
    appliedDigest: (rolloutId, host, seq) => selectDigest.get(rolloutId, host, seq)?.digest ?? null,
    page,
    ofRollout: (rolloutId) => read(selectOfRollout.iterate(rolloutId)),
  };
}
