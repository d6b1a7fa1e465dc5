/** What nothing uses: files, exports, and product code that only its tests keep alive. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PRODUCT, SOURCES, type Source } from './sources.ts';

/** Started by the machine, or loaded by their path. */
const ENTRIES = new Set([
  'bin/agent.ts',
  'bin/nexus.ts',
  'scripts/bench/agent.ts',
  'scripts/bench/history.ts',
  'scripts/bench/ingest.ts',
  'scripts/bench/rollout.ts',
  'scripts/bench/start.ts',
  'scripts/bench/support/bare-server.ts',
  'scripts/build/build.ts',
  'scripts/demo/demo.ts',
  'scripts/demo/rollout-demo.ts',
  'scripts/lab/keeper.ts',
  'scripts/lab/lab.ts',
  'src/intake/reader-thread.ts',
  // The reference store: what is shipped keeps nothing in it, and tests and simulators run all of the server on it.
  'src/memory/memory-store.ts',
]);

function isTest(file: string): boolean {
  return file.startsWith('test/');
}

/** File and name → the files that import that name from there. */
const importers = new Map<string, Set<string>>();
for (const { file, imports } of SOURCES) {
  for (const { from, names } of imports) {
    for (const name of names) {
      const key = `${from} ${name}`;
      importers.set(key, (importers.get(key) ?? new Set()).add(file));
    }
  }
}

function importersOf(file: string, name: string): string[] {
  return [...(importers.get(`${file} ${name}`) ?? []), ...(importers.get(`${file} *`) ?? [])];
}

function isUsedInside({ code }: Source, name: string): boolean {
  return (code.match(new RegExp(`(?<![\\w$])${name.replace('$', '\\$')}(?![\\w$])`, 'g')) ?? []).length > 1;
}

function isType({ code }: Source, name: string): boolean {
  return new RegExp(`^export\\s+(?:declare\\s+)?(?:interface|type)\\s+${name}\\b`, 'm').test(code);
}

test('every source but the entries is imported by another that is no test', () => {
  const imported = new Set(
    SOURCES.filter(({ file }) => !isTest(file)).flatMap(({ imports }) => imports.map(({ from }) => from)),
  );
  const alone = SOURCES.filter(({ file }) => !isTest(file) && !imported.has(file)).map(({ file }) => file);
  assert.deepEqual(alone, [...ENTRIES]);
});

test('every file of the tests is a test, a script, or imported', () => {
  const imported = new Set(SOURCES.flatMap(({ imports }) => imports.map(({ from }) => from)));
  const isStarted = ({ file, code }: Source): boolean => file.endsWith('.test.ts') || /\bprocess\.argv\b/.test(code);
  const alone = SOURCES.filter((source) => isTest(source.file) && !isStarted(source) && !imported.has(source.file));
  assert.deepEqual(
    alone.map(({ file }) => file),
    [],
  );
});

/**
 * A type may be exported for the signatures that name it. A value may not: what no other file imports is either dead, or
 * private to its file and should look like it.
 */
test('every export is imported somewhere', () => {
  const dead = SOURCES.flatMap((source) =>
    source.exports
      .filter((name) => importersOf(source.file, name).length === 0)
      .filter((name) => !isType(source, name) || !isUsedInside(source, name))
      .map((name) => `${source.file}: ${name}`),
  );
  assert.deepEqual(dead, []);
});

/** What is exported for a test and used in its own file is fine: it runs. So is a type that a fixture names. */
test('no export of the product is kept alive by tests alone', () => {
  const kept = PRODUCT.filter(({ file }) => !ENTRIES.has(file)).flatMap((source) =>
    source.exports
      .filter((name) => {
        const users = importersOf(source.file, name);
        return users.length > 0 && users.every(isTest) && !isUsedInside(source, name) && !isType(source, name);
      })
      .map((name) => `${source.file}: ${name}`),
  );
  assert.deepEqual(kept, []);
});
