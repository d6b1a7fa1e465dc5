/**
 * History as a store keeps it: ticks as rows at first, later compacted into chunks. Fails as the rest of the store does;
 * reads of a chunk also throw `ChunkDamaged`.
 */
import type { Tier } from './history.ts';
import type { StoredTick } from './records.ts';

export interface TickReads {
  /** When the newest tick was recorded, live or back-filled; null when there is none. */
  newestMs(hostId: number): number | null;
  /**
   * Ticks from `fromMs` to `toMs`, both included, in time order, from rows and chunks. A chunk keeps only the instant and
   * the sample of a tick: such a tick is not live, has token 0, and counts as received when it was recorded.
   */
  range(hostId: number, fromMs: number, toMs: number): Iterable<StoredTick>;
  /** As {@link range}, but only ticks that no chunk holds: none with values (`values`), or none at all (`rolled`). */
  rows(hostId: number, fromMs: number, toMs: number, besides: 'values' | 'rolled'): Iterable<StoredTick>;
  /** Instants of the oldest rows before `beforeMs`, including rows that a chunk holds as well. */
  oldestRows(hostId: number, beforeMs: number, limit: number): number[];
  /** Every row of the span, including rows that a chunk holds as well, in time order. */
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

/** Every read skips chunks that are marked as damaged. */
export interface ChunkReads {
  /** Chunks whose span touches `fromMs` to `toMs`, in time order. */
  list(hostId: number, tier: Tier, fromMs: number, toMs: number): ChunkInfo[];
  /** The values are as they were before {@link HistoryStore.seal}; null when only the instants are kept. */
  read(
    hostId: number,
    tier: Tier,
    startMs: number,
  ): { readonly times: readonly number[]; readonly values: Uint8Array | null } | undefined;
  /** Whether a raw chunk holds a tick of that instant. */
  hasTick(hostId: number, atMs: number): boolean;
  /** As {@link hasTick}, but only if the chunk still has its values. */
  hasTickValues(hostId: number, atMs: number): boolean;
  /** When the newest tick in a raw chunk was recorded. */
  newestMs(hostId: number): number | null;
  /** The start of the first `fine` chunk before `beforeMs` without a `coarse` chunk over it. */
  firstUncovered(hostId: number, fine: Tier, coarse: Tier, beforeMs: number): number | null;
}

export interface HistoryReads {
  readonly ticks: TickReads;
  readonly chunks: ChunkReads;
}

/** The values of a chunk in the form of one kind of store. Only that store may be given them. */
export interface SealedValues {
  readonly sealed: Uint8Array;
}

/** The points of one host over one span. Their values are encoded by `history/chunk-codec`. */
export interface StoredChunk {
  readonly hostId: number;
  readonly tier: Tier;
  readonly startMs: number;
  /** Instants of the points, ascending. */
  readonly times: readonly number[];
  /** Raw chunks: when the last of the ticks was received, by the server's clock. Others: 0. */
  readonly receivedMs: number;
  /** Null: only the instants are kept. */
  readonly values: SealedValues | null;
}

/** Changes that the ageing of history makes, as data. */
export type HistoryChange =
  /** Replaces the chunk of the same span. */
  | { readonly kind: 'put_chunk'; readonly chunk: StoredChunk }
  | { readonly kind: 'remove_chunk'; readonly hostId: number; readonly tier: Tier; readonly startMs: number }
  | { readonly kind: 'remove_row'; readonly hostId: number; readonly recordedAtMs: number }
  /** Empties raw chunks that start and were received before these times; their instants stay. */
  | ({ readonly kind: 'drop_values' } & ReceivedBefore)
  | ({ readonly kind: 'remove_received_before'; readonly tier: Tier } & ReceivedBefore)
  /** Deletes chunks that start before that time and have a `coarse` chunk over them, and damaged ones. */
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
  /** Maximum number of chunks. */
  readonly limit: number;
}

export interface HistoryStore extends HistoryReads {
  /** Separate from the commit because it takes as long as the rest of it. */
  seal(values: Uint8Array): SealedValues;
  /** Makes all changes, durably, or none. Returns how many chunks the last three kinds of change deleted or emptied. */
  commit(changes: readonly HistoryChange[]): number;
  /** Returns some space to the disk when much is unused. Returns whether it did. */
  reclaim(): boolean;
}
