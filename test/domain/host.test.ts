import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHostName } from '../../src/domain/host.ts';

const label = (length: number): string => 'a'.repeat(length);
/** Four labels of 62 and one of what is left. */
const name = (length: number): string => `${`${label(62)}.`.repeat(4)}${label(length - 252)}`;

const NAMES: readonly string[] = [
  'a',
  '0',
  'web-1',
  '1-web',
  'a--b',
  'xn--mnchen-3ya',
  'web.example.org',
  '10.0.0.1',
  label(63),
  `${label(63)}.${label(63)}`,
  name(253),
];

const NO_NAMES: readonly string[] = [
  '',
  ' ',
  '-',
  '.',
  '-web',
  'web-',
  'web-.example',
  'web.-example',
  '.web',
  'web.',
  'web..example',
  'Web',
  'WEB',
  'web_1',
  'web 1',
  'web/1',
  'web:1',
  'wéb',
  'web\n',
  ' web',
  'web\u0000',
  '*',
  label(64),
  `${label(64)}.example`,
  name(254),
];

for (const text of NAMES) {
  test(`a name of ${text.length} characters, ${JSON.stringify(text.slice(0, 20))}, is a host name`, () => {
    assert.equal(isHostName(text), true);
  });
}

for (const text of NO_NAMES) {
  test(`${JSON.stringify(text.slice(0, 20))} of ${text.length} characters is no host name`, () => {
    assert.equal(isHostName(text), false);
  });
}

test('a hostile name is judged at once', () => {
  assert.equal(isHostName(`${'a-'.repeat(100_000)}!`), false);
  assert.equal(isHostName(`${'a.'.repeat(126)}!`), false);
});
