/**
 * Opens the data directory:
 *
 *     nexus.db        everything (SQLite in WAL mode; a transaction is synced before it returns and survives a power cut)
 *     nexus.lock      held by the `nexus serve` that owns the directory; the kernel releases it when the process ends
 *     nexus.marker    shows that nexus.db has existed, so that a lost database is never replaced by an empty one
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { invariant, messageOf, NexusError } from '../domain/errors.ts';
import type { Store } from '../domain/store.ts';
import { Connection, RESTORE } from './connection.ts';
import { allowShrinking } from './free-space.ts';
import { migrate, requireOwnSchema } from './migrations.ts';
import { createSqliteStore } from './sqlite-store.ts';

/** The longest wait for another program's lock: the server answers no requests meanwhile. */
const BUSY_TIMEOUT_MS = 250;
const SYNCHRONOUS_NORMAL = 1;

function prepareDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new NexusError(
      'store_unavailable',
      `cannot create the data directory ${directory}: ${messageOf(error)}; create it for this user or pass --data DIR`,
      { cause: error },
    );
  }
}

/**
 * Claims the directory for this process. Throws `store_refused` while another process holds it. The lock is an open
 * exclusive transaction on an empty database: the kernel releases it with the process, however that ends.
 */
export function lockDirectory(directory: string): { release(): void } {
  prepareDirectory(directory);
  const connection = new Connection(path.join(directory, 'nexus.lock'), 0);
  try {
    connection.pragma('journal_mode = MEMORY');
    connection.exec('BEGIN EXCLUSIVE');
    // On a read-only disk SQLite begins only a read transaction. A change, which is never committed, reveals that.
    connection.pragma('user_version = 1');
  } catch (error) {
    connection.close();
    const code = error instanceof NexusError ? String(error.details['sqlite_code']) : '';
    if (!code.startsWith('SQLITE_BUSY')) throw error;
    throw new NexusError(
      'store_refused',
      `another nexus serve already uses ${directory}: stop it first, or pass another directory with --data`,
      { cause: error },
    );
  }
  return { release: () => connection.close() };
}

/** Refuses a lost database: SQLite would take a missing or empty file for a new one and begin from nothing. */
function refuseLostDatabase(file: string, marker: string): void {
  if (!existsSync(marker)) return;
  if (existsSync(file) && statSync(file).size > 0) return;
  throw new NexusError(
    'store_unavailable',
    `${file} is missing or empty, but this data directory has been in use: check that its disk is mounted; if it ` +
      `is lost, ${RESTORE}; to begin with an empty one on purpose, delete ${marker}`,
  );
}

function writeMarker(marker: string): void {
  if (existsSync(marker)) return;
  try {
    const descriptor = openSync(marker, 'w', 0o600);
    writeFileSync(descriptor, 'nexus.db has been created in this directory\n');
    fsyncSync(descriptor);
    closeSync(descriptor);
  } catch (error) {
    throw new NexusError('store_unavailable', `cannot write ${marker}: ${messageOf(error)}`, { cause: error });
  }
}

function configure(connection: Connection): void {
  connection.pragma('journal_mode = WAL');
  // Syncs checkpoints; `Connection.transact` syncs each commit.
  connection.pragma('synchronous = NORMAL');
  connection.pragma('foreign_keys = ON');
  connection.pragma('temp_store = MEMORY');
  connection.pragma('cache_size = -16384');
  connection.pragma('journal_size_limit = 67108864');
}

/**
 * Writes one row, so that a full or read-only disk is noticed now and not at the first post. Then asserts that checkpoints
 * are synced: builds of SQLite may lower `synchronous` when a connection first writes in WAL mode. Finally moves what an
 * earlier server left in the write-ahead log into the file, as that server may not have synced it.
 */
function probeWrite(connection: Connection, nowMs: number): void {
  connection.transact(() => {
    connection
      .prepare(
        'INSERT INTO probe (id, opened_at_ms) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET opened_at_ms = excluded.opened_at_ms',
      )
      .run(nowMs);
  });
  connection.pragma('synchronous = NORMAL');
  invariant(connection.pragma('synchronous') === SYNCHRONOUS_NORMAL, 'checkpoints must be synced');
  invariant(connection.pragma('journal_mode') === 'wal', 'the database must be in WAL mode');
  connection.pragma('wal_checkpoint(TRUNCATE)');
}

/** The path of the database in a directory. */
export function databaseIn(directory: string): string {
  return path.join(directory, 'nexus.db');
}

/**
 * Opens or creates the database of a directory that this process has claimed. Calls `onDamaged`, now or during any later
 * statement, when the file turns out to be damaged. Throws `store_unavailable` for what may pass, `store_refused` when
 * only another executable can help.
 */
export function openStore(directory: string, nowMs: number, onDamaged?: (failure: NexusError) => void): Store {
  prepareDirectory(directory);
  const file = databaseIn(directory);
  const marker = path.join(directory, 'nexus.marker');
  refuseLostDatabase(file, marker);
  const connection = new Connection(file, BUSY_TIMEOUT_MS, onDamaged);
  try {
    // First of all, because even the switch to WAL mode writes to the file.
    requireOwnSchema(connection);
    allowShrinking(connection);
    configure(connection);
    migrate(connection);
    probeWrite(connection, nowMs);
    writeMarker(marker);
    return createSqliteStore(connection);
  } catch (error) {
    connection.close();
    throw error;
  }
}
