/** What the parts of the server count about themselves, for `/metrics`. */
import type { ForwardingBacklog } from './forwarding-store.ts';

export interface QueueFigures {
  readonly depth: number;
  readonly limit: number;
}

/** What the ageing of history has come to since the start. */
export interface CompactionFigures {
  /** Rows taken into chunks. */
  readonly ticks: number;
  /** Chunks written. */
  readonly chunks: number;
  /** Chunks deleted, or left without their values. */
  readonly deletions: number;
  /** Time spent. */
  readonly seconds: number;
  /** Pieces of work that were undone: a full disk, a lock, a defect. */
  readonly failures: number;
}

/** What became of a request to the remote store: `failed` ones are tried again, the last two are lost. */
export const FORWARDING_OUTCOMES = ['sent', 'failed', 'refused', 'dropped'] as const;

export type ForwardingOutcome = (typeof FORWARDING_OUTCOMES)[number];

export interface ForwardingFigures {
  /** Since the start. */
  readonly requests: Readonly<Record<ForwardingOutcome, number>>;
  readonly backlog: ForwardingBacklog;
}
