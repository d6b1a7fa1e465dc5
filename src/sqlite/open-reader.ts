/** A data directory's history for reading alone, beside a server that goes on writing. */
import { existsSync } from 'node:fs';
import { NexusError } from '../domain/errors.ts';
import type { HistoryReader } from '../domain/store.ts';
import { createChunkTable } from './chunk-table.ts';
import { Connection } from './connection.ts';
import { createContainerTable } from './container-table.ts';
import { createHostTable } from './host-table.ts';
import { MIGRATIONS, requireOwnSchema } from './migrations.ts';
import { databaseIn } from './open-store.ts';
import { createTickTable } from './tick-table.ts';

const BUSY_TIMEOUT_MS = 5_000;

/** Throws `not_found`, `store_unavailable` or `store_refused`. */
export function openReader(directory: string): HistoryReader {
  const file = databaseIn(directory);
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
    const chunks = createChunkTable(connection, 0);
    const hosts = createHostTable(connection);
    return {
      hosts: () => hosts.all(),
      containers: createContainerTable(connection),
      ticks: createTickTable(connection, chunks),
      chunks,
      view: (read) => connection.view(read),
      close: () => connection.close(),
    };
  } catch (error) {
    connection.close();
    throw error;
  }
}
