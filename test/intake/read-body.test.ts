import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPlainBody } from '../../src/intake/read-body.ts';

const START = '{"recorded_at":"2026-03-01T12:00:00Z","host":{"metrics":{"cpu_percent":1}}';
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
const padding = (bytes: number): string => `,"padding":"${'x'.repeat(bytes)}"`;

const ROWS: ReadonlyArray<readonly [name: string, body: string, isRead: boolean]> = [
  ['a body of known fields', `${START}}`, true],
  ['a field of a newer agent', `${START},"agent":{"version":"9"}}`, true],
  ['16 levels in a field that is not known', `${START},"later":${nested(15)}}`, true],
  ['17 levels in a field that is not known', `${START},"later":${nested(16)}}`, false],
  ['17 levels in a body that is not small', `${START}${padding(64 * 1024)},"later":${nested(16)}}`, false],
  ['16 levels in a body that is not small', `${START}${padding(64 * 1024)},"later":${nested(15)}}`, true],
  ['as many levels as a small body holds', `${START},"later":${nested(30_000)}}`, false],
  ['a body that ends early', START, false],
];

for (const [name, body, isRead] of ROWS) {
  test(`${name} is ${isRead ? 'read' : 'left to the schema'}`, () => {
    assert.equal(readPlainBody(Buffer.from(body)) !== null, isRead);
  });
}
