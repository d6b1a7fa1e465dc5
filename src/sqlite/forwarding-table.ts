/** How far forwarding has come: the number of the newest tick that was sent or put off, and the requests put off. */
import type { ForwardingTable } from '../domain/store.ts';
import type { Connection } from './connection.ts';
import { readTickRow, type TickRow } from './tick-row.ts';

export function createForwardingTable(connection: Connection): ForwardingTable {
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
  return {
    position: () => selectPosition.get()?.position ?? 0,
    moveTo: (position) => void savePosition.run(position),
    ticksAfter: (position, limit) =>
      selectTicks.all(position, limit).map((row) => ({ number: row.number, tick: readTickRow(row) })),
    first: () => selectFirst.get(),
    add: (atMs, body) => void insert.run(atMs, body),
    remove: (number) => void remove.run(number),
    trim(beforeMs, maxBytes) {
      let dropped = removeOld.run(beforeMs).changes;
      let size = selectSize.get()?.size ?? 0;
      while (size > maxBytes) {
        const first = selectFirst.get();
        if (first === undefined) break;
        remove.run(first.number);
        size -= first.body.length;
        dropped += 1;
      }
      return dropped;
    },
  };
}
