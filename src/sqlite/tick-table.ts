import type { ChunkReads, TickReads } from '../domain/history-store.ts';
import type { StoredTick } from '../domain/records.ts';
import type { HostSnapshot } from '../domain/store.ts';
import { mergeTicks } from '../history/merged-ticks.ts';
import { decodeSample } from '../telemetry/sample-codec.ts';
import type { Connection } from './connection.ts';
import { readTickRow, type TickRow } from './tick-row.ts';

/** Ticks that are searched for the latest one with containers. */
const MAX_SEARCHED = 240;

export interface TickTable extends TickReads {
  /** Returns false, and writes nothing, when the host already has a tick of that instant. */
  insert(tick: StoredTick): boolean;
  removeRow(hostId: number, recordedAtMs: number): void;
  /** Whether a tick of that instant is stored, as a row or in a chunk. */
  has(hostId: number, recordedAtMs: number): boolean;
  /** The latest live ticks of a host. */
  latest(hostId: number): Pick<HostSnapshot, 'latest' | 'latestWithContainers'>;
}

export function createTickTable(connection: Connection, chunks: ChunkReads): TickTable {
  const insert = connection.prepare<never>(
    `INSERT INTO ticks (rowid, host_id, recorded_at_ms, received_at_ms, token_number, live, sample)
     VALUES (?, ?, ?, ?, ?, ?, ?)
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
  const selectOldest = connection.prepare<{ recorded_at_ms: number }>(
    'SELECT recorded_at_ms FROM ticks WHERE host_id = ? AND recorded_at_ms < ? ORDER BY recorded_at_ms LIMIT ?',
  );
  const selectOne = connection.prepare<{ one: number }>(
    'SELECT 1 AS one FROM ticks WHERE host_id = ? AND recorded_at_ms = ?',
  );
  const removeRow = connection.prepare<never>('DELETE FROM ticks WHERE host_id = ? AND recorded_at_ms = ?');
  const selectLast = connection.prepare<{ last: number }>(
    `SELECT max(coalesce((SELECT max(rowid) FROM ticks), 0), coalesce((SELECT position FROM forwarding), 0)) AS last`,
  );
  // Forwarding relies on rising numbers; SQLite itself would reuse the number of a deleted newest row.
  let lastNumber = selectLast.get()?.last ?? 0;

  function latest(hostId: number): Pick<HostSnapshot, 'latest' | 'latestWithContainers'> {
    let first: StoredTick | null = null;
    let searched = 0;
    for (const row of selectLive.iterate(hostId)) {
      const tick = readTickRow(row);
      first ??= tick;
      if (decodeSample(tick.sample).containers !== null) return { latest: first, latestWithContainers: tick };
      searched += 1;
      if (searched >= MAX_SEARCHED) break;
    }
    return { latest: first, latestWithContainers: null };
  }

  function* range(hostId: number, fromMs: number, toMs: number): Generator<StoredTick> {
    for (const row of selectRange.iterate(hostId, fromMs, toMs)) yield readTickRow(row);
  }

  const rows = {
    has: (hostId: number, recordedAtMs: number) => selectOne.get(hostId, recordedAtMs) !== undefined,
    newestMs: (hostId: number) => selectNewest.get(hostId)?.newest ?? null,
    range,
  };
  return {
    ...mergeTicks(rows, chunks),
    insert({ hostId, recordedAtMs, receivedAtMs, tokenNumber, live, sample }) {
      lastNumber += 1;
      return insert.run(lastNumber, hostId, recordedAtMs, receivedAtMs, tokenNumber, live ? 1 : 0, sample) === 1;
    },
    latest,
    oldestRows: (hostId, beforeMs, limit) => selectOldest.all(hostId, beforeMs, limit).map((row) => row.recorded_at_ms),
    rowsToCompact: (hostId, fromMs, toMs) => selectRange.all(hostId, fromMs, toMs).map(readTickRow),
    removeRow: (hostId, recordedAtMs) => void removeRow.run(hostId, recordedAtMs),
  };
}
