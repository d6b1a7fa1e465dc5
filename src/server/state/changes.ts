import type { LogHead, NewLogEvent } from '../../domain/event-log.ts';
import type { Write } from '../../domain/writes.ts';
import { hashEntry } from '../../trust/log-chain.ts';
import { LookupCache } from './lookup-cache.ts';
import type { Numbers } from './numbers.ts';

/** Something to do after the commit has succeeded. */
export type Effect =
  /** There is something new for the agent of this host: its waiting polls are answered. */
  { readonly kind: 'wake_polls'; readonly hostId: number };

/**
 * Collects the writes and effects of changes in memory. Code that changes memory also notes the write here, at once, so
 * that what was looked up for the batch stays true for its remaining commands.
 */
export class Changes {
  readonly #numbers: Numbers;
  /** Hash of the last entry. */
  #hash: string;
  #found = new LookupCache();
  #writes: Write[] = [];
  #effects: Effect[] = [];

  constructor(numbers: Numbers, logHead: LogHead) {
    this.#numbers = numbers;
    this.#hash = logHead.hash;
  }

  /** Begins a batch: its writes keep `found` up to date. */
  begin(found: LookupCache): void {
    this.#found = found;
  }

  write(write: Write): void {
    this.#found.note(write);
    this.#writes.push(write);
  }

  /** Appends to the event log. */
  log(event: NewLogEvent): void {
    const entry = { id: this.#numbers.next('entry'), ...event };
    this.#hash = hashEntry(this.#hash, entry);
    this.write({ kind: 'append_entry', entry, hash: this.#hash });
  }

  effect(effect: Effect): void {
    this.#effects.push(effect);
  }

  /** Returns everything since the last call. */
  take(): { readonly writes: readonly Write[]; readonly effects: readonly Effect[] } {
    const taken = { writes: this.#writes, effects: this.#effects };
    this.#writes = [];
    this.#effects = [];
    return taken;
  }
}
