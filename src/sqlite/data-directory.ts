import { isDeepStrictEqual } from 'node:util';
import { NexusError } from '../domain/errors.ts';
import type { Store } from '../domain/store.ts';
import type { StoreSource } from '../domain/store-source.ts';
import { RESTORE } from './connection.ts';
import { type FileStamp, stampOf } from './file-stamp.ts';
import { databaseIn, lockDirectory, openStore } from './open-store.ts';

interface Suspicion {
  readonly error: NexusError;
  /** The state of the file when it was closed; undefined while it is still open. */
  readonly stamp: FileStamp | null | undefined;
}

/**
 * A data directory with its database. A file that was found damaged or lost is not opened again until it changes or
 * another file replaces it: further writes could do more harm, and SQLite would replace a missing file with an empty one.
 */
export class DataDirectory implements StoreSource {
  readonly #directory: string;
  readonly #file: string;
  /** The file as it was when it was opened; null while it is closed. */
  #opened: FileStamp | null = null;
  /** Whether this process has had the database open. If so, a directory without one means that its disk is gone. */
  #hasOpened = false;
  #suspicion: Suspicion | null = null;

  constructor(directory: string) {
    this.#directory = directory;
    this.#file = databaseIn(directory);
  }

  claim(): { release(): void } {
    return lockDirectory(this.#directory);
  }

  open(nowMs: number, onDamaged: (failure: NexusError) => void): Store {
    this.#requireTrust();
    try {
      const store = openStore(this.#directory, nowMs, (failure) => {
        this.#suspicion = { error: failure, stamp: undefined };
        onDamaged(failure);
      });
      this.#opened = stampOf(this.#file);
      this.#hasOpened = true;
      const close = (): void => {
        try {
          store.close();
        } finally {
          this.#noteClosed();
        }
      };
      return { ...store, close };
    } catch (error) {
      this.#noteClosed();
      throw error;
    }
  }

  check(): void {
    if (this.#opened === null) return;
    const stamp = stampOf(this.#file);
    if (stamp !== null && stamp.inode === this.#opened.inode && stamp.sizeBytes > 0) return;
    const error = this.#lost();
    this.#suspicion = { error, stamp: undefined };
    throw error;
  }

  #noteClosed(): void {
    this.#opened = null;
    if (this.#suspicion === null || this.#suspicion.stamp !== undefined) return;
    this.#suspicion = { ...this.#suspicion, stamp: stampOf(this.#file) };
  }

  #requireTrust(): void {
    const stamp = stampOf(this.#file);
    if (this.#suspicion !== null && isDeepStrictEqual(stamp, this.#suspicion.stamp)) throw this.#suspicion.error;
    if (this.#hasOpened && (stamp === null || stamp.sizeBytes === 0)) throw this.#lost();
    this.#suspicion = null;
  }

  #lost(): NexusError {
    return new NexusError(
      'store_unavailable',
      `${this.#file} was deleted, emptied or replaced while it was in use: check that its disk is ` +
        `mounted; if it is lost, ${RESTORE}`,
    );
  }
}
