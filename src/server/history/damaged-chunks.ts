/**
 * Damaged chunks of history. Reads find them but cannot write, so they are noted here and reported to the writer before
 * history is aged any further. Once a chunk is marked as damaged, reads skip it and the rest stays readable.
 */
import type { DamagedChunk } from '../../domain/command.ts';
import type { Tier } from '../../domain/history.ts';
import { ChunkDamaged } from '../../history/chunk-damaged.ts';

export class DamagedChunks {
  readonly #noted = new Map<string, DamagedChunk>();

  /** Returns the result of `read`. Notes the chunk and returns undefined when it is damaged. */
  attempt<T>(hostId: number, tier: Tier, startMs: number, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ChunkDamaged)) throw error;
      this.#noted.set(keyOf(hostId, tier, startMs), { hostId, tier, startMs, reason: error.message });
      return undefined;
    }
  }

  /** As {@link attempt}, for a read that yields. */
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

  /** Chunks that were noted and are not forgotten yet. */
  noted(): DamagedChunk[] {
    return [...this.#noted.values()];
  }

  /** Forgets chunks that are marked in the store: no read finds them again. */
  forget(chunks: readonly DamagedChunk[]): void {
    for (const { hostId, tier, startMs } of chunks) this.#noted.delete(keyOf(hostId, tier, startMs));
  }
}

function keyOf(hostId: number, tier: Tier, startMs: number): string {
  return `${hostId} ${tier} ${startMs}`;
}
