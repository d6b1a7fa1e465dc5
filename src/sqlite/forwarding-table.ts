/** The progress of forwarding: the number of the newest tick that was sent or queued, and the queue of requests. */
import type { ForwardingStore } from '../domain/forwarding-store.ts';
import type { Connection } from './connection.ts';
import { readTickRow, type TickRow } from './tick-row.ts';

export function createForwardingTable(connection: Connection): ForwardingStore {
  const selectPosition = connection.prepare<{ position: number }>('SELECT position FROM forwarding WHERE id = 1');
  const savePosition = connection.prepare<never>(
    'INSERT INTO forwarding (id, position) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET position = excluded.position',
  );
  const selectTicks = connection.prepare<TickRow & { number: number }>(
    'SELECT rowid AS number, * FROM ticks WHERE rowid > ? ORDER BY rowid LIMIT ?',
  );
  const insert = connection.prepare<never>('INSERT INTO forwarding_queue (at_ms, body) VALUES (?, ?)');
  const selectFirst = connection.prepare<{ number: number; body: Uint8Array }>(
    'SELECT number, body FROM forwarding_queue ORDER BY number LIMIT 1',
  );
  const remove = connection.prepare<never>('DELETE FROM forwarding_queue WHERE number = ?');
  const removeOld = connection.prepare<never>('DELETE FROM forwarding_queue WHERE at_ms < ?');
  const selectSize = connection.prepare<{ size: number }>(
    'SELECT coalesce(sum(length(body)), 0) AS size FROM forwarding_queue',
  );
  const selectQueue = connection.prepare<{ requests: number; bytes: number; oldest: number | null }>(
    'SELECT count(*) AS requests, coalesce(sum(length(body)), 0) AS bytes, min(at_ms) AS oldest FROM forwarding_queue',
  );
  const selectNewest = connection.prepare<{ newest: number | null }>('SELECT max(rowid) AS newest FROM ticks');
  const selectNext = connection.prepare<{ received_at_ms: number }>(
    'SELECT received_at_ms FROM ticks WHERE rowid > ? ORDER BY rowid LIMIT 1',
  );
  return {
    backlog() {
      const position = selectPosition.get()?.position ?? 0;
      const { requests = 0, bytes = 0, oldest = null } = selectQueue.get() ?? {};
      return {
        requests,
        requestBytes: bytes,
        ticks: Math.max(0, (selectNewest.get()?.newest ?? 0) - position),
        oldestAtMs: oldest ?? selectNext.get(position)?.received_at_ms ?? null,
      };
    },
    pending(limit) {
      const rows = selectTicks.all(selectPosition.get()?.position ?? 0, limit);
      const last = rows.at(-1);
      return last === undefined ? null : { ticks: rows.map(readTickRow), position: { after: last.number } };
    },
    moveTo: ({ after }) => connection.transact(() => void savePosition.run(after)),
    putOff: (atMs, body, { after }) =>
      connection.transact(() => {
        insert.run(atMs, body);
        savePosition.run(after);
      }),
    first: () => selectFirst.get(),
    remove: (number) => connection.transact(() => void remove.run(number)),
    trim: (beforeMs, maxBytes) => connection.transact(() => trim(beforeMs, maxBytes)),
  };

  function trim(beforeMs: number, maxBytes: number): number {
    let dropped = removeOld.run(beforeMs);
    let size = selectSize.get()?.size ?? 0;
    while (size > maxBytes) {
      const first = selectFirst.get();
      if (first === undefined) break;
      remove.run(first.number);
      size -= first.body.length;
      dropped += 1;
    }
    return dropped;
  }
}
