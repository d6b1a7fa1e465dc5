import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../../src/domain/errors.ts';
import type { Log } from '../../../src/domain/log.ts';
import { type ClockReading, type MonotonicClock, rebaseReading } from '../../async/clock-reading.ts';
import { emptyRecord, type Phase, type RolloutRecord, type StackRecord, stackRecordSchema } from './stack-record.ts';
import { syncDirectory, writeDurably } from './write-durably.ts';

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** The record of one stack, in memory and on disk: whoever reads it sees only what is on disk already. */
export class StackStore {
  readonly folder: string;
  readonly #onChange: () => void;
  #record: StackRecord;
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(folder: string, record: StackRecord, onChange: () => void) {
    this.folder = folder;
    this.#record = record;
    this.#onChange = onChange;
  }

  /**
   * Opens `folder`, the stack's own. A record that cannot be read is put aside and counts as lost: what the server and
   * the labels of the containers say replaces it.
   */
  static async open(
    folder: string,
    stack: string,
    clock: MonotonicClock,
    log: Log,
    onChange: () => void,
  ): Promise<StackStore> {
    const record = await load(folder, stack, clock, log);
    return new StackStore(folder, record, onChange);
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
    await mkdir(this.folder, { recursive: true, mode: FOLDER_MODE });
    await writeDurably(fileIn(this.folder), JSON.stringify(next), FILE_MODE);
    this.#record = next;
    this.#onChange();
    return next;
  }
}

function fileIn(folder: string): string {
  return join(folder, 'stack.json');
}

async function load(folder: string, stack: string, clock: MonotonicClock, log: Log): Promise<StackRecord> {
  const path = fileIn(folder);
  const text = await readFile(path, 'utf8').catch(ignoreMissing);
  if (text === null) return emptyRecord(stack, clock.bootId);
  try {
    const record = stackRecordSchema.parse(JSON.parse(text));
    if (record.stack !== stack) throw new Error(`it is the record of the stack ${record.stack}`);
    return record.bootId === clock.bootId ? record : rebaseRecord(record, clock.bootId, clock.now());
  } catch (error) {
    log.error(
      { stack, path, reason: messageOf(error) },
      'the record of this stack cannot be read: it is put aside, and what the server and the containers say counts',
    );
    await rename(path, `${path}.unreadable`);
    await syncDirectory(folder);
    return emptyRecord(stack, clock.bootId);
  }
}

function ignoreMissing(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
  throw error;
}

/** Puts every moment of a record on the monotonic clock of this boot. */
function rebaseRecord(record: StackRecord, bootId: string, now: ClockReading): StackRecord {
  const { rollout } = record;
  const rebased: RolloutRecord | null =
    rollout === null ? null : { ...rollout, phase: rebasePhase(rollout.phase, now) };
  return { ...record, bootId, rollout: rebased };
}

function rebasePhase(phase: Phase, now: ClockReading): Phase {
  switch (phase.at) {
    case 'activating':
    case 'reverting':
      return { ...phase, since: rebaseReading(phase.since, now) };
    case 'soaking':
      return {
        ...phase,
        since: rebaseReading(phase.since, now),
        confirmed: phase.confirmed === null ? null : rebaseReading(phase.confirmed, now),
        notBefore: null,
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
