import type { StoredTick } from './records.ts';

export interface ForwardingBacklog {
  /** Put off into the queue. */
  readonly requests: number;
  readonly requestBytes: number;
  /** Ticks not sent and not put off, at most. */
  readonly ticks: number;
  /** When the oldest of all came; null: nothing waits. */
  readonly oldestAtMs: number | null;
}

/** Ticks that were neither sent nor put off, in the order in which they were stored, and where the next ones begin. */
export interface PendingTicks {
  readonly ticks: readonly StoredTick[];
  readonly position: ForwardingPosition;
}

/** A place among the ticks, which only the store can read. */
export interface ForwardingPosition {
  readonly after: number;
}

/** What is to be sent to a remote store. Every call that changes something is durable when it returns. */
export interface ForwardingStore {
  backlog(): ForwardingBacklog;
  /** Rows alone: a tick that was compacted before it came to its turn is not forwarded. Null: there are none. */
  pending(limit: number): PendingTicks | null;
  /** The ticks before `position` have been sent. */
  moveTo(position: ForwardingPosition): void;
  /** The ticks before `position` are to be sent later, as this request. */
  putOff(atMs: number, body: Uint8Array, position: ForwardingPosition): void;
  /** The oldest request that was put off. */
  first(): { readonly number: number; readonly body: Uint8Array } | undefined;
  remove(number: number): void;
  /** Drops requests put off before `beforeMs`, and the oldest until at most `maxBytes` are left; returns how many. */
  trim(beforeMs: number, maxBytes: number): number;
}
