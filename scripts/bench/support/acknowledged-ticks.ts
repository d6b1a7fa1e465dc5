import path from 'node:path';
import Database from 'better-sqlite3';
import type { TickTimes } from './prebuilt-posts.ts';
import { fail, figure, say } from './samples.ts';

const BITS = 32;

/** Which ticks of which hosts a server has said are stored: a bit each. */
export class AcknowledgedTicks {
  readonly #times: TickTimes;
  readonly #bits: Uint32Array[];
  count = 0;

  constructor(times: TickTimes, hostCount: number) {
    this.#times = times;
    this.#bits = Array.from({ length: hostCount }, () => new Uint32Array(8));
  }

  note(host: number, tick: number): void {
    const word = Math.floor(tick / BITS);
    let bits = this.#bits[host] ?? new Uint32Array(0);
    if (word >= bits.length) {
      bits = new Uint32Array(word * 2);
      bits.set(this.#bits[host] ?? []);
      this.#bits[host] = bits;
    }
    bits[word] = (bits[word] ?? 0) | (1 << (tick % BITS));
    this.count += 1;
  }

  #has(host: number, tick: number): boolean {
    return ((this.#bits[host]?.[Math.floor(tick / BITS)] ?? 0) & (1 << (tick % BITS))) !== 0;
  }

  /** Compares them with what a server, now stopped, has stored. */
  report(dataDir: string): void {
    const missing = this.#countMissing(dataDir);
    say('  acknowledged', `${figure(this.count)} compared with the database; ${figure(missing)} missing`);
    if (missing > 0) fail('acknowledged and missing', figure(missing));
  }

  /** Rows of ticks are not compacted before they are hours old. */
  #countMissing(dataDir: string): number {
    const database = new Database(path.join(dataDir, 'nexus.db'), { readonly: true });
    const names = database.prepare<[], [number, string]>('SELECT id, name FROM hosts').raw();
    const numbers = new Map(names.all().map(([id, name]) => [id, Number(name.slice('host-'.length))]));
    const rows = database.prepare<[], [number, number]>('SELECT host_id, recorded_at_ms FROM ticks').raw();
    let found = 0;
    for (const [hostId, recordedAtMs] of rows.iterate())
      if (this.#has(numbers.get(hostId) ?? -1, this.#times.tickAt(recordedAtMs))) found += 1;
    database.close();
    return this.count - found;
  }
}
