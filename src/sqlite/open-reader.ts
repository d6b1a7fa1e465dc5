/** A data directory's history and log for reading alone, beside a server that goes on writing. */
import { existsSync } from 'node:fs';
import { NexusError } from '../domain/errors.ts';
import type { LogHead } from '../domain/event-log.ts';
import type { HistoryReader } from '../domain/store.ts';
import { createChunkTable } from './chunk-table.ts';
import { Connection } from './connection.ts';
import { createContainerTable } from './container-table.ts';
import { createEventTable, type EventTable } from './event-table.ts';
import { createHostTable } from './host-table.ts';
import { MIGRATIONS, requireOwnSchema } from './migrations.ts';
import { databaseIn } from './open-store.ts';
import { createTickTable } from './tick-table.ts';

const BUSY_TIMEOUT_MS = 5_000;

/** Throws `not_found`, `store_unavailable` or `store_refused`. */
function openForReading<T>(file: string, read: (connection: Connection) => T): T {
  if (!existsSync(file)) {
    throw new NexusError('not_found', `there is no ${file}: name the data directory of the server with --data DIR`);
  }
  const connection = new Connection(file, BUSY_TIMEOUT_MS);
  try {
    if (requireOwnSchema(connection) < MIGRATIONS.length) {
      throw new NexusError(
        'store_refused',
        `${file} was written by an older Nexus: start nexus serve on it once, which brings it up to date`,
      );
    }
    connection.pragma('query_only = ON');
    return read(connection);
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Throws as {@link openForReading} does. */
export function openReader(directory: string): HistoryReader {
  return openForReading(databaseIn(directory), (connection) => {
    const chunks = createChunkTable(connection, 0);
    const hosts = createHostTable(connection);
    return {
      hosts: () => hosts.all(),
      containers: createContainerTable(connection),
      history: { ticks: createTickTable(connection, chunks), chunks },
      view: (read) => connection.view(read),
      close: () => connection.close(),
    };
  });
}

export interface LogReader {
  /** The id of the fleet, which checkpoints name. */
  readonly fleet: string;
  head(): LogHead;
  chain(): ReturnType<EventTable['chain']>;
  close(): void;
}

/** The log of a database, which may be a backup. Throws as {@link openForReading} does. */
export function openLog(file: string): LogReader {
  return openForReading(file, (connection) => {
    const { head, chain } = createEventTable(connection);
    const fleet = connection.prepare<{ id: string }>('SELECT id FROM fleet').get()?.id ?? '';
    return { fleet, head, chain, close: () => connection.close() };
  });
}

/** As {@link openLog}, of a data directory. */
export function openLogIn(directory: string): LogReader {
  return openLog(databaseIn(directory));
}
