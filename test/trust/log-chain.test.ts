import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventKind, LogEvent } from '../../src/domain/event-log.ts';
import { NO_ENTRY } from '../../src/domain/event-log.ts';
import {
  type ChainedEntry,
  ChainVerifier,
  formatCheckpoint,
  hashEntry,
  parseCheckpoint,
} from '../../src/trust/log-chain.ts';
import { SeededRandom } from '../domain/seeded-random.ts';

type Known = ReadonlyMap<number, { hash: string; source: string }>;
type Draft = Pick<LogEvent, 'kind' | 'host' | 'data'>;

const KINDS: readonly EventKind[] = ['host_added', 'token_created', 'host_offline', 'release_added'];

function chain(drafts: readonly Draft[]): ChainedEntry[] {
  let previous = NO_ENTRY.hash;
  return drafts.map(({ kind, host, data }, index) => {
    const entry = { id: index + 1, atMs: 1_900_000_000_000 + index, kind, host, rolloutId: null, data };
    previous = hashEntry(previous, entry);
    return { id: entry.id, entry, hash: previous };
  });
}

const drafts: Draft[] = Array.from({ length: 20 }, (_, index) => ({
  kind: KINDS[index % KINDS.length] ?? 'host_added',
  host: index % 3 === 0 ? null : `web-${index}`,
  data: { index, text: 'ü', nested: { list: [index, null] } },
}));
const log = chain(drafts);

function verify(entries: readonly ChainedEntry[], known?: Known): ReturnType<ChainVerifier['finish']> {
  const verifier = new ChainVerifier(known);
  for (const entry of entries) {
    const bad = verifier.add(entry);
    if (bad !== null) return bad;
  }
  return verifier.finish();
}

const remembers = (id: number, hash = log[id - 1]?.hash ?? ''): Known =>
  new Map([[id, { hash, source: 'the agent of web-1' }]]);
const changed = (id: number, change: Partial<LogEvent>): ChainedEntry[] =>
  log.map((one) => (one.id === id && one.entry !== null ? { ...one, entry: { ...one.entry, ...change } } : one));
const hashed = (id: number, hash: string | null): ChainedEntry[] =>
  log.map((one) => (one.id === id ? { ...one, hash } : one));
const at = (id: number): ChainedEntry => log[id - 1] ?? assert.fail();
const renumbered = (one: ChainedEntry, id: number): ChainedEntry =>
  one.entry === null ? assert.fail() : { ...one, id, entry: { ...one.entry, id } };
/** As if entry 7 had never been what it was, and everything after it was written again. */
const rewritten = chain(drafts.with(6, { kind: 'host_added', host: 'evil', data: {} }));

test('a hash is the one that sha256sum makes of the same bytes', () => {
  // printf 'nexus.log/1\n', 32 zero bytes, then the JSON text with the SHA-256 of '{}' as data_sha256.
  const entry = {
    id: 1,
    atMs: Date.UTC(2030, 0, 1),
    kind: 'host_added',
    host: 'web-1',
    rolloutId: null,
    data: {},
  } as const;
  assert.equal(hashEntry('0'.repeat(64), entry), '489d39fe51739d0e1f172352adaff90692725b61f6f94eb24aebc675e334a6aa');
});

test('half of a surrogate pair is hashed too, and is not the same as another', () => {
  const hashOf = (text: string) => hashEntry(NO_ENTRY.hash, { ...(at(1).entry ?? assert.fail()), data: { text } });
  assert.notEqual(hashOf('\ud800'), hashOf('\ud801'));
  assert.equal(hashOf('\ud800'), hashOf('\ud800'));
});

test('a log as it was written is in order', () => {
  assert.equal(verify(log), null);
  assert.equal(verify(log, remembers(20)), null);
  const verifier = new ChainVerifier();
  for (const entry of log) verifier.add(entry);
  assert.deepEqual(verifier.head, { id: 20, hash: log[19]?.hash });
  assert.equal(verifier.uncovered, 0);
});

test('the first entries may be without hashes, of a Nexus that made none', () => {
  const before = log.slice(0, 5).map((one) => ({ ...one, hash: null }));
  let previous = NO_ENTRY.hash;
  const after = log.slice(5).map((one) => {
    previous = hashEntry(previous, one.entry ?? assert.fail());
    return { ...one, hash: previous };
  });
  const verifier = new ChainVerifier();
  assert.deepEqual(
    [...before, ...after].map((one) => verifier.add(one)),
    new Array(20).fill(null),
  );
  assert.deepEqual([verifier.uncovered, verifier.head], [5, { id: 20, hash: previous }]);
});

for (const { what, entries, known, bad } of [
  { what: 'data changed', entries: changed(7, { data: { index: 6.5 } }), bad: [7, /hash does not follow/] },
  { what: 'a kind changed', entries: changed(7, { kind: 'host_archived' }), bad: [7, /hash does not follow/] },
  { what: 'a host changed', entries: changed(7, { host: 'web-8' }), bad: [7, /hash does not follow/] },
  { what: 'a time changed', entries: changed(7, { atMs: 1_900_000_000_007 }), bad: [7, /hash does not follow/] },
  { what: 'a time that is none', entries: changed(7, { atMs: 9e15 }), bad: [7, /cannot be read/] },
  { what: 'a rollout put in', entries: changed(7, { rolloutId: 'r-1' }), bad: [7, /hash does not follow/] },
  { what: 'a hash changed', entries: hashed(7, 'f'.repeat(64)), bad: [7, /hash does not follow/] },
  { what: 'a hash removed', entries: hashed(7, null), bad: [7, /has no hash, and the entry before it has one/] },
  { what: 'an entry damaged', entries: log.with(6, { ...at(7), entry: null }), bad: [7, /cannot be read/] },
  {
    what: 'an entry deleted',
    entries: log.filter(({ id }) => id !== 7),
    bad: [8, /^entry 7 is expected after 6, and 8 follows/],
  },
  {
    what: 'an entry deleted and the rest numbered anew',
    entries: log.filter(({ id }) => id !== 7).map((one, index) => renumbered(one, index + 1)),
    bad: [7, /hash does not follow/],
  },
  {
    what: 'two entries swapped',
    entries: log.with(6, at(8)).with(7, at(7)),
    bad: [8, /^entry 7 is expected/],
  },
  {
    what: 'two entries swapped with their ids',
    entries: log.with(6, renumbered(at(8), 7)).with(7, renumbered(at(7), 8)),
    bad: [7, /hash does not follow/],
  },
  {
    what: 'an entry twice',
    entries: [...log.slice(0, 7), at(7), ...log.slice(7)],
    bad: [7, /^entry 8 is expected/],
  },
  { what: 'the first entry missing', entries: log.slice(1), bad: [2, /^entry 1 is expected after 0/] },
  {
    what: 'the tail cut',
    entries: log.slice(0, 15),
    known: remembers(18),
    bad: [18, /^the log ends at entry 15, and the agent of web-1 has seen entry 18/],
  },
  {
    what: 'a restored backup that went on',
    entries: chain([...drafts.slice(0, 15), ...drafts.slice(0, 5)]),
    known: remembers(18),
    bad: [18, /has seen another entry 18/],
  },
  {
    what: 'everything rewritten',
    entries: rewritten,
    known: remembers(20),
    bad: [20, /^the agent of web-1 has seen another entry 20/],
  },
] as { what: string; entries: ChainedEntry[]; known?: Known; bad: [number, RegExp] }[]) {
  test(`found: ${what}`, () => {
    const found = verify(entries, known);
    assert.equal(found?.id, bad[0]);
    assert.match(found.why, bad[1]);
  });
}

test('a tail that was cut, or a log that was rewritten whole, is in order for whoever remembers nothing', () => {
  assert.equal(verify(log.slice(0, 15)), null);
  assert.equal(verify(rewritten), null);
});

test('any changed byte of an entry is found', () => {
  const random = new SeededRandom(5);
  let found = 0;
  for (let round = 0; round < 500; round += 1) {
    const one = at(random.between(1, log.length));
    const text = JSON.stringify(one.entry);
    const index = random.between(0, text.length - 1);
    const byte = String.fromCharCode(random.between(0x20, 0x7e));
    let entry: LogEvent;
    try {
      entry = JSON.parse(text.slice(0, index) + byte + text.slice(index + 1)) as LogEvent;
    } catch {
      continue;
    }
    // A key by another name is no entry: what reads the rows would not have it.
    if (JSON.stringify(Object.keys(entry)) !== JSON.stringify(Object.keys(one.entry ?? {}))) continue;
    if (JSON.stringify(entry) === text) continue;
    found += 1;
    assert.notEqual(verify(log.with(one.id - 1, { ...one, id: entry.id, entry })), null, JSON.stringify(entry));
  }
  assert.ok(found > 100, `${found} changes were tried`);
});

test('a checkpoint is three lines, and read back', () => {
  const head = { id: 20, hash: 'ab'.repeat(32) };
  const text = formatCheckpoint('prod-1', head);
  assert.equal(text, 'nexus/prod-1\n20\nq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n');
  assert.deepEqual(parseCheckpoint('prod-1', text), head);
  assert.equal(parseCheckpoint('prod-2', text), null);
});

for (const text of [
  '',
  'nexus/prod-1\n20\nq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=',
  'nexus/prod-1\n20\nq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n\n',
  'nexus/prod-1\n20\nq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6t=\n',
  'nexus/prod-1\n20\nq6ur\n',
  'nexus/prod-1\n020\nq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n',
  'nexus/prod-1\n-1\nq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n',
  'nexus/Prod\n20\nq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n',
  'other/prod-1\n20\nq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n',
]) {
  test(`no checkpoint: ${JSON.stringify(text)}`, () => assert.equal(parseCheckpoint('prod-1', text), null));
}
