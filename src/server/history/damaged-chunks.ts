/**
 * Chunks of history that turned out to be damaged. Reads find them, and may not write: they are noted here, and marked
 * and reported with the next piece of compaction. A marked chunk is passed over, everything beside it stays readable.
 */
import type { Tier } from '../../domain/history.ts';
import { formatInstant } from '../../domain/instant.ts';
import type { Log } from '../../domain/log.ts';
import { ChunkDamaged } from '../../history/chunk-damaged.ts';
import type { State } from '../state/state.ts';

interface Damage {
  readonly hostId: number;
  readonly tier: Tier;
  readonly startMs: number;
  readonly reason: string;
}

export class DamagedChunks {
  readonly #log: Log;
  readonly #noted = new Map<string, Damage>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** The result of `read`, or undefined when the chunk is damaged, which is noted then. */
  attempt<T>(hostId: number, tier: Tier, startMs: number, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ChunkDamaged)) throw error;
      this.#noted.set(`${hostId} ${tier} ${startMs}`, { hostId, tier, startMs, reason: error.message });
      return undefined;
    }
  }

  /** As {@link attempt}, for a read that can be left at its yields. */
  *attemptInPieces<T>(
    hostId: number,
    tier: Tier,
    startMs: number,
    read: () => Generator<void, T>,
  ): Generator<void, T | undefined> {
    try {
      return yield* read();
    } catch (error) {
      return this.attempt(hostId, tier, startMs, (): T => {
        throw error;
      });
    }
  }

  get count(): number {
    return this.#noted.size;
  }

  get isEmpty(): boolean {
    return this.#noted.size === 0;
  }

  /** Marks and reports what was noted. */
  settle(state: State, nowMs: number): void {
    const { store, fleet } = state;
    store.transact(() => {
      for (const { hostId, tier, startMs, reason } of this.#noted.values()) {
        if (!store.chunks.markDamaged(hostId, tier, startMs)) continue;
        const host = fleet.hostByNumber(hostId).stored.name;
        const data = { tier, from: formatInstant(startMs), reason };
        store.events.append({ atMs: nowMs, kind: 'history_damaged', host, rolloutId: null, data });
        this.#log.error({ host, ...data }, 'a chunk of history is damaged: it is left out, the rest stays readable');
      }
    });
    this.#noted.clear();
  }
}
