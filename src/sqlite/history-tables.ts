import { assertNever } from '../domain/errors.ts';
import type { HistoryChange, HistoryStore } from '../domain/history-store.ts';
import type { ChunkTable } from './chunk-table.ts';
import type { Connection } from './connection.ts';
import { reclaim } from './free-space.ts';
import type { TickTable } from './tick-table.ts';

/** Pages returned to the disk at a time: about one megabyte. */
const MAX_RECLAIMED_PAGES = 256;

/** The history of the store, on the tables of ticks and chunks. */
export function createHistoryStore(connection: Connection, ticks: TickTable, chunks: ChunkTable): HistoryStore {
  function apply(change: HistoryChange): number {
    switch (change.kind) {
      case 'put_chunk':
        chunks.put(change.chunk);
        return 0;
      case 'remove_chunk':
        chunks.remove(change.hostId, change.tier, change.startMs);
        return 0;
      case 'remove_row':
        ticks.removeRow(change.hostId, change.recordedAtMs);
        return 0;
      case 'drop_values':
        return chunks.dropValues(change.hostId, change.beforeMs, change.receivedBeforeMs, change.limit);
      case 'remove_received_before': {
        const { hostId, tier, beforeMs, receivedBeforeMs, limit } = change;
        return chunks.removeBefore(hostId, tier, beforeMs, receivedBeforeMs, limit);
      }
      case 'remove_covered_before': {
        const { hostId, tier, beforeMs, coarse, limit } = change;
        return chunks.removeCoveredBefore(hostId, tier, beforeMs, coarse, limit);
      }
      default:
        return assertNever(change);
    }
  }

  return {
    ticks,
    chunks,
    seal: (values) => chunks.seal(values),
    commit: (changes) => connection.transact(() => changes.reduce((deleted, change) => deleted + apply(change), 0)),
    reclaim: () => reclaim(connection, MAX_RECLAIMED_PAGES) > 0,
  };
}
