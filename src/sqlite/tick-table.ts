import type { StoredTick } from '../domain/records.ts';
import type { ChunkTable, HostSnapshot, TickTable } from '../domain/store.ts';
import { decodeTicks, finishNow } from '../history/chunk-codec.ts';
import { ChunkDamaged } from '../history/chunk-damaged.ts';
import { sampleAt } from '../history/tick-block.ts';
import { decodeSample, encodeSample } from '../telemetry/sample-codec.ts';
import type { Connection } from './connection.ts';
import { readTickRow, type TickRow } from './tick-row.ts';

/** How far back the latest tick with containers is looked for. */
const MAX_LATEST = 240;

type Besides = Parameters<TickTable['rows']>[3];

export interface WritableTickTable extends TickTable {
  /** False, and nothing written, when the host already has a tick of that instant. */
  insert(tick: StoredTick): boolean;
  /** Whether a tick of that instant is stored, as a row or in a chunk. */
  has(hostId: number, recordedAtMs: number): boolean;
  /** The live ticks that a host is known by. */
  latest(hostId: number): Pick<HostSnapshot, 'latest' | 'latestWithContainers'>;
}

export function createTickTable(connection: Connection, chunks: ChunkTable): WritableTickTable {
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
  const selectOldest = connection.prepare<{ recorded_at_ms: number }>(
    'SELECT recorded_at_ms FROM ticks WHERE host_id = ? AND recorded_at_ms < ? ORDER BY recorded_at_ms LIMIT ?',
  );
  const selectOne = connection.prepare<{ one: number }>(
    'SELECT 1 AS one FROM ticks WHERE host_id = ? AND recorded_at_ms = ?',
  );
  // SQLite would give the number of the newest row out again, and forwarding goes by these numbers.
  const removeRow = connection.prepare<never>(
    'DELETE FROM ticks WHERE host_id = ? AND recorded_at_ms = ? AND rowid < (SELECT max(rowid) FROM ticks)',
  );
  const selectNewestRow = connection.prepare<{ host_id: number; recorded_at_ms: number }>(
    'SELECT host_id, recorded_at_ms FROM ticks ORDER BY rowid DESC LIMIT 1',
  );

  function latest(hostId: number): Pick<HostSnapshot, 'latest' | 'latestWithContainers'> {
    let first: StoredTick | null = null;
    let looked = 0;
    for (const row of selectLive.iterate(hostId)) {
      const tick = readTickRow(row);
      first ??= tick;
      if (decodeSample(tick.sample).containers !== null) return { latest: first, latestWithContainers: tick };
      looked += 1;
      if (looked >= MAX_LATEST) break;
    }
    return { latest: first, latestWithContainers: null };
  }

  /** A host's latest ticks stay rows even when a chunk holds them. */
  function isInChunk(hostId: number, atMs: number, newestInChunksMs: number | null, besides: Besides): boolean {
    if (newestInChunksMs === null || atMs > newestInChunksMs) return false;
    try {
      return besides === 'values' ? chunks.hasTickValues(hostId, atMs) : chunks.hasTick(hostId, atMs);
    } catch (error) {
      // Whoever reads the chunk reports it; the row is intact.
      if (error instanceof ChunkDamaged) return false;
      throw error;
    }
  }

  function* rows(hostId: number, fromMs: number, toMs: number, besides: Besides): Generator<StoredTick> {
    const newestMs = chunks.newestMs(hostId);
    for (const row of selectRange.iterate(hostId, fromMs, toMs)) {
      if (!isInChunk(hostId, row.recorded_at_ms, newestMs, besides)) yield readTickRow(row);
    }
  }

  function* compacted(hostId: number, fromMs: number, toMs: number): Generator<StoredTick> {
    for (const { startMs, hasValues } of chunks.list(hostId, 'raw', fromMs, toMs)) {
      const chunk = hasValues ? chunks.read(hostId, 'raw', startMs) : undefined;
      if (chunk === undefined || chunk.values === null) continue;
      const block = finishNow(decodeTicks(chunk.times, chunk.values));
      for (const [index, time] of block.times.entries()) {
        if (time < fromMs || time > toMs) continue;
        const sample = encodeSample(sampleAt(block, index));
        yield { hostId, recordedAtMs: time, receivedAtMs: time, tokenNumber: 0, live: false, sample };
      }
    }
  }

  function* range(hostId: number, fromMs: number, toMs: number): Generator<StoredTick> {
    const late = rows(hostId, fromMs, toMs, 'values');
    try {
      let next = late.next();
      const newestMs = chunks.newestMs(hostId);
      if (newestMs !== null && newestMs >= fromMs) {
        for (const tick of compacted(hostId, fromMs, toMs)) {
          for (; next.done !== true && next.value.recordedAtMs < tick.recordedAtMs; next = late.next())
            yield next.value;
          yield tick;
        }
      }
      for (; next.done !== true; next = late.next()) yield next.value;
    } finally {
      late.return(undefined);
    }
  }

  return {
    insert: (tick) =>
      insert.run(
        tick.hostId,
        tick.recordedAtMs,
        tick.receivedAtMs,
        tick.tokenNumber,
        tick.live ? 1 : 0,
        tick.sample,
      ) === 1,
    has: (hostId, recordedAtMs) =>
      selectOne.get(hostId, recordedAtMs) !== undefined ||
      isInChunk(hostId, recordedAtMs, chunks.newestMs(hostId), 'rolled'),
    newestMs(hostId) {
      const newest = Math.max(selectNewest.get(hostId)?.newest ?? 0, chunks.newestMs(hostId) ?? 0);
      return newest === 0 ? null : newest;
    },
    latest,
    range,
    rows,
    oldestRows: (hostId, beforeMs, limit) => selectOldest.all(hostId, beforeMs, limit).map((row) => row.recorded_at_ms),
    rowsToCompact: (hostId, fromMs, toMs) => selectRange.all(hostId, fromMs, toMs).map(readTickRow),
    isNewestRow(hostId, recordedAtMs) {
      const newest = selectNewestRow.get();
      return newest?.host_id === hostId && newest.recorded_at_ms === recordedAtMs;
    },
    removeRow: (hostId, recordedAtMs) => void removeRow.run(hostId, recordedAtMs),
  };
}
