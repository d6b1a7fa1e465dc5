import { join } from 'node:path';
import { messageOf } from '../../../src/domain/errors.ts';
import type { Log } from '../../../src/domain/log.ts';
import { type ClockReading, type MonotonicClock, rebaseReading } from '../../async/clock-reading.ts';
import { type FileSystem, isSystemError } from '../../disk/file-system.ts';
import { makeDirectory } from '../../disk/make-directory.ts';
import { writeDurably } from '../../disk/write-durably.ts';
import { emptyRecord, type Phase, type RolloutRecord, type StackRecord, stackRecordSchema } from './stack-record.ts';

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

export interface StackStoreOptions {
  readonly files: FileSystem;
  /** The stack's own. */
  readonly folder: string;
  readonly stack: string;
  readonly clock: MonotonicClock;
  readonly log: Log;
  /** Called after every change, once it is on disk. */
  readonly onChange: () => void;
}

/** The record of one stack, in memory and on disk: a reader sees only what is on disk already. */
export class StackStore {
  readonly #options: StackStoreOptions;
  #record: StackRecord;
  #hasFolder = false;
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(options: StackStoreOptions, record: StackRecord) {
    this.#options = options;
    this.#record = record;
  }

  /**
   * Reads what is on disk; an empty record when nothing is. A record that cannot be read is put aside and counts as lost: the server and
   * the labels of the containers replace it.
   */
  static async open(options: StackStoreOptions): Promise<StackStore> {
    return new StackStore(options, await load(options));
  }

  get record(): StackRecord {
    return this.#record;
  }

  /**
   * Replaces the record by what `change` makes of it, one change after the other, and returns it once it is on disk.
   * Throws the system's error when it cannot be written; the record is as before then.
   */
  update(change: (record: StackRecord) => StackRecord): Promise<StackRecord> {
    const work = this.#writing.then(() => this.#write(change));
    this.#writing = work.catch(() => {});
    return work;
  }

  async #write(change: (record: StackRecord) => StackRecord): Promise<StackRecord> {
    const next = change(this.#record);
    if (next === this.#record) return next;
    const { files, folder, onChange } = this.#options;
    if (!this.#hasFolder) await makeDirectory(files, folder, FOLDER_MODE);
    this.#hasFolder = true;
    await writeDurably(files, fileIn(folder), JSON.stringify(next), FILE_MODE);
    this.#record = next;
    onChange();
    return next;
  }
}

function fileIn(folder: string): string {
  return join(folder, 'stack.json');
}

async function load({ files, folder, stack, clock, log }: StackStoreOptions): Promise<StackRecord> {
  const path = fileIn(folder);
  const bytes = await files.readFile(path).catch(ignoreMissing);
  if (bytes === null) return emptyRecord(stack, clock.bootId);
  try {
    const record = stackRecordSchema.parse(JSON.parse(bytes.toString()));
    if (record.stack !== stack) throw new Error(`it is the record of the stack ${record.stack}`);
    return record.bootId === clock.bootId ? record : rebaseRecord(record, clock.bootId, clock.now());
  } catch (error) {
    log.error(
      { stack, path, reason: messageOf(error) },
      'the record of this stack cannot be read: it is put aside, and the server and the containers replace it',
    );
    await files.rename(path, `${path}.unreadable`);
    await files.syncDirectory(folder);
    return emptyRecord(stack, clock.bootId);
  }
}

function ignoreMissing(error: unknown): null {
  if (isSystemError(error, 'ENOENT')) return null;
  throw error;
}

/** Puts every reading in a record on the monotonic clock of this boot. */
function rebaseRecord(record: StackRecord, bootId: string, now: ClockReading): StackRecord {
  const { rollout } = record;
  const rebased: RolloutRecord | null =
    rollout === null ? null : { ...rollout, phase: rebasePhase(rollout.phase, now) };
  return { ...record, bootId, rollout: rebased };
}

function rebasePhase(phase: Phase, now: ClockReading): Phase {
  switch (phase.at) {
    case 'activating':
      return {
        ...phase,
        since: rebaseReading(phase.since, now),
        workSince: phase.workSince === null ? null : rebaseReading(phase.workSince, now),
      };
    case 'deferred':
      return {
        ...phase,
        since: rebaseReading(phase.since, now),
        deferredAt: rebaseReading(phase.deferredAt, now),
      };
    case 'reverting':
      return {
        ...phase,
        since: rebaseReading(phase.since, now),
        reported: phase.reported === null ? null : { ...phase.reported, at: rebaseReading(phase.reported.at, now) },
      };
    case 'soaking':
      return {
        ...phase,
        since: rebaseReading(phase.since, now),
        confirmed: phase.confirmed === null ? null : rebaseReading(phase.confirmed, now),
        notBefore: null,
        crashes: Object.fromEntries(
          Object.entries(phase.crashes).map(([id, crash]) => [
            id,
            { ...crash, lastAt: rebaseReading(crash.lastAt, now) },
          ]),
        ),
        probes: phase.probes.map((probe) => ({
          ...probe,
          failingSince: probe.failingSince === null ? null : rebaseReading(probe.failingSince, now),
        })),
      };
    case 'offered':
    case 'resuming':
    case 'closed':
      return phase;
  }
}
