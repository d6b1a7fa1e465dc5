import { messageOf } from '../../../src/domain/errors.ts';
import type { Log } from '../../../src/domain/log.ts';
import type { Runtime } from '../../../src/domain/runtime.ts';
import { MemoryOutbox } from './memory-outbox.ts';
import type { Outbox, OutboxEntry, OutboxLosses } from './outbox.ts';
import type { OutboxTick } from './outbox-tick.ts';

const REOPEN_AFTER_MS = 60_000;

export interface FallbackOutboxOptions {
  /** Opens the outbox on disk; may be called again after it has failed. */
  readonly openDisk: () => Promise<Outbox>;
  readonly memoryBytes: number;
  /** Where the outbox on disk is, for the log. */
  readonly directory: string;
  readonly log: Log;
  readonly runtime: Pick<Runtime, 'monotonicMs'>;
}

/** The outbox on disk, or in memory while the disk is full, read-only or otherwise unusable. */
export class FallbackOutbox implements Outbox {
  readonly #options: FallbackOutboxOptions;
  readonly #memory: MemoryOutbox;
  #disk: Outbox | null = null;
  #failedAtMs: number | null = null;

  constructor(options: FallbackOutboxOptions) {
    this.#options = options;
    this.#memory = new MemoryOutbox(options.memoryBytes);
  }

  /** Not while the disk may be opened at last: what an earlier process left there waits. */
  get isEmpty(): boolean {
    return !this.#isOpeningDue && (this.#disk?.isEmpty ?? true) && this.#memory.isEmpty;
  }

  get #isOpeningDue(): boolean {
    const failedAtMs = this.#failedAtMs;
    if (this.#disk !== null || failedAtMs === null) return false;
    return this.#options.runtime.monotonicMs() - failedAtMs >= REOPEN_AFTER_MS;
  }

  /** True while ticks are kept in memory only. */
  get isDegraded(): boolean {
    return this.#failedAtMs !== null;
  }

  /** Opens the outbox on disk, so that what an earlier process left is sent too. */
  async open(): Promise<void> {
    if (this.#disk !== null) return;
    try {
      this.#disk = await this.#options.openDisk();
    } catch (error) {
      this.#fail(error);
    }
  }

  async append(tick: OutboxTick): Promise<OutboxEntry> {
    if (this.#isOpeningDue) await this.open();
    if (this.#disk !== null) {
      try {
        const entry = await this.#disk.append(tick);
        await this.#recover(this.#disk);
        return entry;
      } catch (error) {
        this.#fail(error);
      }
    }
    return this.#memory.append(tick);
  }

  async oldest(maxTicks: number, maxJsonBytes: number, notBeforeMs: number): Promise<OutboxEntry[]> {
    if (this.#isOpeningDue) await this.open();
    if (this.#disk !== null && !this.#disk.isEmpty) {
      try {
        const entries = await this.#disk.oldest(maxTicks, maxJsonBytes, notBeforeMs);
        if (entries.length > 0) return entries;
      } catch (error) {
        this.#fail(error);
      }
    }
    return this.#memory.oldest(maxTicks, maxJsonBytes, notBeforeMs);
  }

  async remove(entries: readonly OutboxEntry[]): Promise<void> {
    await this.#memory.remove(entries);
    try {
      await this.#disk?.remove(entries);
    } catch (error) {
      this.#fail(error);
    }
  }

  takeLosses(): OutboxLosses {
    const memory = this.#memory.takeLosses();
    const disk = this.#disk?.takeLosses() ?? { dropped: 0, expired: 0, damaged: 0 };
    return {
      dropped: memory.dropped + disk.dropped,
      expired: memory.expired + disk.expired,
      damaged: memory.damaged + disk.damaged,
    };
  }

  /** Tries once more to bring what memory holds to disk. */
  async close(): Promise<void> {
    try {
      if (this.#disk !== null) await this.#recover(this.#disk);
      await this.#disk?.close();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    const said = this.#failedAtMs !== null;
    const { log, directory, memoryBytes, runtime } = this.#options;
    this.#failedAtMs = runtime.monotonicMs();
    if (said) return;
    log.warn(
      { reason: messageOf(error), directory },
      `the outbox cannot be written: unsent ticks are kept in memory only (up to ${Math.round(memoryBytes / 1_048_576)} MiB) and are lost when the agent stops. Free or mount the disk, or set NEXUS_AGENT_STATE_DIR`,
    );
  }

  /** Moves the ticks that had to wait in memory to the disk, which can be written again. */
  async #recover(disk: Outbox): Promise<void> {
    if (!this.#memory.isEmpty) {
      const all = Number.MAX_SAFE_INTEGER;
      const entries = await this.#memory.oldest(all, all, Number.NEGATIVE_INFINITY);
      for (const { tick } of entries) await disk.append(tick);
      await this.#memory.remove(entries);
    }
    if (this.#failedAtMs === null) return;
    this.#failedAtMs = null;
    this.#options.log.info({ directory: this.#options.directory }, 'the outbox can be written again');
  }
}
