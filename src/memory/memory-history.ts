import { assertNever } from '../domain/errors.ts';
import type { Tier } from '../domain/history.ts';
import type { ChunkReads, HistoryChange, HistoryStore, StoredChunk } from '../domain/history-store.ts';
import { type MergedTicks, mergeTicks } from '../history/merged-ticks.ts';
import { CELL_MS, shapeOf, startOfSpan } from '../history/tiers.ts';
import type { ChunkRecord, NumberedTick, Tables } from './tables.ts';

export function ticksOf(tables: Tables, hostId: number): NumberedTick[] {
  const known = tables.ticks.get(hostId);
  if (known !== undefined) return known;
  const ticks: NumberedTick[] = [];
  tables.ticks.set(hostId, ticks);
  return ticks;
}

/** The index of a tick of that instant, or where it would be inserted. */
export function placeOf(ticks: readonly NumberedTick[], recordedAtMs: number): number {
  let [low, high] = [0, ticks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ticks[middle]?.tick.recordedAtMs ?? 0) < recordedAtMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function hasRow(tables: Tables, hostId: number, recordedAtMs: number): boolean {
  const ticks = ticksOf(tables, hostId);
  return ticks[placeOf(ticks, recordedAtMs)]?.tick.recordedAtMs === recordedAtMs;
}

function chunksOf(tables: Tables, hostId: number, tier: Tier): ChunkRecord[] {
  const key = `${hostId} ${tier}`;
  const known = tables.chunks.get(key);
  if (known !== undefined) return known;
  const chunks: ChunkRecord[] = [];
  tables.chunks.set(key, chunks);
  return chunks;
}

function readChunks(use: () => Tables): ChunkReads {
  const find = (hostId: number, tier: Tier, startMs: number): ChunkRecord | undefined =>
    chunksOf(use(), hostId, tier).find((chunk) => chunk.startMs === startMs && !chunk.isDamaged);
  const findRaw = (hostId: number, atMs: number): ChunkRecord | undefined =>
    find(hostId, 'raw', startOfSpan(atMs, CELL_MS));
  return {
    list(hostId, tier, fromMs, toMs) {
      const firstMs = startOfSpan(fromMs, shapeOf(tier).spanMs);
      return chunksOf(use(), hostId, tier)
        .filter(({ startMs, isDamaged }) => startMs >= firstMs && startMs <= toMs && !isDamaged)
        .map(({ startMs, times, receivedMs, values }) => ({
          startMs,
          firstMs: times[0] ?? startMs,
          lastMs: times.at(-1) ?? startMs,
          points: times.length,
          receivedMs,
          hasValues: values !== null,
        }));
    },
    read(hostId, tier, startMs) {
      const chunk = find(hostId, tier, startMs);
      return chunk && { times: chunk.times, values: chunk.values };
    },
    hasTick: (hostId, atMs) => findRaw(hostId, atMs)?.times.includes(atMs) === true,
    hasTickValues(hostId, atMs) {
      const chunk = findRaw(hostId, atMs);
      return chunk !== undefined && chunk.values !== null && chunk.times.includes(atMs);
    },
    newestMs: (hostId) => chunksOf(use(), hostId, 'raw').at(-1)?.times.at(-1) ?? null,
    firstUncovered(hostId, fine, coarse, beforeMs) {
      const uncovered = chunksOf(use(), hostId, fine).find(
        (chunk) => chunk.startMs < beforeMs && !chunk.isDamaged && !isCovered(use(), chunk, coarse),
      );
      return uncovered?.startMs ?? null;
    },
  };
}

function isCovered(tables: Tables, { hostId, startMs }: ChunkRecord, coarse: Tier): boolean {
  const coarseMs = startOfSpan(startMs, shapeOf(coarse).spanMs);
  return chunksOf(tables, hostId, coarse).some((chunk) => chunk.startMs === coarseMs);
}

function putChunk(tables: Tables, { hostId, tier, startMs, times, receivedMs, values }: StoredChunk): void {
  const chunks = chunksOf(tables, hostId, tier);
  removeChunks(tables, hostId, tier, 1, (chunk) => chunk.startMs === startMs);
  const row = {
    hostId,
    tier,
    startMs,
    times: [...times],
    receivedMs,
    values: values?.sealed ?? null,
    isDamaged: false,
  };
  const later = chunks.findIndex((chunk) => chunk.startMs > startMs);
  chunks.splice(later === -1 ? chunks.length : later, 0, row);
}

/** Returns how many chunks were removed. */
function removeChunks(
  tables: Tables,
  hostId: number,
  tier: Tier,
  limit: number,
  isMeant: (chunk: ChunkRecord) => boolean,
): number {
  const chunks = chunksOf(tables, hostId, tier);
  const removed = chunks.filter(isMeant).slice(0, limit);
  for (const chunk of removed) chunks.splice(chunks.indexOf(chunk), 1);
  return removed.length;
}

/** Makes reads skip the chunk from now on. Returns a function that undoes it. */
export function markDamaged(tables: Tables, hostId: number, tier: Tier, startMs: number): () => void {
  const chunk = chunksOf(tables, hostId, tier).find((one) => one.startMs === startMs && !one.isDamaged);
  if (chunk === undefined) return () => {};
  chunk.isDamaged = true;
  return () => {
    chunk.isDamaged = false;
  };
}

/** Never fails, so a commit needs no undoing. Returns how many chunks were deleted or emptied. */
function apply(tables: Tables, change: HistoryChange): number {
  switch (change.kind) {
    case 'put_chunk':
      putChunk(tables, change.chunk);
      return 0;
    case 'remove_chunk':
      removeChunks(tables, change.hostId, change.tier, 1, ({ startMs }) => startMs === change.startMs);
      return 0;
    case 'remove_row': {
      const ticks = ticksOf(tables, change.hostId);
      if (hasRow(tables, change.hostId, change.recordedAtMs)) ticks.splice(placeOf(ticks, change.recordedAtMs), 1);
      return 0;
    }
    case 'drop_values': {
      const old = chunksOf(tables, change.hostId, 'raw')
        .filter(({ startMs, receivedMs }) => startMs < change.beforeMs && receivedMs < change.receivedBeforeMs)
        .filter(({ values }) => values !== null)
        .slice(0, change.limit);
      for (const chunk of old) chunk.values = null;
      return old.length;
    }
    case 'remove_received_before': {
      const isOld = ({ startMs, receivedMs }: ChunkRecord): boolean =>
        startMs < change.beforeMs && receivedMs < change.receivedBeforeMs;
      return removeChunks(tables, change.hostId, change.tier, change.limit, isOld);
    }
    case 'remove_covered_before': {
      const isNeeded = (chunk: ChunkRecord): boolean => !chunk.isDamaged && !isCovered(tables, chunk, change.coarse);
      const isOld = (chunk: ChunkRecord): boolean => chunk.startMs < change.beforeMs && !isNeeded(chunk);
      return removeChunks(tables, change.hostId, change.tier, change.limit, isOld);
    }
    default:
      return assertNever(change);
  }
}

/** `use` returns the tables, and throws after the store is closed. */
export function createMemoryHistory(use: () => Tables): HistoryStore & { readonly merged: MergedTicks } {
  const rangeOf = (hostId: number, fromMs: number, toMs: number): NumberedTick[] => {
    const ticks = ticksOf(use(), hostId);
    return ticks.slice(placeOf(ticks, fromMs), placeOf(ticks, toMs + 1));
  };
  const chunks = readChunks(use);
  const merged = mergeTicks(
    {
      has: (hostId, recordedAtMs) => hasRow(use(), hostId, recordedAtMs),
      newestMs: (hostId) => ticksOf(use(), hostId).at(-1)?.tick.recordedAtMs ?? null,
      range: (hostId, fromMs, toMs) => rangeOf(hostId, fromMs, toMs).map(({ tick }) => tick),
    },
    chunks,
  );
  return {
    merged,
    chunks,
    ticks: {
      newestMs: merged.newestMs,
      range: merged.range,
      rows: merged.rows,
      oldestRows: (hostId, beforeMs, limit) =>
        rangeOf(hostId, Number.NEGATIVE_INFINITY, beforeMs - 1)
          .slice(0, limit)
          .map(({ tick }) => tick.recordedAtMs),
      rowsToCompact: (hostId, fromMs, toMs) => rangeOf(hostId, fromMs, toMs).map(({ tick }) => tick),
    },
    seal: (values) => ({ sealed: Uint8Array.from(values) }),
    commit: (changes) => changes.reduce((deleted, change) => deleted + apply(use(), change), 0),
    reclaim: () => false,
  };
}
