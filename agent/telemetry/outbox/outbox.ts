import type { StoredTick } from './stored-tick.ts';

/** One tick in the outbox. The same object is given back to have it removed. */
export interface OutboxEntry {
  readonly tick: StoredTick;
}

/** What the outbox could not keep; it is counted here until it has been logged. */
export interface OutboxLosses {
  /** Dropped for want of room, the oldest first. */
  readonly dropped: number;
  /** Older than the server takes. */
  readonly expired: number;
  /** Places in files that could not be read back. */
  readonly damaged: number;
}

/** Ticks that wait to be delivered, in the order they came. */
export interface Outbox {
  readonly isEmpty: boolean;
  /** Keeps a tick, dropping the oldest where there is no room. Never throws: what cannot be kept is a loss. */
  append(tick: StoredTick): Promise<OutboxEntry>;
  /**
   * Up to `maxTicks` of the oldest ticks, at most `maxJsonBytes` of JSON together (but at least one tick), oldest
   * first, none recorded before `notBeforeMs`. Empty when nothing is left.
   */
  oldest(maxTicks: number, maxJsonBytes: number, notBeforeMs: number): Promise<OutboxEntry[]>;
  /** They were delivered, or never will be. */
  remove(entries: readonly OutboxEntry[]): Promise<void>;
  /** The losses since it was asked before. */
  takeLosses(): OutboxLosses;
  close(): Promise<void>;
}
