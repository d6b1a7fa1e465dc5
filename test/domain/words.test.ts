import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  describeEnd,
  endSentence,
  formatAgo,
  formatLabels,
  formatSpan,
  plural,
  quote,
  releaseName,
  shortDigest,
  waveName,
} from '../../src/domain/words.ts';

const DIGEST = `sha256:28af88ad2579${'0'.repeat(52)}`;

describe('spans of time', () => {
  const rows: Array<[number, string]> = [
    [0, '0 s'],
    [-3, '0 s'],
    [59.9, '59 s'],
    [60, '1 min'],
    [90, '1 min 30 s'],
    [3_600, '1 h'],
    [3_601, '1 h'],
    [3_660, '1 h 1 min'],
    [90_000, '1 d 1 h'],
  ];
  for (const [seconds, text] of rows)
    it(`of ${seconds} s read '${text}'`, () => assert.equal(formatSpan(seconds), text));
});

describe('words', () => {
  const rows: Array<[actual: string, expected: string]> = [
    [shortDigest(DIGEST), '28af88ad2579'],
    [releaseName({ stack: 'shop', version: '2', digest: DIGEST }), 'shop 2 (28af88ad2579)'],
    [releaseName({ stack: 'shop', version: null, digest: DIGEST }), 'shop (28af88ad2579)'],
    [formatLabels({ zone: 'a', role: 'web' }), 'role=web zone=a'],
    [formatLabels({}), ''],
    [formatAgo(0.9), 'just now'],
    [formatAgo(1), '1 s ago'],
    [formatAgo(90), '1 min 30 s ago'],
    [plural(0, 'host'), '0 hosts'],
    [plural(1, 'host'), '1 host'],
    [
      describeEnd('web', 137, true, 2),
      "service 'web' ended with code 137 because it was out of memory, and printed last:",
    ],
    [describeEnd('web', 7, false, 0), "service 'web' ended with code 7, and has printed nothing"],
    [describeEnd('web', null, false, 40), "service 'web' printed last:"],
    [quote('web-1'), "'web-1'"],
    [waveName(0, 3), 'wave 1 of 3'],
    [endSentence('it is over'), 'it is over.'],
    [endSentence('it is over.'), 'it is over.'],
    [endSentence('is it over?'), 'is it over?'],
  ];
  for (const [actual, expected] of rows) it(`read '${expected}'`, () => assert.equal(actual, expected));
});
