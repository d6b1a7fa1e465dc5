/** Figures that the parts of the server keep for `/metrics`. */
import type { ForwardingBacklog } from './forwarding-store.ts';

export interface QueueFigures {
  readonly depth: number;
  readonly limit: number;
}

/** Work of the compactor since the start. */
export interface CompactionFigures {
  /** Rows compacted into chunks. */
  readonly ticks: number;
  /** Chunks written. */
  readonly chunks: number;
  /** Chunks that were deleted or lost their values. */
  readonly deletions: number;
  /** Time spent. */
  readonly seconds: number;
  /** Steps that failed: a full disk, a lock, a defect. */
  readonly failures: number;
}

/** Outcome of a request to the remote store: `failed` ones are retried, `refused` and `dropped` ones are lost. */
export const FORWARDING_OUTCOMES = ['sent', 'failed', 'refused', 'dropped'] as const;

export type ForwardingOutcome = (typeof FORWARDING_OUTCOMES)[number];

export interface ForwardingFigures {
  /** Since the start. */
  readonly requests: Readonly<Record<ForwardingOutcome, number>>;
  readonly backlog: ForwardingBacklog;
}
