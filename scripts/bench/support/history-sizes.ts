/** What history takes on the disk, by tier, in a directory that nobody has open. */
import { statSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { TIERS, type Tier } from '../../../src/domain/history.ts';
import type { Store } from '../../../src/domain/store.ts';
import { decodeRolled, decodeTicks, finishNow } from '../../../src/history/chunk-codec.ts';
import { shapeOf } from '../../../src/history/tiers.ts';
import { openStore } from '../../../src/sqlite/open-store.ts';
import { decodeSample } from '../../../src/telemetry/sample-codec.ts';

/** Of a chunk's row and its entry in the index, beside its instants; and of a piece's row. */
const HEAD_BYTES = 60;
const PIECE_HEAD_BYTES = 14;

const bytes = (value: number): string =>
  value > 1e9 ? `${(value / 1e9).toFixed(2)} GB` : `${(value / 1e6).toFixed(2)} MB`;

interface Measured {
  readonly store: Store;
  /** Number of each host. */
  readonly hosts: readonly number[];
  readonly endMs: number;
  readonly database: Database.Database;
}

function measure<T>(directory: string, endMs: number, work: (measured: Measured) => T): T {
  const store = openStore(directory, endMs);
  const database = new Database(path.join(directory, 'nexus.db'), { readonly: true });
  try {
    return work({ store, hosts: store.hosts().map((host) => host.id), endMs, database });
  } finally {
    database.close();
    store.close();
  }
}

function pagesOf(database: Database.Database, ...tables: readonly string[]): { bytes: number; unusedShare: number } {
  const names = tables.map((name) => `'${name}'`).join(', ');
  const [size, unused] = database
    .prepare(`SELECT coalesce(sum(pgsize), 0), coalesce(sum(unused), 0) FROM dbstat WHERE name IN (${names})`)
    .raw()
    .get() as [number, number];
  return { bytes: size, unusedShare: size === 0 ? 0 : unused / size };
}

/** Numbers that a chunk holds, found by reading it. */
function countNumbers(tier: Tier, times: readonly number[], values: Uint8Array): { points: number; numbers: number } {
  let points = 0;
  let numbers = 0;
  const count = (column: Float64Array): void => {
    for (const value of column) if (!Number.isNaN(value)) numbers += 1;
  };
  if (tier === 'raw') {
    for (const series of finishNow(decodeTicks(times, values)).series.values()) {
      for (const flag of series.present) points += flag;
      for (const column of series.columns) count(column);
    }
    return { points, numbers };
  }
  for (const series of finishNow(decodeRolled(times, values, shapeOf(tier).stepMs)).series.values()) {
    for (const flag of series.present) points += flag;
    for (const columns of series.columns) {
      if (columns.kind === 'counter') count(columns.last);
      else for (const column of [columns.min, columns.max, columns.sum]) count(column);
    }
  }
  return { points, numbers };
}

function countTier({ store, hosts, endMs }: Measured, tier: Tier): { points: number; numbers: number } {
  const sum = { points: 0, numbers: 0 };
  for (const id of hosts) {
    for (const { startMs, hasValues } of store.history.chunks.list(id, tier, 0, endMs)) {
      const chunk = hasValues ? store.history.chunks.read(id, tier, startMs) : undefined;
      if (chunk === undefined || chunk.values === null) continue;
      const { points, numbers } = countNumbers(tier, chunk.times, chunk.values);
      sum.points += points;
      sum.numbers += numbers;
    }
  }
  return sum;
}

interface Payload {
  readonly count: number;
  readonly heads: number;
  readonly bodies: number;
}

/** Of a tier's chunks with or without values: what it puts into the pages of its tables. */
function payloadOf({ database }: Measured, tier: Tier, hasValues: boolean): Payload {
  return database
    .prepare(
      `SELECT count(*) AS count, coalesce(sum(length(instants) + ${HEAD_BYTES}), 0) AS heads,
         coalesce(sum((SELECT sum(length(piece) + ${PIECE_HEAD_BYTES}) FROM chunk_pieces
           WHERE pieces > 0 AND number BETWEEN first_piece AND first_piece + pieces - 1)), 0) AS bodies
       FROM chunks WHERE tier = ? AND (pieces > 0) = ?`,
    )
    .get(TIERS.indexOf(tier), hasValues ? 1 : 0) as Payload;
}

/** Prints what chunks take by tier, with everything included; returns the same figures by name. */
export function measureChunks(directory: string, endMs: number, say: (text: string) => void): Record<string, number> {
  return measure(directory, endMs, (measured) => {
    const results: Record<string, number> = {};
    const payloads = TIERS.flatMap((tier) => [payloadOf(measured, tier, true), payloadOf(measured, tier, false)]);
    const heads = pagesOf(measured.database, 'chunks', 'chunks_by_host');
    const bodies = pagesOf(measured.database, 'chunk_pieces');
    const sumOf = (part: 'heads' | 'bodies'): number => payloads.reduce((sum, payload) => sum + payload[part], 0);
    const [headFactor, bodyFactor] = [heads.bytes / sumOf('heads'), bodies.bytes / sumOf('bodies')];
    const onDisk = (payload: Payload): number => payload.heads * headFactor + payload.bodies * bodyFactor;
    let allNumbers = 0;
    say('tier   chunks     points      numbers   bytes on disk   bytes per number');
    for (const tier of TIERS) {
      const payload = payloadOf(measured, tier, true);
      const { points, numbers } = countTier(measured, tier);
      allNumbers += numbers;
      const perNumber = onDisk(payload) / numbers;
      results[`bytes_per_number_${tier}`] = perNumber;
      say(
        `${tier.padEnd(6)} ${String(payload.count).padStart(6)} ${String(points).padStart(10)} ${String(numbers).padStart(12)} ${bytes(onDisk(payload)).padStart(15)} ${perNumber.toFixed(2).padStart(18)}`,
      );
    }
    const known = payloadOf(measured, 'raw', false);
    say(
      `known  ${String(known.count).padStart(6)} spans of ticks whose values are gone ${bytes(onDisk(known)).padStart(18)}`,
    );
    const all = (heads.bytes + bodies.bytes) / allNumbers;
    const share = (pages: { unusedShare: number }): string => `${(pages.unusedShare * 100).toFixed(0)} %`;
    say(
      `all chunks: ${all.toFixed(2)} bytes per number, known spans, index and unused parts of pages included (of heads ${share(heads)}, of bodies ${share(bodies)})`,
    );
    return { ...results, bytes_per_number_all: all };
  });
}

/** Prints what the ticks take that no chunk holds yet; returns the same figures by name. */
export function measureRows(directory: string, endMs: number, say: (text: string) => void): Record<string, number> {
  return measure(directory, endMs, ({ store, hosts, database }) => {
    const pages = pagesOf(database, 'ticks', 'ticks_by_host');
    let rows = 0;
    let values = 0;
    for (const id of hosts) {
      for (const tick of store.history.ticks.rows(id, 0, endMs, 'values')) {
        rows += 1;
        const { metrics, containers } = decodeSample(tick.sample);
        for (const one of [metrics, ...(containers ?? []).map((container) => container.metrics)]) {
          for (const value of Object.values(one)) if (value !== null) values += 1;
        }
      }
    }
    say(
      `rows   ${String(rows).padStart(6)} ticks, ${values} values: ${(pages.bytes / values).toFixed(2)} bytes per value`,
    );
    return { bytes_per_value_rows: pages.bytes / values };
  });
}

export function measureFile(directory: string, endMs: number, say: (text: string) => void): Record<string, number> {
  return measure(directory, endMs, ({ database }) => {
    const free = Number(database.pragma('freelist_count', { simple: true })) * 4096;
    const size = statSync(path.join(directory, 'nexus.db')).size;
    say(`file: ${bytes(size)}, of that ${bytes(free)} free for the next hours`);
    return { file_bytes: size, free_bytes: free };
  });
}
