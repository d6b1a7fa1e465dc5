import type { Store } from '../../src/domain/store.ts';

/** Makes the commits of a store asynchronous: each waits until the test lets it through, or has it fail. */
export class HeldCommits {
  readonly #held: Array<{ readonly through: () => void; readonly fail: (error: Error) => void }> = [];
  /** While false, commits go through at once, asynchronously all the same. */
  isHolding = false;

  /** A store whose lookups are asynchronous as well. */
  watch(store: Store): Store {
    return {
      ...store,
      async lookUp(lookups) {
        await new Promise((resolve) => setImmediate(resolve));
        return store.lookUp(lookups);
      },
      commit: async (writes) => {
        if (this.isHolding) await new Promise<void>((through, fail) => this.#held.push({ through, fail }));
        await store.commit(writes);
      },
    };
  }

  /** How many commits wait. */
  get count(): number {
    return this.#held.length;
  }

  /** Resolves once a commit waits. */
  async untilHeld(): Promise<void> {
    while (this.#held.length === 0) await new Promise((resolve) => setImmediate(resolve));
  }

  letThrough(): void {
    this.#held.shift()?.through();
  }

  fail(error: Error): void {
    this.#held.shift()?.fail(error);
  }
}
