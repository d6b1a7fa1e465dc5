import type { OutboxTick } from './outbox-tick.ts';

/** One tick in the outbox; the same object is passed to `remove`. */
export interface OutboxEntry {
  readonly tick: OutboxTick;
}

/** How many ticks the outbox could not keep. */
export interface OutboxLosses {
  /** Dropped because the outbox was full, the oldest first. */
  readonly dropped: number;
  /** Too old for the server to take. */
  readonly expired: number;
  /** Places in files that could not be read back. */
  readonly damaged: number;
}

/** Ticks that wait to be delivered, in the order in which they were appended. */
export interface Outbox {
  readonly isEmpty: boolean;
  /** Keeps a tick, dropping the oldest when there is no room. */
  append(tick: OutboxTick): Promise<OutboxEntry>;
  /**
   * Up to `maxTicks` of the oldest ticks, at most `maxJsonBytes` of JSON together (but at least one tick), oldest
   * first, none recorded before `notBeforeMs`. Empty when nothing is left.
   */
  oldest(maxTicks: number, maxJsonBytes: number, notBeforeMs: number): Promise<OutboxEntry[]>;
  /** Removes ticks that were delivered or never will be. */
  remove(entries: readonly OutboxEntry[]): Promise<void>;
  /** The losses since the last call. */
  takeLosses(): OutboxLosses;
  close(): Promise<void>;
}
