/** The committed entries of the log, as one stream that any number of readers follow, each at its own pace. */
import type { LogEvent } from './event-log.ts';

export interface FeedFilter {
  /** Entries about this host alone. */
  readonly host?: string | undefined;
  /** Entries of this rollout alone. */
  readonly rolloutId?: string | undefined;
}

/** Where one reader stands. Nothing is kept for it: it fetches what follows its position when it comes for it. */
export interface FeedCursor {
  /** Every entry up to this id has been handed over, or does not match the filter. */
  readonly position: number;
  /**
   * The entries that follow, in order; empty when none has come for `waitMs`; null once the feed or the cursor is
   * closed. For one caller at a time. Rejects with `store_unavailable` while the log cannot be read.
   */
  next(waitMs: number): Promise<readonly LogEvent[] | null>;
  close(): void;
}

export interface FeedFigures {
  /** Open cursors of this name. */
  readonly cursors: number;
  /** Entries that the slowest of them has not been handed. */
  readonly lag: number;
}

export interface Feed {
  /**
   * A cursor called `name` after the entry `after`; null: after the newest. Throws `overloaded` when too many are open,
   * `store_unavailable` while there is no log.
   */
  open(name: string, after: number | null, filter: FeedFilter): FeedCursor;
  /** Calls `onTicks` after every commit that has stored ticks. */
  followTicks(onTicks: () => void): void;
  /** By the names of cursors. */
  figures(): ReadonlyMap<string, FeedFigures>;
}
