/** Where the values of chunks lie: cut small or whole, gone with their chunk, and readable as an earlier Nexus left them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import type { Tier } from '../../src/domain/history.ts';
import type { Store } from '../../src/domain/store.ts';
import { ChunkDamaged } from '../../src/history/chunk-damaged.ts';
import { shapeOf } from '../../src/history/tiers.ts';
import { openStore } from '../../src/sqlite/open-store.ts';
import { SeededRandom } from '../domain/seeded-random.ts';

interface Opened {
  readonly store: Store;
  /** The same file, past the adapter. */
  readonly database: Database.Database;
}

function open(t: TestContext): Opened {
  const directory = mkdtempSync(path.join(tmpdir(), 'nexus-chunks-'));
  const store = openStore(directory, 0);
  const database = new Database(path.join(directory, 'nexus.db'));
  t.after(() => {
    database.close();
    store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return { store, database };
}

/** Bytes that do not compress. */
function noise(length: number, seed: number): Uint8Array {
  return new SeededRandom(seed).bytes(length);
}

function put(store: Store, tier: Tier, index: number, values: Uint8Array | null): void {
  const startMs = index * shapeOf(tier).spanMs;
  const sealed = values === null ? null : store.history.seal(values);
  const chunk = { hostId: 1, tier, startMs, times: [startMs], receivedMs: 1, values: sealed };
  store.history.commit([{ kind: 'put_chunk', chunk }]);
}

const read = (store: Store, tier: Tier, index: number) => {
  const values = store.history.chunks.read(1, tier, index * shapeOf(tier).spanMs)?.values;
  return values === null || values === undefined ? values : Uint8Array.from(values);
};

function pieces({ database }: Opened): number[] {
  return database.prepare('SELECT length(piece) FROM chunk_pieces ORDER BY number').pluck().all() as number[];
}

test('values of any size come back as they were, small ones cut and large ones whole', (t) => {
  const opened = open(t);
  const sizes = [1, 470, 480, 481, 5_000, 16_300, 16_500, 200_000];
  for (const [index, size] of sizes.entries()) put(opened.store, 'raw', index, noise(size, size));
  for (const [index, size] of sizes.entries()) {
    assert.deepEqual(read(opened.store, 'raw', index), noise(size, size), `${size} bytes`);
  }
  const lengths = pieces(opened);
  assert.deepEqual(
    lengths.filter((length) => length > 480).map((length) => length > 16_384),
    [true, true],
  );
});

test('pieces of one tier lie together, whatever the order in which chunks are made', (t) => {
  const opened = open(t);
  for (let index = 0; index < 40; index += 1) {
    put(opened.store, 'raw', index, noise(900, index));
    put(opened.store, '1m', index, noise(700, index));
    if (index % 10 === 0) put(opened.store, '1h', index, noise(600, index));
  }
  const owners = opened.database
    .prepare(
      'SELECT tier FROM chunk_pieces JOIN chunks ON number BETWEEN first_piece AND first_piece + pieces - 1 ORDER BY number',
    )
    .pluck()
    .all() as number[];
  assert.equal(owners.length, 40 * 2 + 40 * 2 + 4 * 2);
  assert.deepEqual(owners, [...owners].sort());
});

test('no piece outlives its chunk: replaced, without values any more, past its time, or deleted', (t) => {
  const opened = open(t);
  const { store } = opened;
  for (let index = 0; index < 4; index += 1) put(store, 'raw', index, noise(2_000, index));
  const perChunk = pieces(opened).length / 4;
  put(store, 'raw', 3, noise(2_000, 99));
  assert.deepEqual(read(store, 'raw', 3), noise(2_000, 99));
  assert.equal(pieces(opened).length, 4 * perChunk);
  put(store, 'raw', 3, null);
  assert.equal(read(store, 'raw', 3), null);
  assert.equal(pieces(opened).length, 3 * perChunk);
  const { spanMs } = shapeOf('raw');
  const old = { hostId: 1, receivedBeforeMs: 2, limit: 10 };
  assert.equal(store.history.commit([{ kind: 'drop_values', beforeMs: 1, ...old }]), 1);
  assert.equal(read(store, 'raw', 0), null);
  assert.equal(pieces(opened).length, 2 * perChunk);
  const removal = { kind: 'remove_received_before', tier: 'raw', beforeMs: spanMs + 1, ...old } as const;
  assert.equal(store.history.commit([removal]), 2);
  assert.equal(pieces(opened).length, perChunk);
  store.history.commit([{ kind: 'remove_chunk', hostId: 1, tier: 'raw', startMs: 2 * spanMs }]);
  assert.equal(pieces(opened).length, 0);
});

test('a chunk whose pieces are damaged or missing is said to be damaged', (t) => {
  const opened = open(t);
  put(opened.store, 'raw', 0, noise(2_000, 1));
  put(opened.store, 'raw', 1, noise(2_000, 2));
  opened.database.exec('DELETE FROM chunk_pieces WHERE number = (SELECT min(number) FROM chunk_pieces)');
  assert.throws(() => read(opened.store, 'raw', 0), ChunkDamaged);
  assert.deepEqual(read(opened.store, 'raw', 1), noise(2_000, 2));
});

test('a chunk with its values in its own row, as an earlier Nexus kept them, is read, replaced and aged', (t) => {
  const opened = open(t);
  const { store, database } = opened;
  for (let index = 0; index < 2; index += 1) put(store, 'raw', index, noise(1_500, index));
  // As the layout was: one blob, no pieces.
  const bodyOf = database
    .prepare('SELECT piece FROM chunk_pieces WHERE number BETWEEN ? AND ? ORDER BY number')
    .pluck();
  for (const row of database.prepare('SELECT rowid, first_piece, pieces FROM chunks').all() as Array<
    Record<'rowid' | 'first_piece' | 'pieces', number>
  >) {
    const body = Buffer.concat(bodyOf.all(row.first_piece, row.first_piece + row.pieces - 1) as Buffer[]);
    database.prepare('UPDATE chunks SET body = ?, first_piece = 0, pieces = 0 WHERE rowid = ?').run(body, row.rowid);
  }
  assert.equal(pieces(opened).length, 0);
  assert.deepEqual(
    store.history.chunks.list(1, 'raw', 0, shapeOf('raw').spanMs).map((chunk) => chunk.hasValues),
    [true, true],
  );
  assert.deepEqual(read(store, 'raw', 0), noise(1_500, 0));
  put(store, 'raw', 0, noise(1_500, 7));
  assert.deepEqual(read(store, 'raw', 0), noise(1_500, 7));
  const beforeMs = shapeOf('raw').spanMs + 1;
  assert.equal(store.history.commit([{ kind: 'drop_values', hostId: 1, beforeMs, receivedBeforeMs: 2, limit: 10 }]), 2);
  assert.equal(read(store, 'raw', 1), null);
  assert.equal(pieces(opened).length, 0);
});

test('small bodies fill their pages: at most an eighth of them is unused', (t) => {
  const { store, database } = open(t);
  for (let index = 0; index < 400; index += 1) put(store, index % 2 === 0 ? 'raw' : '1m', index, noise(2_200, index));
  const share = database
    .prepare("SELECT sum(unused) * 1.0 / sum(pgsize) FROM dbstat WHERE name = 'chunk_pieces'")
    .pluck()
    .get() as number;
  assert.ok(share < 0.125, `${(share * 100).toFixed(1)} % unused`);
});
