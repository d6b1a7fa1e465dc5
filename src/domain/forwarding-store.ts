import type { StoredTick } from './records.ts';

export interface ForwardingBacklog {
  /** Requests in the queue. */
  readonly requests: number;
  readonly requestBytes: number;
  /** Upper bound of the ticks that are neither sent nor queued. */
  readonly ticks: number;
  /** When the oldest of all this arrived; null when nothing waits. */
  readonly oldestAtMs: number | null;
}

/** Ticks that are neither sent nor queued, in the order in which they were stored, and the position after them. */
export interface PendingTicks {
  readonly ticks: readonly StoredTick[];
  readonly position: ForwardingPosition;
}

/** A position in the order of ticks. Only the store that issued it can interpret it. */
export interface ForwardingPosition {
  readonly after: number;
}

/** Ticks and queued requests for a remote store. Every change is durable when the call returns. */
export interface ForwardingStore {
  backlog(): ForwardingBacklog;
  /** Only rows: a tick that is compacted before its turn is not forwarded. Null when there are none. */
  pending(limit: number): PendingTicks | null;
  /** Notes that the ticks before `position` have been sent. */
  moveTo(position: ForwardingPosition): void;
  /** Queues the ticks before `position` as this request. */
  putOff(atMs: number, body: Uint8Array, position: ForwardingPosition): void;
  /** The oldest request in the queue. */
  first(): { readonly number: number; readonly body: Uint8Array } | undefined;
  remove(number: number): void;
  /** Drops requests from before `beforeMs`, then the oldest until at most `maxBytes` are left. Returns how many. */
  trim(beforeMs: number, maxBytes: number): number;
}
