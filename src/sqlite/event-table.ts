import { EVENT_DATA, type LogEvent, parseEventKind } from '../domain/event-log.ts';
import type { EventReads } from '../domain/store.ts';
import type { Connection } from './connection.ts';

interface EventRow {
  id: number;
  at_ms: number;
  kind: string;
  host: string | null;
  rollout_id: string | null;
  data: string;
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

export interface EventTable extends EventReads {
  append(entry: LogEvent): void;
  /** The digest of the body that was applied under that number. */
  appliedDigest(rolloutId: string, host: string, seq: number): string | null;
}

export function createEventTable(connection: Connection): EventTable {
  const insert = connection.prepare<never>(
    'INSERT INTO events (id, at_ms, kind, host, rollout_id, data) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const selectPage = connection.prepare<EventRow>('SELECT * FROM events WHERE id > ? ORDER BY id LIMIT ?');
  const selectPageOfHost = connection.prepare<EventRow>(
    'SELECT * FROM events WHERE host = ? AND id > ? ORDER BY id LIMIT ?',
  );
  const selectPageOfRollout = connection.prepare<EventRow>(
    'SELECT * FROM events WHERE rollout_id = ? AND id > ? ORDER BY id LIMIT ?',
  );
  const selectOfRollout = connection.prepare<EventRow>('SELECT * FROM events WHERE rollout_id = ? ORDER BY id');
  // In the words of the index `events_applied`, so that it is used.
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
    append: ({ id, atMs, kind, host, rolloutId, data }) =>
      void insert.run(id, atMs, kind, host, rolloutId, EVENT_DATA.encode(data)),
    appliedDigest: (rolloutId, host, seq) => selectDigest.get(rolloutId, host, seq)?.digest ?? null,
    page,
    ofRollout: (rolloutId) => read(selectOfRollout.iterate(rolloutId)),
  };
}
