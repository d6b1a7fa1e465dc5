/**
 * The feed of committed entries. The writer announces what each commit has added; the newest entries are kept in memory,
 * so that a reader that keeps up costs the store nothing. A reader that has fallen behind reads pages of the log.
 *
 *     commit ─► writer ─► recent entries ─► cursor ─► stream, watch, …
 *                              log page ───────┘   (a reader that is behind)
 */
import { invariant, NexusError } from '../../domain/errors.ts';
import type { LogEvent } from '../../domain/event-log.ts';
import type { Feed, FeedCursor, FeedFigures, FeedFilter } from '../../domain/feed.ts';
import type { Runtime, Timer } from '../../domain/runtime.ts';
import type { Writer } from '../writer.ts';

export const FEED_LIMITS = {
  /** The newest entries, kept in memory for readers who keep up. */
  recent: 1_024,
  /** Entries handed over at once. */
  page: 500,
  /** Open cursors; one more is refused. */
  cursors: 256,
} as const;

type Source = Pick<Writer, 'follow' | 'followAttachments' | 'read' | 'attached'>;

function matches(entry: LogEvent, { host, rolloutId }: FeedFilter): boolean {
  return (host === undefined || entry.host === host) && (rolloutId === undefined || entry.rolloutId === rolloutId);
}

interface Page {
  readonly entries: readonly LogEvent[];
  readonly position: number;
}

export class CommittedFeed implements Feed {
  readonly #source: Source;
  readonly #runtime: Pick<Runtime, 'setTimer'>;
  readonly #cursors = new Set<Cursor>();
  readonly #tickFollowers: Array<() => void> = [];
  /** In the order of their ids, without a gap. */
  #recent: LogEvent[] = [];
  #isClosed = false;

  constructor(source: Source, runtime: Pick<Runtime, 'setTimer'>) {
    this.#source = source;
    this.#runtime = runtime;
    source.follow(({ entries, ticks }) => {
      this.#take(entries);
      if (ticks > 0) for (const onTicks of this.#tickFollowers) onTicks();
    });
    source.followAttachments(() => {
      this.#recent = [];
      this.#wakeAll();
    });
  }

  #take(entries: readonly LogEvent[]): void {
    if (entries.length === 0) return;
    // A store that was restored from a backup may have gone back: what is remembered is of another log then.
    if (this.#recent.length > 0 && entries[0]?.id !== this.#newestId + 1) this.#recent = [];
    this.#recent.push(...entries);
    // Cut in halves: a cut for every entry would move the rest each time.
    if (this.#recent.length > 2 * FEED_LIMITS.recent) this.#recent = this.#recent.slice(-FEED_LIMITS.recent);
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (const cursor of this.#cursors) cursor.wake();
  }

  get #newestId(): number {
    return this.#recent.at(-1)?.id ?? 0;
  }

  open(name: string, after: number | null, filter: FeedFilter): FeedCursor {
    if (this.#isClosed) throw new NexusError('overloaded', 'the server is shutting down: try again shortly');
    if (this.#cursors.size >= FEED_LIMITS.cursors) {
      throw new NexusError('overloaded', `${FEED_LIMITS.cursors} readers follow the log already: try again later`);
    }
    const position = after ?? (this.#newestId || this.#source.attached().state.numbers.last('entry'));
    const cursor = new Cursor(name, position, this.#runtime, {
      read: (from) => this.#read(from, filter),
      closed: () => void this.#cursors.delete(cursor),
    });
    this.#cursors.add(cursor);
    return cursor;
  }

  followTicks(onTicks: () => void): void {
    this.#tickFollowers.push(onTicks);
  }

  figures(): ReadonlyMap<string, FeedFigures> {
    const figures = new Map<string, FeedFigures>();
    for (const { name, position } of this.#cursors) {
      const { cursors, lag } = figures.get(name) ?? { cursors: 0, lag: 0 };
      figures.set(name, { cursors: cursors + 1, lag: Math.max(lag, this.#newestId - position) });
    }
    return figures;
  }

  /** Ends every cursor, and opens none any more: the server is about to close. */
  close(): void {
    this.#isClosed = true;
    for (const cursor of [...this.#cursors]) cursor.close();
  }

  async #read(after: number, filter: FeedFilter): Promise<Page> {
    const [oldest] = this.#recent;
    if (oldest !== undefined && after >= oldest.id - 1) {
      const page = this.#recent.slice(after - oldest.id + 1, after - oldest.id + 1 + FEED_LIMITS.page);
      return { entries: page.filter((entry) => matches(entry, filter)), position: page.at(-1)?.id ?? after };
    }
    const { host = null, rolloutId = null } = filter;
    const newestId = this.#newestId;
    const of = { host, rolloutId };
    const page = await this.#source.read(({ store }) => store.events.page(after, FEED_LIMITS.page, of));
    const lastId = page.at(-1)?.id ?? after;
    // A page that is not full has come to the end of the log as it was announced by then, whatever the filter left out.
    const position = page.length < FEED_LIMITS.page ? Math.max(lastId, newestId) : lastId;
    return { entries: page.filter((entry) => matches(entry, filter)), position };
  }
}

interface CursorPorts {
  readonly read: (after: number) => Promise<Page>;
  readonly closed: () => void;
}

class Cursor implements FeedCursor {
  readonly name: string;
  readonly #runtime: Pick<Runtime, 'setTimer'>;
  readonly #ports: CursorPorts;
  #position: number;
  #isClosed = false;
  /** Something was committed since the last read. */
  #hasNews = true;
  #isWaiting = false;
  #wakeUp: (() => void) | null = null;

  constructor(name: string, position: number, runtime: Pick<Runtime, 'setTimer'>, ports: CursorPorts) {
    this.name = name;
    this.#position = position;
    this.#runtime = runtime;
    this.#ports = ports;
  }

  get position(): number {
    return this.#position;
  }

  async next(waitMs: number): Promise<readonly LogEvent[] | null> {
    invariant(!this.#isWaiting, 'a cursor has one reader');
    this.#isWaiting = true;
    let timer: Timer | null = null;
    let isOver = false;
    try {
      while (!this.#isClosed) {
        this.#hasNews = false;
        const { entries, position } = await this.#ports.read(this.#position);
        const hasMoved = position > this.#position;
        this.#position = position;
        if (this.#isClosed) return null;
        if (entries.length > 0) return entries;
        if (hasMoved || this.#hasNews) continue;
        if (isOver) return [];
        await new Promise<void>((resolve) => {
          this.#wakeUp = resolve;
          timer ??= this.#runtime.setTimer(waitMs, () => {
            isOver = true;
            this.wake();
          });
        });
        this.#wakeUp = null;
      }
      return null;
    } finally {
      (timer as Timer | null)?.cancel();
      this.#isWaiting = false;
    }
  }

  wake(): void {
    this.#hasNews = true;
    this.#wakeUp?.();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#ports.closed();
    this.wake();
  }
}
