/** Who may import whom: the rooms, their floors, their purity, and the README that tells of them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { MAY_IMPORT, PURE_BUILT_INS, PURE_ROOMS, ROOMS, type Room, roomOf } from './import-table.ts';
import { PRODUCT, ROOT } from './sources.ts';

/** The entry of the table that an import falls under. */
function subjectOf(imported: string): string {
  if (imported.startsWith('node:')) return 'node:';
  const parts = imported.split('/');
  return roomOf(imported) ?? parts.slice(0, imported.startsWith('@') ? 2 : 1).join('/');
}

/** Room → the subjects that its files import, itself left out. */
function readArrows(): Map<Room, Set<string>> {
  const arrows = new Map<Room, Set<string>>(ROOMS.map((room) => [room, new Set()]));
  for (const { file, imports } of PRODUCT) {
    const room = roomOf(file);
    if (room === undefined) continue;
    for (const { from } of imports) if (subjectOf(from) !== room) arrows.get(room)?.add(subjectOf(from));
  }
  return arrows;
}

test('the sources are found', () => {
  assert.ok(PRODUCT.length > 300, `only ${PRODUCT.length} sources were found`);
  const imports = PRODUCT.flatMap((source) => source.imports);
  assert.ok(imports.length > 1500, `only ${imports.length} imports were found`);
});

test('every source lives in a room', () => {
  assert.deepEqual(
    PRODUCT.filter(({ file }) => roomOf(file) === undefined).map(({ file }) => file),
    [],
  );
});

test('no room imports what its row of the table does not name', () => {
  const offences: string[] = [];
  for (const { file, imports } of PRODUCT) {
    const room = roomOf(file);
    const allowed: readonly string[] = room === undefined ? [] : MAY_IMPORT[room];
    for (const { from } of imports) {
      const subject = subjectOf(from);
      if (subject !== room && !allowed.includes(subject)) offences.push(`${file} imports ${from}`);
    }
  }
  assert.deepEqual(offences, []);
});

test('no row of the table allows what its room does not import', () => {
  const arrows = readArrows();
  const unused = ROOMS.flatMap((room) =>
    MAY_IMPORT[room]
      .filter((subject) => arrows.get(room)?.has(subject) !== true)
      .map((subject) => `${room}: ${subject}`),
  );
  assert.deepEqual(unused, []);
});

test('no arrow between rooms leads upward, so none leads in a circle', () => {
  const upward = ROOMS.flatMap((room, floor) =>
    MAY_IMPORT[room]
      .filter((subject) => (ROOMS as readonly string[]).indexOf(subject) >= floor)
      .map((subject) => `${room} → ${subject}`),
  );
  assert.deepEqual(upward, []);
});

test('no import leads back to where it began', () => {
  const imports = new Map(PRODUCT.map(({ file, imports: from }) => [file, from.map((one) => one.from)]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const walk = (file: string, trail: readonly string[]): void => {
    if (trail.includes(file)) {
      cycles.push([...trail.slice(trail.indexOf(file)), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const imported of imports.get(file) ?? []) walk(imported, [...trail, file]);
    done.add(file);
  };
  for (const { file } of PRODUCT) walk(file, []);
  assert.deepEqual(cycles, []);
});

/** `domain` is left out there: every room may import it. */
test('the README names the same rooms, and what each may import', () => {
  const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const section = readme.split('\n## Architecture\n')[1]?.split('\n## ')[0] ?? '';
  const told = [...section.matchAll(/^\| `([\w./-]+?)\/?` \|.*\| ([^|]*) \|$/gm)]
    .map(([, room = '', cell = '']) => [room, cell === '—' ? '' : cell])
    .filter(([room]) => room !== 'scripts' && room !== 'test');
  const rooms = ROOMS.map((room) => {
    const imported = MAY_IMPORT[room].filter((subject) => roomOf(subject) === subject && subject !== 'src/domain');
    return [room, imported.map((subject) => subject.replace('src/', '').replace('.ts', '')).join(', ')];
  });
  assert.deepEqual(told, rooms);
});

/** Where the clock, timers and chance of the machine may be asked for. */
const RUNTIME: Room = 'src/runtime';
const AMBIENT = [
  /\bDate\.now\b/,
  /\bnew Date\(\)/,
  /\bperformance\b/,
  /(?<![.\w])(?:set|clear)(?:Timeout|Interval|Immediate)\b/,
  /\bMath\.random\b/,
  /\bprocess\.hrtime\b/,
  /\bcrypto\.(?:random|getRandomValues)/,
];
const AMBIENT_IMPORTS: Readonly<Record<string, RegExp>> = {
  'node:crypto': /^(?:random\w*|generateKey\w*|getRandomValues|webcrypto|\*|default)$/,
  'node:timers': /./,
  'node:timers/promises': /./,
  'node:perf_hooks': /./,
};

test('time, timers and chance come from the runtime port', () => {
  const offenders = PRODUCT.filter(({ file, code, imports }) => {
    if (roomOf(file) === RUNTIME) return false;
    const imported = imports.some(({ from, names }) =>
      names.some((name) => AMBIENT_IMPORTS[from]?.test(name) === true),
    );
    return imported || AMBIENT.some((pattern) => pattern.test(code));
  });
  assert.deepEqual(
    offenders.map(({ file }) => file),
    [],
  );
});

const IMPURE = [...AMBIENT, /\bprocess\./, /\bconsole\./, /(?<![.\w])fetch\(/, /\bglobalThis\b/];

test('pure rooms know no clock, randomness, environment, output or timers', () => {
  const offences: string[] = [];
  for (const { file, code, imports } of PRODUCT) {
    if (!PURE_ROOMS.some((room) => room === roomOf(file))) continue;
    for (const pattern of IMPURE) if (pattern.test(code)) offences.push(`${file}: ${pattern}`);
    for (const { from, names } of imports.filter((one) => one.from.startsWith('node:'))) {
      const impure = names.filter((name) => PURE_BUILT_INS[from]?.includes(name) !== true);
      if (impure.length > 0) offences.push(`${file}: ${impure.join(', ')} from ${from}`);
    }
  }
  assert.deepEqual(offences, []);
});
