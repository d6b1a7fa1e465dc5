/** Makes a consistent copy of a live database with SQLite's online backup; a server may go on writing. */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { messageOf, NexusError } from '../domain/errors.ts';

function syncFile(file: string): void {
  const descriptor = openSync(file, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function requireSound(file: string): void {
  const copy = new Database(file, { readonly: true });
  try {
    const verdict = copy.pragma('integrity_check', { simple: true });
    if (verdict === 'ok') return;
    throw new NexusError('store_unavailable', `the copy is damaged, and so is the database: ${String(verdict)}`);
  } finally {
    copy.close();
  }
}

/**
 * Copies `nexus.db` of a data directory to `target`, checks the copy, and syncs it before it gets its name. An existing
 * file is never overwritten. Throws `NexusError`.
 */
export async function backUp(directory: string, target: string): Promise<void> {
  const source = path.join(directory, 'nexus.db');
  if (!existsSync(source)) {
    throw new NexusError('not_found', `there is no ${source}: name the data directory of the server with --data DIR`);
  }
  if (existsSync(target)) {
    throw new NexusError('conflict', `${target} exists already: choose another name, or remove it first`);
  }
  const partial = `${target}.partial-${process.pid}`;
  const database = new Database(source, { fileMustExist: true });
  try {
    await database.backup(partial);
    requireSound(partial);
    syncFile(partial);
    renameSync(partial, target);
    syncFile(path.dirname(path.resolve(target)));
  } catch (error) {
    if (error instanceof NexusError) throw error;
    const advice = 'check the space and the rights where it goes';
    throw new NexusError('store_unavailable', `cannot back up ${source} to ${target}: ${messageOf(error)}; ${advice}`, {
      cause: error,
    });
  } finally {
    database.close();
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${partial}${suffix}`, { force: true });
  }
}
