/** Every store that the server can work on, and a fresh one of each for a test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Snapshot, Store } from '../../src/domain/store.ts';
import { createMemoryStore } from '../../src/memory/memory-store.ts';
import { openStore } from '../../src/sqlite/open-store.ts';

interface StoreUnderTest {
  readonly name: string;
  open(t: TestContext): Store;
}

const STORES: readonly StoreUnderTest[] = [
  {
    name: 'SQLite',
    open(t) {
      const directory = mkdtempSync(path.join(tmpdir(), 'nexus-contract-'));
      const store = openStore(directory, 0);
      t.after(() => {
        store.close();
        rmSync(directory, { recursive: true, force: true });
      });
      return store;
    },
  },
  { name: 'memory', open: () => createMemoryStore() },
  { name: 'memory, asynchronous', open: () => createMemoryStore({ sync: () => Promise.resolve() }) },
];

/** A promise of every store: `check` must hold on a fresh one of each. */
export function contract(promise: string, check: (store: Store, t: TestContext) => Promise<void>): void {
  for (const { name, open } of STORES) test(`${name}: ${promise}`, (t) => check(open(t), t));
}

type Loaded = { readonly [K in Exclude<keyof Snapshot, 'numbers' | 'logHead'>]: Array<ItemOf<Snapshot[K]>> } & Pick<
  Snapshot,
  'numbers' | 'logHead'
>;
type ItemOf<I> = I extends Iterable<infer T> ? T : never;

/** A snapshot that is read to its end. */
export async function load(store: Store): Promise<Loaded> {
  const snapshot = await store.load();
  return {
    numbers: snapshot.numbers,
    logHead: snapshot.logHead,
    hosts: [...snapshot.hosts],
    tokens: [...snapshot.tokens],
    containers: [...snapshot.containers],
    releases: [...snapshot.releases],
    quarantines: [...snapshot.quarantines],
    budgets: [...snapshot.budgets],
    deployments: [...snapshot.deployments],
    epochs: [...snapshot.epochs],
    rollouts: [...snapshot.rollouts],
  };
}
