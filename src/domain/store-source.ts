import type { NexusError } from './errors.ts';
import type { Store } from './store.ts';

/** The place where a store is kept. A process takes it once, and opens the store again each time it has failed. */
export interface StoreSource {
  /** Takes the place for this process. Throws `store_refused` while another has it, and `store_unavailable`. */
  claim(): { release(): void };
  /**
   * `onDamaged` is called, now or at any later use of the store, when it turns out to be damaged. Throws
   * `store_unavailable` when that may pass, `store_refused` when no waiting will help.
   */
  open(nowMs: number, onDamaged: (failure: NexusError) => void): Store | Promise<Store>;
  /** Throws `store_unavailable` when the store that is open is not in its place any more. */
  check(): void;
}
