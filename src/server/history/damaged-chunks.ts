/**
 * Chunks of history that turned out to be damaged. Reads find them, and may not write: they are noted here, and
 * reported to the writer before history is aged any further. A marked chunk is passed over, the rest stays readable.
 */
import type { DamagedChunk } from '../../domain/command.ts';
import type { Tier } from '../../domain/history.ts';
import { ChunkDamaged } from '../../history/chunk-damaged.ts';

export class DamagedChunks {
  readonly #noted = new Map<string, DamagedChunk>();

  /** The result of `read`, or undefined when the chunk is damaged, which is noted then. */
  attempt<T>(hostId: number, tier: Tier, startMs: number, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ChunkDamaged)) throw error;
      this.#noted.set(keyOf(hostId, tier, startMs), { hostId, tier, startMs, reason: error.message });
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

  /** Those that were noted and not reported yet. */
  noted(): DamagedChunk[] {
    return [...this.#noted.values()];
  }

  /** Forgets what has been marked in the store, which no read finds any more. */
  forget(chunks: readonly DamagedChunk[]): void {
    for (const { hostId, tier, startMs } of chunks) this.#noted.delete(keyOf(hostId, tier, startMs));
  }
}

function keyOf(hostId: number, tier: Tier, startMs: number): string {
  return `${hostId} ${tier} ${startMs}`;
}
