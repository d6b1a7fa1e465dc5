/**
 * Wraps better-sqlite3: every statement of the adapter is prepared here, so that failures of the disk or the file are
 * translated in one place.
 */
import { closeSync, fdatasyncSync, openSync } from 'node:fs';
import Database from 'better-sqlite3';
import { messageOf, NexusError } from '../domain/errors.ts';

export type SqlValue = string | number | bigint | Uint8Array | null;

export interface Statement<Row> {
  /** Returns the number of changed rows. */
  run(...values: SqlValue[]): number;
  get(...values: SqlValue[]): Row | undefined;
  all(...values: SqlValue[]): Row[];
  iterate(...values: SqlValue[]): Iterable<Row>;
}

/** All three files: SQLite would replay an old write-ahead log into a restored backup. */
export const RESTORE = 'stop Nexus, move nexus.db, nexus.db-wal and nexus.db-shm aside together and restore a backup';

const DISK_ERROR = 'the disk reported an error: check it (kernel log, free space, mount)';

/** What to do, by the primary result code (https://www.sqlite.org/rescode.html). */
const ADVICE: ReadonlyArray<readonly [prefix: string, advice: string]> = [
  ['SQLITE_FULL', 'the disk is full: free some space; Nexus goes on by itself'],
  ['SQLITE_READONLY', 'the file or its disk is read-only: make it writable for this user; Nexus goes on by itself'],
  [
    'SQLITE_BUSY',
    'another program has locked it: end that program (a shell or a backup tool); Nexus goes on by itself',
  ],
  ['SQLITE_LOCKED', 'another program has locked it: end that program; Nexus goes on by itself'],
  ['SQLITE_CORRUPT', `the file is damaged: ${RESTORE}`],
  ['SQLITE_NOTADB', `the file is not a database, or is damaged: ${RESTORE}`],
  ['SQLITE_CANTOPEN', 'the file cannot be opened: check that the data directory exists and belongs to this user'],
  ['SQLITE_PERM', 'access was refused: check that the data directory belongs to this user'],
  ['SQLITE_IOERR', DISK_ERROR],
];

/** Errors that waiting cannot cure: every further write could do more harm. */
const DAMAGE = /^SQLITE_(?:CORRUPT|NOTADB)/;

function translate(error: unknown, file: string): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const advice = ADVICE.find(([prefix]) => error.code.startsWith(prefix))?.[1];
  // Anything else (a constraint, a malformed statement) is a defect of the adapter and is not translated.
  if (advice === undefined) return error;
  return new NexusError('store_unavailable', `cannot use ${file}: ${advice} (${error.code}: ${error.message})`, {
    cause: error,
    details: { sqlite_code: error.code },
  });
}

export class Connection {
  readonly file: string;
  readonly #database: Database.Database;
  readonly #onDamaged: (failure: NexusError) => void;
  /** Descriptor of the write-ahead log, from the first commit on. */
  #log: number | null = null;
  /** A failed sync: what the disk holds is unknown from then on, and a later sync would not show it. */
  #unsynced: NexusError | null = null;

  /**
   * Opens or creates `file`. Waits at most `busyTimeoutMs` for another program's lock. Calls `onDamaged`, from within the
   * failing statement, when the file turns out to be damaged.
   */
  constructor(file: string, busyTimeoutMs: number, onDamaged: (failure: NexusError) => void = () => {}) {
    this.file = file;
    this.#onDamaged = onDamaged;
    this.#database = this.#guard(() => new Database(file, { timeout: busyTimeoutMs }));
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const failure = translate(error, this.file);
      if (failure instanceof NexusError && DAMAGE.test(String(failure.details['sqlite_code'])))
        this.#onDamaged(failure);
      throw failure;
    }
  }

  exec(sql: string): void {
    this.#guard(() => this.#database.exec(sql));
  }

  pragma(text: string): unknown {
    return this.#guard(() => this.#database.pragma(text, { simple: true }));
  }

  prepare<Row>(sql: string): Statement<Row> {
    const statement = this.#guard(() => this.#database.prepare<SqlValue[], Row>(sql));
    const guard = <T>(work: () => T): T => this.#guard(work);
    return {
      run: (...values) => guard(() => statement.run(...values).changes),
      get: (...values) => guard(() => statement.get(...values)),
      all: (...values) => guard(() => statement.all(...values)),
      *iterate(...values) {
        const rows = guard(() => statement.iterate(...values));
        try {
          for (;;) {
            const next = guard(() => rows.next());
            if (next.done === true) return;
            yield next.value;
          }
        } finally {
          rows.return?.();
        }
      },
    };
  }

  /**
   * Runs `work` between BEGIN IMMEDIATE and COMMIT; rolls back and throws when it fails. When this returns, the writes are
   * synced to the disk. (The database is in WAL mode.) A failed sync throws `store_unavailable`, and so does every later
   * transaction of this connection.
   */
  transact<T>(work: () => T): T {
    if (this.#unsynced !== null) throw this.#unsynced;
    const result = this.#commit(work);
    this.#syncLog();
    return result;
  }

  #commit<T>(work: () => T): T {
    this.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.exec('COMMIT');
      return result;
    } catch (error) {
      // SQLite rolls back by itself on some errors, such as a full disk.
      if (this.#database.inTransaction) this.exec('ROLLBACK');
      throw error;
    }
  }

  /**
   * `synchronous = FULL` would do this within COMMIT, but the library is built without fdatasync: with fsync every commit
   * would also wait for the file system's journal, only to keep the log's modification time.
   */
  #syncLog(): void {
    const file = `${this.file}-wal`;
    try {
      this.#log ??= openSync(file, 'r');
      fdatasyncSync(this.#log);
    } catch (error) {
      const reason = `cannot sync ${file}: ${DISK_ERROR} (${messageOf(error)})`;
      this.#unsynced = new NexusError('store_unavailable', reason, { cause: error });
      throw this.#unsynced;
    }
  }

  /** Runs `read` in one read transaction. */
  view<T>(read: () => T): T {
    this.exec('BEGIN');
    try {
      return read();
    } finally {
      if (this.#database.inTransaction) this.exec('COMMIT');
    }
  }

  close(): void {
    if (this.#log !== null) closeSync(this.#log);
    this.#log = null;
    this.#guard(() => this.#database.close());
  }
}
