import type { Store } from '../../src/domain/store.ts';

/** A store that notes every write it passes on, e.g. `ticks.insert`, and every transaction, as `transact`. */
export function watchWrites(store: Store, writes: string[]): Store {
  const noting = <A extends unknown[], R>(name: string, write: (...values: A) => R) => {
    return (...values: A): R => {
      writes.push(name);
      return write(...values);
    };
  };
  return {
    ...store,
    hosts: {
      ...store.hosts,
      insert: noting('hosts.insert', store.hosts.insert),
      save: noting('hosts.save', store.hosts.save),
    },
    tokens: {
      ...store.tokens,
      insert: noting('tokens.insert', store.tokens.insert),
      save: noting('tokens.save', store.tokens.save),
    },
    containers: {
      ...store.containers,
      insert: noting('containers.insert', store.containers.insert),
      save: noting('containers.save', store.containers.save),
      mark: noting('containers.mark', store.containers.mark),
    },
    ticks: {
      ...store.ticks,
      insert: noting('ticks.insert', store.ticks.insert),
    },
    events: { ...store.events, append: noting('events.append', store.events.append) },
    transact<T>(work: () => T): T {
      writes.push('transact');
      return store.transact(work);
    },
  };
}
