/**
 * Returns space to the disk. SQLite reuses the pages of deleted rows by itself. To shrink its file it must have tracked
 * the pointers to every page since the file was created or vacuumed: `auto_vacuum = INCREMENTAL`.
 */
import { statfsSync, statSync } from 'node:fs';
import path from 'node:path';
import { NexusError } from '../domain/errors.ts';
import type { StoreSize } from '../domain/store.ts';
import type { Connection } from './connection.ts';

const NONE = 0;
const INCREMENTAL = 2;
/** Larger files are not rewritten at the start of the server: they keep their size and reuse their free pages. */
const MAX_REWRITE_BYTES = 512 * 1024 * 1024;
/** A rewrite needs space for the write-ahead log and for the file. */
const REWRITE_FACTOR = 3;
/** Fewer unused pages than this are kept: the next hours will need them again. */
const MIN_UNUSED_PAGES = 4096;
const UNUSED_SHARE = 8;

function hasRoomToRewrite(file: string): boolean {
  const { size } = statSync(file);
  const { bavail, bsize } = statfsSync(path.dirname(file));
  return size <= MAX_REWRITE_BYTES && bavail * bsize > size * REWRITE_FACTOR;
}

/** Must be called before anything else is written. Rewrites a file of an earlier version once, if that is cheap. */
export function allowShrinking(connection: Connection): void {
  if (connection.pragma('auto_vacuum') !== NONE) return;
  const isNew = connection.pragma('page_count') === 0;
  if (!isNew && !hasRoomToRewrite(connection.file)) return;
  connection.pragma(`auto_vacuum = ${INCREMENTAL}`);
  if (isNew) return;
  try {
    connection.exec('VACUUM');
  } catch (error) {
    // Nothing was changed: the file is used as it is.
    if (error instanceof NexusError && String(error.details['sqlite_code']).startsWith('SQLITE_FULL')) return;
    throw error;
  }
}

export function measureSize(connection: Connection): StoreSize {
  const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  return {
    fileBytes: sizeOf(connection.file),
    unusedBytes: Number(connection.pragma('freelist_count')) * Number(connection.pragma('page_size')),
    logBytes: sizeOf(`${connection.file}-wal`),
  };
}

/** Returns at most `maxPages` pages to the disk when much of the file is unused. Returns how many. */
export function reclaim(connection: Connection, maxPages: number): number {
  if (connection.pragma('auto_vacuum') !== INCREMENTAL) return 0;
  const unused = Number(connection.pragma('freelist_count'));
  const all = Number(connection.pragma('page_count'));
  const spare = unused - Math.max(MIN_UNUSED_PAGES, Math.floor(all / UNUSED_SHARE));
  if (spare <= 0) return 0;
  // With `exec`: as a query it would free only one page for each row that is read.
  connection.exec(`PRAGMA incremental_vacuum(${Math.floor(Math.min(spare, maxPages))})`);
  return unused - Number(connection.pragma('freelist_count'));
}
