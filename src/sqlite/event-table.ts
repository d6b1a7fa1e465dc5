import { EVENT_DATA, type LogEvent, parseEventKind } from '../domain/event-log.ts';
import type { EventTable } from '../domain/store.ts';
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

export function createEventTable(connection: Connection): EventTable {
  const insert = connection.prepare<never>(
    'INSERT INTO events (at_ms, kind, host, rollout_id, data) VALUES (?, ?, ?, ?, ?)',
  );
  const selectPage = connection.prepare<EventRow>('SELECT * FROM events WHERE id > ? ORDER BY id LIMIT ?');
  const selectPageOfHost = connection.prepare<EventRow>(
    'SELECT * FROM events WHERE host = ? AND id > ? ORDER BY id LIMIT ?',
  );
  const selectPageOfRollout = connection.prepare<EventRow>(
    'SELECT * FROM events WHERE rollout_id = ? AND id > ? ORDER BY id LIMIT ?',
  );
  const selectOfRollout = connection.prepare<EventRow>('SELECT * FROM events WHERE rollout_id = ? ORDER BY id');
  // By the index of the host (the plus keeps that of the rollout away): what is asked for is among its last entries.
  const selectOfRolloutHost = connection.prepare<EventRow>(
    'SELECT * FROM events WHERE host = ? AND +rollout_id = ? ORDER BY id DESC',
  );
  const page: EventTable['page'] = (after, limit, { host, rolloutId }) => {
    if (rolloutId !== null && rolloutId !== undefined)
      return selectPageOfRollout.all(rolloutId, after, limit).map(readRow);
    if (host !== null && host !== undefined) return selectPageOfHost.all(host, after, limit).map(readRow);
    return selectPage.all(after, limit).map(readRow);
  };
  function* read(rows: Iterable<EventRow>): Generator<LogEvent> {
    for (const row of rows) yield readRow(row);
  }
  return {
    append: (event) => ({
      ...event,
      id: insert.run(event.atMs, event.kind, event.host, event.rolloutId, EVENT_DATA.encode(event.data)).insertedId,
    }),
    page,
    ofRollout: (rolloutId) => read(selectOfRollout.iterate(rolloutId)),
    ofRolloutHost: (rolloutId, host) => read(selectOfRolloutHost.iterate(host, rolloutId)),
  };
}
