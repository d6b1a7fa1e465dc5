/** Damage to a database file that lies still, page by page (https://www.sqlite.org/fileformat.html). */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import Database from 'better-sqlite3';

const INTERIOR_INDEX = 0x02;
const INTERIOR_TABLE = 0x05;
const INTERIOR_HEADER_BYTES = 12;

export interface Tree {
  readonly root: number;
  /** Page numbers of the leaves, in the order of their keys. */
  readonly leaves: readonly number[];
}

function pageSizeOf(content: Buffer): number {
  return content.readUInt16BE(16);
}

function leavesBelow(content: Buffer, page: number): number[] {
  const start = (page - 1) * pageSizeOf(content);
  const type = content.readUInt8(start);
  if (type !== INTERIOR_INDEX && type !== INTERIOR_TABLE) return [page];
  const cells = content.readUInt16BE(start + 3);
  const children = Array.from({ length: cells }, (_, cell) => {
    const pointer = content.readUInt16BE(start + INTERIOR_HEADER_BYTES + 2 * cell);
    return content.readUInt32BE(start + pointer);
  });
  children.push(content.readUInt32BE(start + 8));
  return children.flatMap((child) => leavesBelow(content, child));
}

/** The pages of a table or an index. */
export function readTree(file: string, name: string): Tree {
  const database = new Database(file, { readonly: true });
  const row = database
    .prepare<[string], { rootpage: number }>('SELECT rootpage FROM sqlite_schema WHERE name = ?')
    .get(name);
  database.close();
  if (row === undefined) throw new Error(`${file} has no '${name}'`);
  return { root: row.rootpage, leaves: leavesBelow(readFileSync(file), row.rootpage) };
}

/** Overwrites whole pages with what no page may hold. */
export function damagePages(file: string, pages: readonly number[]): void {
  const pageSize = pageSizeOf(readFileSync(file));
  const descriptor = openSync(file, 'r+');
  for (const page of pages) writeSync(descriptor, Buffer.alloc(pageSize, 0xee), 0, pageSize, (page - 1) * pageSize);
  closeSync(descriptor);
}

/** One page as it lies in the file. */
export function readPage(file: string, page: number): Buffer {
  const content = readFileSync(file);
  const pageSize = pageSizeOf(content);
  return content.subarray((page - 1) * pageSize, page * pageSize);
}

/** Runs statements on a database that no server uses. */
export function alterDatabase(file: string, sql: string): void {
  const database = new Database(file, { fileMustExist: true });
  database.exec(sql);
  database.close();
}
