import { join } from 'node:path';
import type { FileSystem, OpenFile } from '../../disk/file-system.ts';
import { makeDirectory } from '../../disk/make-directory.ts';
import { planBatch } from '../plan-batch.ts';
import { decodeSegment, encodeRecord } from './encode-segment.ts';
import type { Outbox, OutboxEntry, OutboxLosses } from './outbox.ts';
import type { OutboxTick } from './outbox-tick.ts';

/** One file of the outbox. */
interface Segment {
  readonly path: string;
  bytes: number;
  /** `recorded_at` of its ticks that still wait; null until the file has been read. */
  waiting: Set<number> | null;
}

/** The segment that is appended to. */
interface ActiveSegment {
  readonly segment: Segment;
  readonly file: OpenFile;
  ticks: number;
}

/** An entry with the file that holds it. */
interface DiskEntry extends OutboxEntry {
  readonly segment: Segment;
}

function entryOf(tick: OutboxTick, segment: Segment): DiskEntry {
  return { tick, segment };
}

/** A file holds one batch: it is delivered in one request and then deleted. */
const SEGMENT_TICKS = 100;
const SEGMENT_BYTES = 1_048_576;
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const NAME = /^(\d{12})\.ticks$/;

/**
 * Keeps ticks in append-only files of up to a hundred. A file is deleted once all its ticks are delivered; a crash in
 * between sends some of them twice, which the server stores once. Files of an earlier process are never appended to,
 * so a torn end stays an end. Methods throw the system's error when the disk fails them, and must not overlap.
 */
export class DiskOutbox implements Outbox {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #maxBytes: number;
  readonly #segmentBytes: number;
  readonly #segments: Segment[];
  #nextNumber: number;
  #active: ActiveSegment | null = null;
  #dropped = 0;
  #expired = 0;
  #damaged = 0;

  private constructor(files: FileSystem, directory: string, maxBytes: number, segments: Segment[], nextNumber: number) {
    this.#files = files;
    this.#directory = directory;
    this.#maxBytes = maxBytes;
    this.#segmentBytes = Math.min(SEGMENT_BYTES, Math.ceil(maxBytes / 8));
    this.#segments = segments;
    this.#nextNumber = nextNumber;
  }

  /** Opens `directory`, making it where needed; `maxBytes` bounds all its files together. */
  static async open(files: FileSystem, directory: string, maxBytes: number): Promise<DiskOutbox> {
    await makeDirectory(files, directory, DIRECTORY_MODE);
    const segments: Segment[] = [];
    let nextNumber = 1;
    for (const name of (await files.readdir(directory)).sort()) {
      const match = NAME.exec(name);
      if (match === null) continue;
      const path = join(directory, name);
      segments.push({ path, bytes: (await files.stat(path)).sizeBytes, waiting: null });
      nextNumber = Number(match[1]) + 1;
    }
    return new DiskOutbox(files, directory, maxBytes, segments, nextNumber);
  }

  get isEmpty(): boolean {
    return this.#segments.length === 0;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async append(tick: OutboxTick): Promise<OutboxEntry> {
    const record = encodeRecord(tick);
    const active = await this.#activeFor(record.length);
    try {
      await active.file.write(record);
      await active.file.datasync();
    } catch (error) {
      // A record that was only half written would hide the records after it.
      await active.file.truncate(active.segment.bytes).catch(() => {});
      await this.#seal();
      throw error;
    }
    active.ticks++;
    active.segment.bytes += record.length;
    active.segment.waiting?.add(tick.recordedAtMs);
    await this.#makeRoom();
    return entryOf(tick, active.segment);
  }

  async oldest(maxTicks: number, maxJsonBytes: number, notBeforeMs: number): Promise<OutboxEntry[]> {
    for (;;) {
      const segment = this.#segments[0];
      if (segment === undefined) return [];
      const waiting = await this.#load(segment);
      const fresh = waiting.filter((tick) => tick.recordedAtMs >= notBeforeMs);
      this.#expired += waiting.length - fresh.length;
      if (fresh.length > 0) {
        segment.waiting = new Set(fresh.map(({ recordedAtMs }) => recordedAtMs));
        return planBatch(fresh, maxTicks, maxJsonBytes).map((tick) => entryOf(tick, segment));
      }
      await this.#delete(segment);
    }
  }

  async remove(entries: readonly OutboxEntry[]): Promise<void> {
    const touched = new Set<Segment>();
    for (const entry of entries) {
      const segment = this.#segments.find((candidate) => 'segment' in entry && candidate === entry.segment);
      if (segment === undefined) continue;
      segment.waiting?.delete(entry.tick.recordedAtMs);
      touched.add(segment);
    }
    for (const segment of touched) if (segment.waiting?.size === 0) await this.#delete(segment);
  }

  takeLosses(): OutboxLosses {
    const losses = { dropped: this.#dropped, expired: this.#expired, damaged: this.#damaged };
    this.#dropped = 0;
    this.#expired = 0;
    this.#damaged = 0;
    return losses;
  }

  async close(): Promise<void> {
    await this.#seal();
  }

  /** The file to append to, a new one when the current one is full. */
  async #activeFor(recordBytes: number): Promise<ActiveSegment> {
    const current = this.#active;
    if (
      current !== null &&
      current.ticks < SEGMENT_TICKS &&
      (current.ticks === 0 || current.segment.bytes + recordBytes <= this.#segmentBytes)
    ) {
      return current;
    }
    await this.#seal();
    const path = join(this.#directory, `${String(this.#nextNumber).padStart(12, '0')}.ticks`);
    const file = await this.#files.open(path, 'create', FILE_MODE);
    this.#nextNumber++;
    const segment: Segment = { path, bytes: 0, waiting: new Set() };
    this.#segments.push(segment);
    this.#active = { segment, file, ticks: 0 };
    try {
      // A new file's name survives a power cut only once its directory is on disk.
      await this.#files.syncDirectory(this.#directory);
    } catch (error) {
      await this.#seal();
      throw error;
    }
    return this.#active;
  }

  /** Reads the waiting ticks of a file, which is not appended to from now on. An unreadable file counts as damaged. */
  async #load(segment: Segment): Promise<readonly OutboxTick[]> {
    if (this.#active?.segment === segment) await this.#seal();
    const { waiting } = segment;
    try {
      const { ticks, damaged } = decodeSegment(await this.#files.readFile(segment.path));
      if (waiting === null) this.#damaged += damaged;
      return waiting === null ? ticks : ticks.filter(({ recordedAtMs }) => waiting.has(recordedAtMs));
    } catch {
      this.#damaged++;
      return [];
    }
  }

  async #makeRoom(): Promise<void> {
    while (this.bytes > this.#maxBytes) {
      const oldest = this.#segments[0];
      if (oldest === undefined) return;
      this.#dropped += (await this.#load(oldest)).length;
      await this.#delete(oldest);
    }
  }

  async #delete(segment: Segment): Promise<void> {
    if (this.#active?.segment === segment) await this.#seal();
    const at = this.#segments.indexOf(segment);
    if (at >= 0) this.#segments.splice(at, 1);
    await this.#files.remove(segment.path);
  }

  async #seal(): Promise<void> {
    const active = this.#active;
    this.#active = null;
    await active?.file.close();
    // The file was opened but never written to.
    if (active !== null && active.segment.bytes === 0) await this.#delete(active.segment);
  }
}
