/**
 * The log as a hash chain. The hash of an entry covers the hash before it and the entry itself, with its data represented
 * by their SHA-256. One remembered hash (a
 * checkpoint) proves later that no entry before it was changed, removed, added or swapped.
 */
import { hash } from 'node:crypto';
import { NexusError } from '../domain/errors.ts';
import { type LogEvent, type LogHead, NO_ENTRY } from '../domain/event-log.ts';
import { formatInstant } from '../domain/instant.ts';
import { canonicalText } from './canonical-json.ts';

const PREFIX = Buffer.from('nexus.log/1\n');
/** The last instant that ECMAScript can name. */
const MAX_DATE_MS = 8.64e15;
const HASH = /^[0-9a-f]{64}$/;

/** SHA-256 of an entry's data as RFC 8785 text; half of a surrogate pair has no such text, and the JSON stands for it. */
function hashData(data: LogEvent['data']): string {
  try {
    return hash('sha256', canonicalText(data), 'hex');
  } catch (error) {
    if (!(error instanceof NexusError)) throw error;
    return hash('sha256', canonicalText(JSON.stringify(data)), 'hex');
  }
}

/** An entry's hash, 64 hex digits; `previous` is that of the entry before. */
export function hashEntry(previous: string, { id, atMs, kind, host, rolloutId, data }: LogEvent): string {
  const covered = { id, at: formatInstant(atMs), kind, host, rollout_id: rolloutId, data_sha256: hashData(data) };
  const text = canonicalText(covered);
  return hash('sha256', Buffer.concat([PREFIX, Buffer.from(previous, 'hex'), Buffer.from(text)]), 'hex');
}

/** An entry as it is stored. */
export interface ChainedEntry {
  readonly id: number;
  /** Null: what is stored cannot be read. */
  readonly entry: LogEvent | null;
  /** Null: a Nexus wrote it that did not chain the log yet. */
  readonly hash: string | null;
}

export interface BadEntry {
  readonly id: number;
  readonly why: string;
}

/** Verifies a log entry by entry, in the order of their ids, in constant memory. */
export class ChainVerifier {
  readonly #known: ReadonlyMap<number, { readonly hash: string; readonly source: string }>;
  #head = NO_ENTRY;
  #uncovered = 0;

  /** `known`: heads that others remember, by id, with who remembers them. */
  constructor(known: ReadonlyMap<number, { readonly hash: string; readonly source: string }> = new Map()) {
    this.#known = known;
  }

  get head(): LogHead {
    return this.#head;
  }

  /** The first entries, written before the log was chained: no hash covers them. */
  get uncovered(): number {
    return this.#uncovered;
  }

  /** Null if the entry is in order. After the first that is not, no later answer means anything. */
  add(chained: ChainedEntry): BadEntry | null {
    const { id, hash: stored } = chained;
    const why = this.#explain(chained);
    if (why !== null) return { id, why };
    if (stored === null) this.#uncovered = id;
    this.#head = { id, hash: stored ?? NO_ENTRY.hash };
    return null;
  }

  /** Call this after the last entry: it finds a remembered head that the log does not reach. */
  finish(): BadEntry | null {
    const missing = [...this.#known].filter(([id]) => id > this.#head.id).sort(([a], [b]) => a - b)[0];
    if (missing === undefined) return null;
    const [id, { source }] = missing;
    return { id, why: `the log ends at entry ${this.#head.id}, and ${source} has seen entry ${id}` };
  }

  #explain({ id, entry, hash: stored }: ChainedEntry): string | null {
    const expected = this.#head.id + 1;
    if (id !== expected) return `entry ${expected} is expected after ${this.#head.id}, and ${id} follows`;
    if (entry === null || Math.abs(entry.atMs) > MAX_DATE_MS) return 'it cannot be read';
    if (stored === null) {
      if (this.#head.id > this.#uncovered) return 'it has no hash, and the entry before it has one';
    } else if (hashEntry(this.#head.hash, entry) !== stored) {
      return 'its hash does not follow from its content and the entry before it';
    }
    const known = this.#known.get(id);
    if (known !== undefined && known.hash !== stored) return `${known.source} has seen another entry ${id}`;
    return null;
  }
}

/** A text to sign and keep elsewhere, in the form of a C2SP tlog-checkpoint: origin, size, hash. */
export function formatCheckpoint(fleet: string, head: LogHead): string {
  return `nexus/${fleet}\n${head.id}\n${Buffer.from(head.hash, 'hex').toString('base64')}\n`;
}

/** The head in a checkpoint of this fleet; null for any other text. */
export function parseCheckpoint(fleet: string, text: string): LogHead | null {
  const [, origin = '', id = '', base64 = ''] = /^nexus\/([^\n]*)\n([0-9]{1,16})\n([^\n]*)\n$/.exec(text) ?? [];
  const bytes = Buffer.from(base64, 'base64');
  const head = { id: Number(id), hash: bytes.toString('hex') };
  const isCanonical = bytes.toString('base64') === base64 && String(head.id) === id && Number.isSafeInteger(head.id);
  return origin === fleet && isCanonical && HASH.test(head.hash) ? head : null;
}
