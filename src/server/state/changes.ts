import type { LogHead, NewLogEvent } from '../../domain/event-log.ts';
import type { Write } from '../../domain/writes.ts';
import { hashEntry } from '../../trust/log-chain.ts';
import { LookupCache } from './lookup-cache.ts';
import type { Numbers } from './numbers.ts';

/** What is done once a commit has succeeded, and never before. */
export type Effect =
  /** The agent of this host has something new to be told: its waiting polls are answered. */
  { readonly kind: 'wake_polls'; readonly hostId: number };

/**
 * Collects what is to be stored because of a change in memory: whoever changes memory notes the write in the same
 * breath. So what was looked up for the batch stays true for the commands that are still to be handled.
 */
export class Changes {
  readonly #numbers: Numbers;
  /** Of the last entry. */
  #hash: string;
  #found = new LookupCache();
  #writes: Write[] = [];
  #effects: Effect[] = [];

  constructor(numbers: Numbers, logHead: LogHead) {
    this.#numbers = numbers;
    this.#hash = logHead.hash;
  }

  /** From now on writes keep `found` up to date. */
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

  /** Everything since it was last taken. */
  take(): { readonly writes: readonly Write[]; readonly effects: readonly Effect[] } {
    const taken = { writes: this.#writes, effects: this.#effects };
    this.#writes = [];
    this.#effects = [];
    return taken;
  }
}
