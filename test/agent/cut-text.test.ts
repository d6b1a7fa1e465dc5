import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutText } from '../../agent/cut-text.ts';

const ROWS: [string, number, string][] = [
  ['abc', 3, 'abc'],
  ['abcd', 3, 'abc'],
  ['a😀b', 3, 'a😀'],
  ['a😀b', 2, 'a'],
  ['\ud83d', 9, '\ufffd'],
  ['', 3, ''],
];
for (const [text, max, cut] of ROWS) {
  test(`${JSON.stringify(text)} cut to ${max}`, () => assert.equal(cutText(text, max), cut));
}
