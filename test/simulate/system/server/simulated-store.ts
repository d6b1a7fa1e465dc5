/**
 * A store on a disk that takes its time: a commit is durable only at its end, and a cut before that leaves all of it or
 * nothing, as a write-ahead log does. What is stored outlives the server's process.
 */
import { NexusError } from '../../../../src/domain/errors.ts';
import type { Store } from '../../../../src/domain/store.ts';
import type { Write } from '../../../../src/domain/writes.ts';
import type { MemoryStore } from '../../../../src/memory/memory-store.ts';
import type { SimulatedProcess } from '../kernel/machine.ts';

/** How the server's disk does. */
export interface StorePace {
  /** Every sync takes this many times as long. */
  slowness: number;
  /** Commits fail: the disk takes nothing, or it has taken everything before it says that it failed. */
  failing: 'nothing' | 'refuses' | 'stores and fails';
}

/** A sync takes up to this long, as a rule. */
const MAX_SYNC_MS = 20;
const MAX_READ_MS = 1;
/** Share of commits that were under way when the process died and came to disk all the same. */
const COMPLETED_SHARE = 0.5;

export interface StoreOptions {
  readonly process: SimulatedProcess;
  readonly pace: StorePace;
  /** What is on disk. */
  readonly durable: MemoryStore;
  /** These writes are durable now. */
  readonly onDurable: (writes: readonly Write[]) => void;
}

/** The store as one life of the server sees it. */
export function openSimulatedStore({ process, pace, durable, onDurable }: StoreOptions): Store {
  const { random } = process.machine;
  let isClosed = false;
  const requireOpen = (): void => {
    if (isClosed) throw new NexusError('store_unavailable', 'the store is closed');
  };
  const complete = (writes: readonly Write[]): void => {
    durable.commit(writes);
    onDurable(writes);
  };
  return {
    ...durable,
    async load() {
      await process.elapse(random.next() * MAX_READ_MS * pace.slowness);
      requireOpen();
      return durable.load();
    },
    async lookUp(lookups) {
      await process.elapse(random.next() * MAX_READ_MS * pace.slowness);
      requireOpen();
      return durable.lookUp(lookups);
    },
    async commit(writes) {
      requireOpen();
      const settle = process.onEnd(() => {
        if (random.chance(COMPLETED_SHARE)) complete(writes);
      });
      await process.elapse((0.2 + random.next() ** 3 * MAX_SYNC_MS) * pace.slowness);
      settle();
      if (pace.failing !== 'refuses') complete(writes);
      if (pace.failing !== 'nothing') {
        throw new NexusError('store_unavailable', 'the disk does not take what is written');
      }
    },
    close() {
      isClosed = true;
    },
  };
}
