/**
 * Chunks of history. A row is one chunk of one host: its tier (0 raw, 1 minutes, 2 ten minutes, 3 hours), the start of
 * its span, its first and last instant, when the last of its ticks was received (0 in roll-ups), and two texts of
 * `history/chunk-codec`, each with its checksum in front:
 *
 *     instants  := crc32(4 bytes, little endian, of what follows) instants
 *     body      := crc32(likewise) zstd(values)                    absent once the values are past their retention
 *
 * The body lies in `chunk_pieces`, cut into small pieces: rows of a few kilobytes would leave half of each SQLite page
 * unused. Each tier has its own range of piece numbers, so that pieces that age together lie together and free whole
 * pages. Earlier versions kept the body in the chunk's own row, where it is still read until the chunk ages away.
 */
import { constants, crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { messageOf } from '../domain/errors.ts';
import { TIERS, type Tier } from '../domain/history.ts';
import type { ChunkInfo, ChunkReads, SealedValues, StoredChunk } from '../domain/history-store.ts';
import { decodeInstants, encodeInstants } from '../history/chunk-codec.ts';
import { ChunkDamaged } from '../history/chunk-damaged.ts';
import { CELL_MS, shapeOf, startOfSpan } from '../history/tiers.ts';
import { ChunkCache } from './chunk-cache.ts';
import type { Connection } from './connection.ts';

const CHECKSUM_BYTES = 4;
/** Far above any chunk; keeps a damaged one from taking all memory. */
const MAX_VALUES_BYTES = 512 * 1024 * 1024;
/** Size of a piece; about eight fill a page of 4 KiB. */
const PIECE_BYTES = 480;
/** Bodies from this size on are one piece: they fill pages of their own and are read at once. */
const WHOLE_BYTES = 16_384;
/** Size of the range of piece numbers of each tier. */
const PIECES_PER_TIER = 2 ** 48;
const COMPRESSION = { params: { [constants.ZSTD_c_compressionLevel]: 3 } } as const;
/** Enough for the last day of a few dozen hosts, uncompressed. */
const DEFAULT_CACHE_BYTES = 24 * 1024 * 1024;
/** Spans whose instants are cached, for runs of late ticks. */
const MAX_REMEMBERED = 64;

interface InfoRow {
  start_ms: number;
  first_ms: number;
  last_ms: number;
  points: number;
  received_ms: number;
  has_values: number;
}

interface ChunkRow {
  instants: Uint8Array;
  /** Written by earlier versions only. */
  body: Uint8Array | null;
  first_piece: number;
  pieces: number;
}

function withChecksum(bytes: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(CHECKSUM_BYTES + bytes.length);
  new DataView(sealed.buffer).setUint32(0, crc32(bytes), true);
  sealed.set(bytes, CHECKSUM_BYTES);
  return sealed;
}

function checked(sealed: Uint8Array): Uint8Array {
  if (sealed.length < CHECKSUM_BYTES) throw new ChunkDamaged('it is cut off');
  const bytes = sealed.subarray(CHECKSUM_BYTES);
  const expected = new DataView(sealed.buffer, sealed.byteOffset, CHECKSUM_BYTES).getUint32(0, true);
  if (crc32(bytes) !== expected) throw new ChunkDamaged('its checksum is wrong');
  return bytes;
}

function decompress(bytes: Uint8Array): Uint8Array {
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: MAX_VALUES_BYTES });
  } catch (error) {
    throw new ChunkDamaged(messageOf(error));
  }
}

function cut(body: Uint8Array): Uint8Array[] {
  const size = body.length < WHOLE_BYTES ? PIECE_BYTES : body.length;
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < body.length; at += size) pieces.push(body.subarray(at, at + size));
  return pieces;
}

interface Held {
  readonly instants: ReadonlySet<number>;
  readonly hasValues: boolean;
}

const HAS_VALUES = '(pieces > 0 OR body IS NOT NULL)';

const numberOf = (tier: Tier): number => TIERS.indexOf(tier);

export interface ChunkTable extends ChunkReads {
  /** Replaces the chunk of the same span. */
  put(chunk: StoredChunk): void;
  remove(hostId: number, tier: Tier, startMs: number): void;
  /** Returns how many chunks lost their values. */
  dropValues(hostId: number, beforeMs: number, receivedBeforeMs: number, limit: number): number;
  /** Returns how many chunks were deleted. */
  removeBefore(hostId: number, tier: Tier, beforeMs: number, receivedBeforeMs: number, limit: number): number;
  /** Deletes chunks with a `coarse` chunk over them, and damaged ones. Returns how many. */
  removeCoveredBefore(hostId: number, tier: Tier, beforeMs: number, coarse: Tier, limit: number): number;
  seal(values: Uint8Array): SealedValues;
  /** Makes reads skip the chunk from now on. */
  markDamaged(hostId: number, tier: Tier, startMs: number): void;
}

/** `cacheBytes`: 0 turns caching off, for a database that another process may change. */
export function createChunkTable(connection: Connection, cacheBytes = DEFAULT_CACHE_BYTES): ChunkTable {
  const cache = new ChunkCache(cacheBytes);
  const keyOf = (hostId: number, tier: Tier, startMs: number): string => `${hostId} ${tier} ${startMs}`;
  const insert = connection.prepare<never>(
    `INSERT INTO chunks (host_id, tier, start_ms, first_ms, last_ms, points, received_ms, damaged, instants,
       first_piece, pieces)
     VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)
     ON CONFLICT (host_id, tier, start_ms) DO UPDATE SET first_ms = excluded.first_ms, last_ms = excluded.last_ms,
       points = excluded.points, received_ms = excluded.received_ms, damaged = 0, instants = excluded.instants,
       body = NULL, first_piece = excluded.first_piece, pieces = excluded.pieces`,
  );
  const selectLastPiece = connection.prepare<{ last: number | null }>(
    'SELECT max(number) AS last FROM chunk_pieces WHERE number BETWEEN ? AND ?',
  );
  const insertPiece = connection.prepare<never>('INSERT INTO chunk_pieces (number, piece) VALUES (?, ?)');
  const selectPieces = connection.prepare<{ piece: Uint8Array }>(
    'SELECT piece FROM chunk_pieces WHERE number BETWEEN ? AND ? ORDER BY number',
  );
  const selectList = connection.prepare<InfoRow>(
    `SELECT start_ms, first_ms, last_ms, points, received_ms, ${HAS_VALUES} AS has_values FROM chunks
     WHERE host_id = ? AND tier = ? AND start_ms BETWEEN ? AND ? AND damaged = 0 ORDER BY start_ms`,
  );
  const selectOne = connection.prepare<ChunkRow>(
    'SELECT instants, body, first_piece, pieces FROM chunks WHERE host_id = ? AND tier = ? AND start_ms = ? AND damaged = 0',
  );
  const selectInstants = connection.prepare<{ instants: Uint8Array; has_values: number }>(
    `SELECT instants, ${HAS_VALUES} AS has_values FROM chunks
     WHERE host_id = ? AND tier = ? AND start_ms = ? AND damaged = 0`,
  );
  const selectNewest = connection.prepare<{ newest: number | null }>(
    'SELECT last_ms AS newest FROM chunks WHERE host_id = ? AND tier = 0 ORDER BY start_ms DESC LIMIT 1',
  );
  const selectUncovered = connection.prepare<{ start_ms: number }>(
    `SELECT fine.start_ms FROM chunks AS fine WHERE fine.host_id = ? AND fine.tier = ?
       AND fine.start_ms < ? AND fine.damaged = 0 AND NOT EXISTS (
         SELECT 1 FROM chunks AS coarse WHERE coarse.host_id = fine.host_id AND coarse.tier = ?
           AND coarse.start_ms = fine.start_ms - (fine.start_ms % ?))
     ORDER BY fine.start_ms LIMIT 1`,
  );
  const remove = connection.prepare<never>('DELETE FROM chunks WHERE host_id = ? AND tier = ? AND start_ms = ?');
  const dropBody = connection.prepare<never>(
    `UPDATE chunks SET body = NULL, first_piece = 0, pieces = 0 WHERE rowid IN (SELECT rowid FROM chunks
       WHERE host_id = ? AND tier = 0 AND start_ms < ? AND received_ms < ? AND ${HAS_VALUES} LIMIT ?)`,
  );
  const removeOld = connection.prepare<never>(
    `DELETE FROM chunks WHERE rowid IN (SELECT rowid FROM chunks
       WHERE host_id = ? AND tier = ? AND start_ms < ? AND received_ms < ? LIMIT ?)`,
  );
  const removeCovered = connection.prepare<never>(
    `DELETE FROM chunks WHERE rowid IN (SELECT fine.rowid FROM chunks AS fine
       WHERE fine.host_id = ? AND fine.tier = ? AND fine.start_ms < ? AND (fine.damaged = 1 OR EXISTS (
         SELECT 1 FROM chunks AS coarse WHERE coarse.host_id = fine.host_id AND coarse.tier = ?
           AND coarse.start_ms = fine.start_ms - (fine.start_ms % ?)))
       LIMIT ?)`,
  );
  const markDamaged = connection.prepare<never>(
    'UPDATE chunks SET damaged = 1 WHERE host_id = ? AND tier = ? AND start_ms = ? AND damaged = 0',
  );
  const remembered = new Map<string, Held>();

  function instantsOf(hostId: number, startMs: number): Held {
    const key = `${hostId} ${startMs}`;
    const known = remembered.get(key);
    if (known !== undefined) return known;
    const row = selectInstants.get(hostId, 0, startMs);
    const instants = new Set(row === undefined ? [] : decodeInstants(checked(row.instants)));
    const held: Held = { instants, hasValues: row?.has_values === 1 };
    const [oldest] = remembered.keys();
    if (remembered.size >= MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
    if (cacheBytes > 0) remembered.set(key, held);
    return held;
  }

  /** Returns the number of the first piece. */
  function insertPieces(tier: Tier, pieces: readonly Uint8Array[]): number {
    const least = numberOf(tier) * PIECES_PER_TIER + 1;
    const first = (selectLastPiece.get(least, least + PIECES_PER_TIER - 2)?.last ?? least - 1) + 1;
    pieces.forEach((piece, index) => {
      insertPiece.run(first + index, piece);
    });
    return first;
  }

  function bodyOf({ body, first_piece: first, pieces }: ChunkRow): Uint8Array | null {
    if (pieces === 0) return body;
    return Buffer.concat(selectPieces.all(first, first + pieces - 1).map((row) => row.piece));
  }

  return {
    put(chunk: StoredChunk) {
      const { hostId, tier, startMs, times, values } = chunk;
      remembered.delete(`${hostId} ${startMs}`);
      cache.delete(keyOf(hostId, tier, startMs));
      const pieces = values === null ? [] : cut(withChecksum(values.sealed));
      insert.run(
        hostId,
        numberOf(tier),
        startMs,
        times[0] ?? startMs,
        times.at(-1) ?? startMs,
        times.length,
        chunk.receivedMs,
        withChecksum(encodeInstants(times, shapeOf(tier).stepMs || 1)),
        pieces.length === 0 ? 0 : insertPieces(tier, pieces),
        pieces.length,
      );
    },
    list(hostId, tier, fromMs, toMs) {
      const { spanMs } = shapeOf(tier);
      const rows = selectList.all(hostId, numberOf(tier), startOfSpan(fromMs, spanMs), toMs);
      return rows.map(
        (row): ChunkInfo => ({
          startMs: row.start_ms,
          firstMs: row.first_ms,
          lastMs: row.last_ms,
          points: row.points,
          receivedMs: row.received_ms,
          hasValues: row.has_values === 1,
        }),
      );
    },
    read(hostId, tier, startMs) {
      const key = keyOf(hostId, tier, startMs);
      const known = cache.get(key);
      if (known !== undefined) return known;
      const row = selectOne.get(hostId, numberOf(tier), startMs);
      if (row === undefined) return undefined;
      const times = decodeInstants(checked(row.instants));
      const body = bodyOf(row);
      const chunk = { times, values: body === null ? null : decompress(checked(body)) };
      cache.put(key, chunk);
      return chunk;
    },
    hasTick: (hostId, atMs) => instantsOf(hostId, startOfSpan(atMs, CELL_MS)).instants.has(atMs),
    hasTickValues(hostId, atMs) {
      const { instants, hasValues } = instantsOf(hostId, startOfSpan(atMs, CELL_MS));
      return hasValues && instants.has(atMs);
    },
    newestMs: (hostId) => selectNewest.get(hostId)?.newest ?? null,
    firstUncovered: (hostId, fine, coarse, beforeMs) =>
      selectUncovered.get(hostId, numberOf(fine), beforeMs, numberOf(coarse), shapeOf(coarse).spanMs)?.start_ms ?? null,
    remove(hostId, tier, startMs) {
      remembered.delete(`${hostId} ${startMs}`);
      cache.delete(keyOf(hostId, tier, startMs));
      remove.run(hostId, numberOf(tier), startMs);
    },
    dropValues(hostId, beforeMs, receivedBeforeMs, limit) {
      remembered.clear();
      cache.clear();
      return dropBody.run(hostId, beforeMs, receivedBeforeMs, limit);
    },
    removeBefore(hostId, tier, beforeMs, receivedBeforeMs, limit) {
      remembered.clear();
      cache.clear();
      return removeOld.run(hostId, numberOf(tier), beforeMs, receivedBeforeMs, limit);
    },
    removeCoveredBefore: (hostId, tier, beforeMs, coarse, limit) =>
      // The caches may keep these: deleted chunks are no longer listed, so nothing asks for them.
      removeCovered.run(hostId, numberOf(tier), beforeMs, numberOf(coarse), shapeOf(coarse).spanMs, limit),
    markDamaged(hostId, tier, startMs) {
      remembered.delete(`${hostId} ${startMs}`);
      cache.delete(keyOf(hostId, tier, startMs));
      markDamaged.run(hostId, numberOf(tier), startMs);
    },
    seal: (values) => ({ sealed: zstdCompressSync(values, COMPRESSION) }),
  };
}
