import type { Store } from '../../src/domain/store.ts';

/** A store that notes every commit, as `commit`, and then the kind of each of its writes. */
export function watchWrites(store: Store, writes: string[]): Store {
  return {
    ...store,
    commit(all) {
      writes.push('commit', ...all.map((write) => write.kind));
      return store.commit(all);
    },
  };
}
