/**
 * History as a store keeps it: rows of ticks as they came, and chunks, into which rows are compacted. Whatever throws,
 * throws as the rest of the store does; reads of a chunk also throw `ChunkDamaged`.
 */
import type { Tier } from './history.ts';
import type { StoredTick } from './records.ts';

export interface TickReads {
  /** When the newest tick was recorded, live or back-filled; null when there is none. */
  newestMs(hostId: number): number | null;
  /**
   * From `fromMs` to `toMs`, both included, in time order, out of rows and chunks. Of a tick out of a chunk only the
   * instant and the sample are known: it is not live, of token 0, and received when it was recorded.
   */
  range(hostId: number, fromMs: number, toMs: number): Iterable<StoredTick>;
  /** As {@link range}, of the ticks alone that no chunk holds, with its values or (`rolled`) at all. */
  rows(hostId: number, fromMs: number, toMs: number, besides: 'values' | 'rolled'): Iterable<StoredTick>;
  /** The instants of the oldest rows before `beforeMs`, those in chunks too that are rows still. */
  oldestRows(hostId: number, beforeMs: number, limit: number): number[];
  /** Every row of the span, those in chunks too, in time order. */
  rowsToCompact(hostId: number, fromMs: number, toMs: number): StoredTick[];
}

export interface ChunkInfo {
  readonly startMs: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly points: number;
  readonly receivedMs: number;
  readonly hasValues: boolean;
}

/** Chunks marked as damaged are passed over by every read. */
export interface ChunkReads {
  /** Those whose span touches `fromMs` to `toMs`, in time order. */
  list(hostId: number, tier: Tier, fromMs: number, toMs: number): ChunkInfo[];
  /** Values as they were before {@link HistoryStore.seal}; null: only the instants are kept. */
  read(
    hostId: number,
    tier: Tier,
    startMs: number,
  ): { readonly times: readonly number[]; readonly values: Uint8Array | null } | undefined;
  /** Whether a raw chunk holds a tick of that instant. */
  hasTick(hostId: number, atMs: number): boolean;
  /** As {@link hasTick}, of a chunk that holds the values too. */
  hasTickValues(hostId: number, atMs: number): boolean;
  /** When the newest tick in a raw chunk was recorded. */
  newestMs(hostId: number): number | null;
  /** The start of the first chunk of `fine` before `beforeMs` over which there is none of `coarse`. */
  firstUncovered(hostId: number, fine: Tier, coarse: Tier, beforeMs: number): number | null;
}

export interface HistoryReads {
  readonly ticks: TickReads;
  readonly chunks: ChunkReads;
}

/** The values of a chunk in the form in which one kind of store keeps them. No other may be given them. */
export interface SealedValues {
  readonly sealed: Uint8Array;
}

/** The points of one host over one span; what the values say is known to `history/chunk-codec`. */
export interface StoredChunk {
  readonly hostId: number;
  readonly tier: Tier;
  readonly startMs: number;
  /** Of its points, ascending. */
  readonly times: readonly number[];
  /** Of raw ones: when the last of its ticks was received, by the server's clock; else 0. */
  readonly receivedMs: number;
  /** Null: only the instants are kept. */
  readonly values: SealedValues | null;
}

/** What the ageing of history changes, as data. */
export type HistoryChange =
  /** Replaces the chunk of the same span. */
  | { readonly kind: 'put_chunk'; readonly chunk: StoredChunk }
  | { readonly kind: 'remove_chunk'; readonly hostId: number; readonly tier: Tier; readonly startMs: number }
  | { readonly kind: 'remove_row'; readonly hostId: number; readonly recordedAtMs: number }
  /** Of raw chunks that start and were received before that; keeps their instants. */
  | ({ readonly kind: 'drop_values' } & ReceivedBefore)
  | ({ readonly kind: 'remove_received_before'; readonly tier: Tier } & ReceivedBefore)
  /** Chunks that start before that and over which there is one of `coarse`, and damaged ones. */
  | {
      readonly kind: 'remove_covered_before';
      readonly hostId: number;
      readonly tier: Tier;
      readonly coarse: Tier;
      readonly beforeMs: number;
      readonly limit: number;
    };

interface ReceivedBefore {
  readonly hostId: number;
  readonly beforeMs: number;
  readonly receivedBeforeMs: number;
  /** Chunks at most. */
  readonly limit: number;
}

export interface HistoryStore extends HistoryReads {
  /** Apart from the commit, as it takes as long as all the rest. */
  seal(values: Uint8Array): SealedValues;
  /** All of it or nothing, durably. Returns how many chunks the last three kinds of change have deleted or emptied. */
  commit(changes: readonly HistoryChange[]): number;
  /** Gives a little space back to the disk when much is unused; returns whether it did. */
  reclaim(): boolean;
}
