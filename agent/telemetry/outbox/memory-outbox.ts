import { planBatch } from '../plan-batch.ts';
import type { Outbox, OutboxEntry, OutboxLosses } from './outbox.ts';
import type { OutboxTick } from './outbox-tick.ts';

/** Keeps at most `maxBytes` of compressed ticks in memory. */
export class MemoryOutbox implements Outbox {
  readonly #maxBytes: number;
  #entries: OutboxEntry[] = [];
  #bytes = 0;
  #dropped = 0;
  #expired = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  async append(tick: OutboxTick): Promise<OutboxEntry> {
    const entry = { tick };
    this.#entries.push(entry);
    this.#bytes += tick.gzipped.length;
    while (this.#bytes > this.#maxBytes) {
      const oldest = this.#entries.shift();
      if (oldest === undefined) break;
      this.#bytes -= oldest.tick.gzipped.length;
      this.#dropped++;
    }
    return entry;
  }

  async oldest(maxTicks: number, maxJsonBytes: number, notBeforeMs: number): Promise<OutboxEntry[]> {
    const expired = this.#entries.filter(({ tick }) => tick.recordedAtMs < notBeforeMs);
    this.#expired += expired.length;
    await this.remove(expired);
    const byTick = new Map(this.#entries.map((entry) => [entry.tick, entry]));
    return planBatch([...byTick.keys()], maxTicks, maxJsonBytes)
      .map((tick) => byTick.get(tick))
      .filter((entry) => entry !== undefined);
  }

  async remove(entries: readonly OutboxEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const gone = new Set(entries);
    this.#entries = this.#entries.filter((entry) => !gone.has(entry));
    this.#bytes = this.#entries.reduce((sum, { tick }) => sum + tick.gzipped.length, 0);
  }

  takeLosses(): OutboxLosses {
    const losses = { dropped: this.#dropped, expired: this.#expired, damaged: 0 };
    this.#dropped = 0;
    this.#expired = 0;
    return losses;
  }

  async close(): Promise<void> {}
}
