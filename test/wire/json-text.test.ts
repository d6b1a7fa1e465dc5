import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { faultOf, JSON_LIMITS, type JsonFault, JsonRefused, parseJsonBytes } from '../../src/wire/json-text.ts';

const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

const ROWS: ReadonlyArray<readonly [name: string, text: string, fault: JsonFault | null]> = [
  ['16 levels', nested(16), null],
  ['17 levels', nested(17), 'depth'],
  ['17 levels of objects', `${'{"a":'.repeat(17)}1${'}'.repeat(17)}`, 'depth'],
  ['17 levels that are never closed', '['.repeat(17), 'depth'],
  ['many lists beside one another', `[${Array(1000).fill('[]').join(',')}]`, null],
  ['brackets in a string', JSON.stringify('['.repeat(100)), null],
  ['brackets after an escaped quote', '"\\"[[[[[[[[[[[[[[[[[["', null],
  ['brackets after a string that ends in a backslash', `["\\\\",${nested(16)}]`, 'depth'],
  ['brackets after a string of escaped backslashes and a quote', `["\\\\\\"",${nested(15)}]`, null],
  ['a string that never ends', `"${'['.repeat(100)}`, 'syntax'],
  ['as many parts as may be', `[${Array(49_999).fill('1').join(',')},[]]`, null],
  ['a part too many', `[${Array(100_001).fill('1').join(',')}]`, 'parts'],
  ['a hundred thousand strings', `[${Array(100_001).fill('""').join(',')}]`, 'parts'],
  ['eight million brackets side by side', `[${'[],'.repeat(2_700_000)}[]]`, 'parts'],
  ['a backslash outside of a string', '[\\"]', 'syntax'],
  ['nothing', '', 'syntax'],
];

for (const [name, text, fault] of ROWS) {
  test(`${name}: ${fault ?? 'is parsed'}`, () => {
    const bytes = Buffer.from(text);
    if (fault === null) assert.doesNotThrow(() => parseJsonBytes(bytes));
    else assert.throws(() => parseJsonBytes(bytes), new JsonRefused(fault));
  });
}

test('half a character is no UTF-8', () => {
  assert.throws(() => parseJsonBytes(Uint8Array.of(0x22, 0xc3, 0x22)), new JsonRefused('syntax'));
});

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

function partsOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const entries = Object.values(value);
  const commas = Math.max(0, entries.length - 1);
  const colons = Array.isArray(value) ? 0 : entries.length;
  return 2 + commas + colons + entries.reduce<number>((sum, entry) => sum + partsOf(entry), 0);
}

test('the scan agrees with the parsed value, whatever is in its strings', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 24, stringUnit: 'binary' }), fc.integer({ min: 0, max: 60 }), (text, maxParts) => {
      const value: unknown = JSON.parse(text);
      const fault = faultOf(text, maxParts);
      if (depthOf(value) <= JSON_LIMITS.depth) assert.equal(fault, partsOf(value) > maxParts ? 'parts' : null);
      else assert.notEqual(fault, null);
    }),
    { numRuns: 2000, seed: 20260301 },
  );
});
