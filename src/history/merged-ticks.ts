/** Merges the ticks of rows and chunks, for any store that keeps ticks in both. */
import type { ChunkReads, TickReads } from '../domain/history-store.ts';
import type { StoredTick } from '../domain/records.ts';
import { encodeSample } from '../telemetry/sample-codec.ts';
import { decodeTicks, finishNow } from './chunk-codec.ts';
import { ChunkDamaged } from './chunk-damaged.ts';
import { sampleAt } from './tick-block.ts';

export interface TickRows {
  has(hostId: number, recordedAtMs: number): boolean;
  newestMs(hostId: number): number | null;
  /** Both ends included, in time order. */
  range(hostId: number, fromMs: number, toMs: number): Iterable<StoredTick>;
}

export type MergedTicks = Pick<TickReads, 'newestMs' | 'range' | 'rows'> & Pick<TickRows, 'has'>;

export function mergeTicks(ticks: TickRows, chunks: ChunkReads): MergedTicks {
  /** A host's latest ticks stay rows even when a chunk holds them as well. */
  function isInChunk(
    hostId: number,
    atMs: number,
    newestInChunksMs: number | null,
    besides: Parameters<TickReads['rows']>[3],
  ): boolean {
    if (newestInChunksMs === null || atMs > newestInChunksMs) return false;
    try {
      return besides === 'values' ? chunks.hasTickValues(hostId, atMs) : chunks.hasTick(hostId, atMs);
    } catch (error) {
      // Reads of the chunk itself report the damage; the row is intact.
      if (error instanceof ChunkDamaged) return false;
      throw error;
    }
  }

  function* rows(
    hostId: number,
    fromMs: number,
    toMs: number,
    besides: Parameters<TickReads['rows']>[3],
  ): Generator<StoredTick> {
    const newestMs = chunks.newestMs(hostId);
    for (const row of ticks.range(hostId, fromMs, toMs)) {
      if (!isInChunk(hostId, row.recordedAtMs, newestMs, besides)) yield row;
    }
  }

  function* compacted(hostId: number, fromMs: number, toMs: number): Generator<StoredTick> {
    for (const { startMs, hasValues } of chunks.list(hostId, 'raw', fromMs, toMs)) {
      const chunk = hasValues ? chunks.read(hostId, 'raw', startMs) : undefined;
      if (chunk === undefined || chunk.values === null) continue;
      const block = finishNow(decodeTicks(chunk.times, chunk.values));
      for (const [index, time] of block.times.entries()) {
        if (time < fromMs || time > toMs) continue;
        const sample = encodeSample(sampleAt(block, index));
        yield { hostId, recordedAtMs: time, receivedAtMs: time, tokenNumber: 0, live: false, sample };
      }
    }
  }

  function* range(hostId: number, fromMs: number, toMs: number): Generator<StoredTick> {
    const late = rows(hostId, fromMs, toMs, 'values');
    try {
      let next = late.next();
      const newestMs = chunks.newestMs(hostId);
      if (newestMs !== null && newestMs >= fromMs) {
        for (const tick of compacted(hostId, fromMs, toMs)) {
          for (; next.done !== true && next.value.recordedAtMs < tick.recordedAtMs; next = late.next())
            yield next.value;
          yield tick;
        }
      }
      for (; next.done !== true; next = late.next()) yield next.value;
    } finally {
      late.return(undefined);
    }
  }

  return {
    has: (hostId, recordedAtMs) =>
      ticks.has(hostId, recordedAtMs) || isInChunk(hostId, recordedAtMs, chunks.newestMs(hostId), 'rolled'),
    newestMs(hostId) {
      const newest = Math.max(ticks.newestMs(hostId) ?? 0, chunks.newestMs(hostId) ?? 0);
      return newest === 0 ? null : newest;
    },
    range,
    rows,
  };
}
