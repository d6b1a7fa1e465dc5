/**
 * Giving space back to the disk. SQLite reuses the pages of deleted rows by itself; to shrink its file it must know
 * from its creation (or from a VACUUM) where every page is pointed at from: `auto_vacuum = INCREMENTAL`.
 */
import { statfsSync, statSync } from 'node:fs';
import path from 'node:path';
import { NexusError } from '../domain/errors.ts';
import type { StoreSize } from '../domain/store.ts';
import type { Connection } from './connection.ts';

const NONE = 0;
const INCREMENTAL = 2;
/** Larger files are not rewritten as the server starts: they keep their size, and reuse what becomes free in them. */
const MAX_REWRITE_BYTES = 512 * 1024 * 1024;
/** A rewrite goes through the write-ahead log into the file. */
const REWRITE_FACTOR = 3;
/** What the next hours will take again is not given back. */
const MIN_UNUSED_PAGES = 4096;
const UNUSED_SHARE = 8;

function hasRoomToRewrite(file: string): boolean {
  const { size } = statSync(file);
  const { bavail, bsize } = statfsSync(path.dirname(file));
  return size <= MAX_REWRITE_BYTES && bavail * bsize > size * REWRITE_FACTOR;
}

/** To be called before anything else is written. A file of an earlier Nexus is rewritten once where that is cheap. */
export function allowShrinking(connection: Connection): void {
  if (connection.pragma('auto_vacuum') !== NONE) return;
  const isNew = connection.pragma('page_count') === 0;
  if (!isNew && !hasRoomToRewrite(connection.file)) return;
  connection.pragma(`auto_vacuum = ${INCREMENTAL}`);
  if (isNew) return;
  try {
    connection.exec('VACUUM');
  } catch (error) {
    // Nothing was changed; the file goes on without.
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

/** Gives back at most `maxPages` when much of the file is unused; returns how many. */
export function reclaim(connection: Connection, maxPages: number): number {
  if (connection.pragma('auto_vacuum') !== INCREMENTAL) return 0;
  const unused = Number(connection.pragma('freelist_count'));
  const all = Number(connection.pragma('page_count'));
  const spare = unused - Math.max(MIN_UNUSED_PAGES, Math.floor(all / UNUSED_SHARE));
  if (spare <= 0) return 0;
  // Not as a query: it gives back one page for each row that is asked of it.
  connection.exec(`PRAGMA incremental_vacuum(${Math.floor(Math.min(spare, maxPages))})`);
  return unused - Number(connection.pragma('freelist_count'));
}
