import { join } from 'node:path';
import { NexusError } from '../../../src/domain/errors.ts';
import type { Log } from '../../../src/domain/log.ts';
import type { Runtime } from '../../../src/domain/runtime.ts';
import type { FileSystem } from '../../disk/file-system.ts';
import type { LockStateDir, StateDirLock } from '../../disk/lock-state-dir.ts';
import { DiskOutbox } from './disk-outbox.ts';
import { FallbackOutbox } from './fallback-outbox.ts';
import { MemoryOutbox } from './memory-outbox.ts';
import type { Outbox } from './outbox.ts';

/** Of all files of the outbox together. */
const MAX_OUTBOX_BYTES = 64 * 1_048_576;
/** Of the outbox in memory that stands in while the disk cannot be written. */
const MAX_MEMORY_BYTES = 4 * 1_048_576;

export interface OutboxParts {
  readonly files: FileSystem;
  readonly lock: LockStateDir;
  readonly log: Log;
  readonly runtime: Pick<Runtime, 'monotonicMs'>;
}

export interface OpenedOutbox {
  readonly outbox: Outbox;
  /** Brings what it can to disk and releases the state directory. */
  close(): Promise<void>;
}

/** An outbox in memory only, for `--once` beside a running agent. */
export function openMemoryOutbox(): OpenedOutbox {
  return { outbox: new MemoryOutbox(MAX_MEMORY_BYTES), close: async () => {} };
}

/**
 * Locks a state directory and opens its outbox; when the directory cannot be used, the outbox is in memory. Throws
 * `conflict` when another agent uses the directory.
 */
export async function openOutbox(stateDir: string, { files, lock, log, runtime }: OutboxParts): Promise<OpenedOutbox> {
  let held = await lockOrNull(lock, stateDir);
  const outbox = new FallbackOutbox({
    openDisk: async () => {
      held ??= await lock(stateDir);
      return DiskOutbox.open(files, join(stateDir, 'outbox'), MAX_OUTBOX_BYTES);
    },
    memoryBytes: MAX_MEMORY_BYTES,
    directory: stateDir,
    log,
    runtime,
  });
  await outbox.open();
  return {
    outbox,
    close: async () => {
      await outbox.close();
      await held?.release();
    },
  };
}

/** Null when the directory cannot be used: opening the outbox in it fails the same way, and that is logged. */
async function lockOrNull(lock: LockStateDir, stateDir: string): Promise<StateDirLock | null> {
  try {
    return await lock(stateDir);
  } catch (error) {
    if (error instanceof NexusError && error.code === 'conflict') throw error;
    return null;
  }
}
