import type { StoredTick, TickTable } from '../domain/store.ts';
import type { Connection } from './connection.ts';

interface TickRow {
  host_id: number;
  recorded_at_ms: number;
  received_at_ms: number;
  token_number: number;
  live: number;
  sample: Uint8Array;
}

function readRow(row: TickRow): StoredTick {
  return {
    hostId: row.host_id,
    recordedAtMs: row.recorded_at_ms,
    receivedAtMs: row.received_at_ms,
    tokenNumber: row.token_number,
    live: row.live === 1,
    sample: row.sample,
  };
}

export function createTickTable(connection: Connection): TickTable {
  const insert = connection.prepare<never>(
    `INSERT INTO ticks (host_id, recorded_at_ms, received_at_ms, token_number, live, sample) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (host_id, recorded_at_ms) DO NOTHING`,
  );
  const selectNewest = connection.prepare<{ newest: number | null }>(
    'SELECT max(recorded_at_ms) AS newest FROM ticks WHERE host_id = ?',
  );
  const selectLive = connection.prepare<TickRow>(
    'SELECT * FROM ticks WHERE host_id = ? AND live = 1 ORDER BY recorded_at_ms DESC',
  );
  const selectRange = connection.prepare<TickRow>(
    'SELECT * FROM ticks WHERE host_id = ? AND recorded_at_ms BETWEEN ? AND ? ORDER BY recorded_at_ms',
  );
  const remove = connection.prepare<never>('DELETE FROM ticks WHERE host_id = ? AND recorded_at_ms < ?');
  function* read(rows: Iterable<TickRow>): Generator<StoredTick> {
    for (const row of rows) yield readRow(row);
  }
  return {
    insert: (tick) =>
      insert.run(tick.hostId, tick.recordedAtMs, tick.receivedAtMs, tick.tokenNumber, tick.live ? 1 : 0, tick.sample)
        .changes === 1,
    newestMs: (hostId) => selectNewest.get(hostId)?.newest ?? null,
    newestLive: (hostId) => read(selectLive.iterate(hostId)),
    range: (hostId, fromMs, toMs) => read(selectRange.iterate(hostId, fromMs, toMs)),
    prune: (hostId, beforeMs) => remove.run(hostId, beforeMs).changes,
  };
}
