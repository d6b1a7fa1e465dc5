/** PROMISES.md and the field table say the same: no promise without a row that holds it, and no row without a promise. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { ROWS } from '../e2e/field/table.ts';
import { ROOT } from './sources.ts';

interface PageEntry {
  readonly text: string;
  /** Stacks of the rows that it names. */
  readonly rows: readonly string[];
}

/** The items of its lists; each ends with the names of its rows in parentheses. */
function promisesOf(page: string): PageEntry[] {
  return page
    .split(/^(?=- |## |\n)/m)
    .filter((block) => block.startsWith('- '))
    .map((block) => {
      const text = block.slice(2).replace(/\s+/g, ' ').trim();
      const named = /\((`[^()]*`)\)$/.exec(text)?.[1] ?? '';
      return { text, rows: [...named.matchAll(/`([^`]+)`/g)].map(([, row]) => row ?? '') };
    });
}

const PROMISES = promisesOf(readFileSync(path.join(ROOT, 'PROMISES.md'), 'utf8'));
const KEPT = new Set(ROWS.map(({ stack }) => stack));

test('every promise is held by rows of the field table that are played', () => {
  assert.ok(PROMISES.length >= 25, `only ${PROMISES.length} promises were read`);
  const broken = PROMISES.filter(({ rows }) => rows.length === 0 || rows.some((row) => !KEPT.has(row)));
  assert.deepEqual(broken, []);
});

test('every row of the field table holds a promise that operators can read', () => {
  const named = new Set(PROMISES.flatMap(({ rows }) => rows));
  const silent = ROWS.filter(({ stack }) => !named.has(stack)).map(({ stack, promise }) => `${stack}: ${promise}`);
  assert.deepEqual(silent, [], 'add what these rows promise to PROMISES.md, with their names in its parentheses');
});

test('a promise names its rows at its end, over as many lines as it takes', () => {
  const page = '# Page\n\nText (`none`).\n\n- One `--flag` holds. (`first`,\n  `second`)\n- Two does not.\n\n## Next\n';
  assert.deepEqual(promisesOf(page), [
    { text: 'One `--flag` holds. (`first`, `second`)', rows: ['first', 'second'] },
    { text: 'Two does not.', rows: [] },
  ]);
});
