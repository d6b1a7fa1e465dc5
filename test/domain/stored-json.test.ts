/** Stored rows: what is written, what is refused, and how a row of an older version is read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NexusError } from '../../src/domain/errors.ts';
import {
  anything,
  flag,
  listOf,
  MARKED,
  nullable,
  number,
  object,
  oneOf,
  optional,
  parseStored,
  recordOf,
  StoredForm,
  tagged,
  text,
  wholeNumber,
} from '../../src/domain/stored-json.ts';

interface Lamp {
  readonly name: string;
  readonly watts: number;
  readonly colour: string;
}

/** Version 2 gave every lamp a colour; before, all were white. */
const LAMP = new StoredForm<Lamp>('lamp', object<Lamp>({ name: text, watts: number, colour: text }), [
  MARKED,
  { forward: (lamp) => ({ ...lamp, colour: 'white' }), back: ({ colour: _, ...lamp }) => lamp },
]);
const DESK: Lamp = { name: 'desk', watts: 4.5, colour: 'white' };

test('a row carries its version in front, an empty one too', () => {
  assert.equal(LAMP.encode(DESK), '{"v":2,"name":"desk","watts":4.5,"colour":"white"}');
  const nothing = new StoredForm<object>('nothing', object<object>({}), [MARKED]);
  assert.equal(nothing.encode({}), '{"v":1}');
  assert.deepEqual(nothing.parse('{"v":1}'), {});
  assert.deepEqual(nothing.parse('{}'), {});
});

for (const row of [
  '{"name":"desk","watts":4.5}',
  '{"v":1,"name":"desk","watts":4.5}',
  '{"v":2,"name":"desk","watts":4.5,"colour":"white"}',
]) {
  test(`${row} is read as today's, and is byte for byte the row of its version`, () => {
    assert.deepEqual(LAMP.parse(row), DESK);
    assert.equal(JSON.stringify(LAMP.parse(row)), JSON.stringify(DESK));
    assert.equal(LAMP.isRowOf(row, DESK), true);
    assert.equal(LAMP.isRowOf(row, { ...DESK, watts: 5 }), false);
    assert.equal(LAMP.isRowOf(row.replace('4.5', '4.50'), DESK), false);
  });
}

test('a row of an older version is not the row of a value which that version could not hold', () => {
  assert.equal(LAMP.isRowOf('{"v":2,"name":"desk","watts":4.5,"colour":"white"}', { ...DESK, colour: 'red' }), false);
});

test('a column without a version of its own is checked as strictly', () => {
  assert.deepEqual(parseStored('set of labels', '{"role":"web"}', recordOf(text)), { role: 'web' });
  for (const [json, mistake] of [
    [
      '{"role":1}',
      /^a stored set of labels cannot be read \(role is not a text\): the database is damaged; stop Nexus/,
    ],
    ['["web"]', /cannot be read \(it is not an object\)/],
    ['{"role"', /cannot be read \(.*JSON/],
  ] as const) {
    assert.throws(
      () => parseStored('set of labels', json, recordOf(text)),
      (error) => error instanceof NexusError && error.code === 'store_unavailable' && mistake.test(error.message),
      json,
    );
  }
});

const ALL = object<Record<string, unknown>>({
  count: wholeNumber,
  on: flag,
  mode: nullable(oneOf(['dim', 'bright'])),
  parts: listOf(object<{ id: string }>({ id: text })),
  figures: recordOf(nullable(number)),
  event: tagged<'type', { type: 'lit'; by: string } | { type: 'broken' }>('type', {
    lit: object({ type: anything, by: text }),
    broken: object({ type: anything }),
  }),
});
const FULL = {
  count: 2,
  on: true,
  mode: null,
  parts: [{ id: 'a' }],
  figures: { lumen: 1.5, none: null },
  event: { type: 'lit', by: 'hand' },
};

test('every shape takes what it is for', () => {
  assert.equal(ALL(FULL), null);
  assert.equal(ALL({ ...FULL, mode: 'dim', parts: [], figures: {}, event: { type: 'broken' } }), null);
});

for (const { fields, mistake } of [
  { fields: { count: 1.5 }, mistake: 'count is not a whole number' },
  { fields: { count: -1 }, mistake: 'count is not a whole number' },
  { fields: { count: '1' }, mistake: 'count is not a whole number' },
  { fields: { on: 1 }, mistake: 'on is not true or false' },
  { fields: { mode: 'off' }, mistake: 'mode is not one of dim, bright' },
  { fields: { mode: undefined }, mistake: 'mode is not one of dim, bright' },
  { fields: { parts: {} }, mistake: 'parts is not a list' },
  { fields: { parts: [{ id: 'a' }, { id: 7 }] }, mistake: 'parts.1.id is not a text' },
  { fields: { parts: [{ id: 'a', more: 1 }] }, mistake: 'parts.0.more is not known' },
  { fields: { parts: [null] }, mistake: 'parts.0 is not an object' },
  { fields: { figures: { lumen: 'many' } }, mistake: 'figures.lumen is not a number' },
  { fields: { figures: [] }, mistake: 'figures is not an object' },
  { fields: { event: { type: 'constructor' } }, mistake: 'event.type is not one of lit, broken' },
  { fields: { event: { type: 'lit' } }, mistake: 'event.by is missing' },
  { fields: { event: 'lit' }, mistake: 'event is not an object' },
  { fields: JSON.parse('{"__proto__":{"count":1}}') as object, mistake: '__proto__ is not known' },
]) {
  test(`${JSON.stringify(fields)}: ${mistake}`, () => {
    const row = Object.fromEntries([...Object.entries(FULL), ...Object.entries(fields)]);
    assert.equal(ALL(row), mistake);
  });
}

for (const { row, message } of [
  {
    row: '{"v":3,"name":"desk"}',
    message:
      'a stored lamp has version 3, and this Nexus reads versions up to 2: a newer Nexus wrote it; start that one ' +
      'again, or restore the backup made before the upgrade',
  },
  {
    row: '{"v":2,"name":"desk","colour":"red"}',
    message:
      'a stored lamp cannot be read (watts is missing): the database is damaged; stop Nexus, keep nexus.db aside and ' +
      'restore a backup',
  },
  { row: '{"name":"desk","watts":4.5,"v":2}', message: /lamp cannot be read \(v is not known\)/ },
  { row: '{"v":"2","name":"desk","watts":4.5}', message: /lamp cannot be read \(v is not known\)/ },
  { row: '{"v":2,"name":"de', message: /lamp cannot be read \(.*JSON/ },
  { row: '[1]', message: /lamp cannot be read \(it is not an object\)/ },
  { row: '', message: /lamp cannot be read \(.*JSON/ },
]) {
  test(`the row ${row} is refused`, () => {
    assert.throws(
      () => LAMP.parse(row),
      (error) => {
        assert(error instanceof NexusError && error.code === 'store_unavailable');
        if (typeof message === 'string') assert.equal(error.message, message);
        else assert.match(error.message, message);
        return true;
      },
    );
  });
}

test('a field that may be left out is checked where it is there', () => {
  const shape = object<{ readonly name: string; readonly note?: string }>({ name: text, note: optional(text) });
  assert.equal(shape({ name: 'desk' }), null);
  assert.equal(shape({ name: 'desk', note: 'dim' }), null);
  assert.equal(shape({ name: 'desk', note: 4 }), 'note is not a text');
  assert.equal(shape({ name: 'desk', note: undefined }), 'note is not a text');
  assert.equal(shape({ name: 'desk', more: 1 }), 'more is not known');
  assert.equal(shape({ note: 'dim' }), 'name is missing');
});
