import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatInstant, formatInstantOrNull, parseInstant } from '../../src/domain/instant.ts';

const NOON = 1_772_366_400_000;

const READ: ReadonlyArray<readonly [text: string, ms: number]> = [
  ['2026-03-01T12:00:00Z', NOON],
  ['2026-03-01t12:00:00z', NOON],
  ['2026-03-01 12:00:00Z', NOON],
  ['2026-03-01T12:00Z', NOON],
  ['2026-03-01T12:00:00.0Z', NOON],
  ['2026-03-01T12:00:00.1Z', NOON + 100],
  ['2026-03-01T12:00:00,25Z', NOON + 250],
  ['2026-03-01T12:00:00.999Z', NOON + 999],
  ['2026-03-01T12:00:00.999999Z', NOON + 999],
  ['2026-03-01T12:00:00.000999999999Z', NOON],
  ['2026-03-01T12:00:00+00:00', NOON],
  ['2026-03-01T12:00:00-00:00', NOON],
  ['2026-03-01T14:00:00+02:00', NOON],
  ['2026-03-01T14:00:00+0200', NOON],
  ['2026-03-01T14:00:00+02', NOON],
  ['2026-03-01T08:15:00-03:45', NOON],
  ['2026-03-02T11:59:00+23:59', NOON],
  ['2026-02-28T12:01:00-23:59', NOON],
  ['1970-01-01T00:00:00Z', 0],
  ['1969-12-31T23:59:59.999Z', -1],
  ['1970-01-01T00:00:00+01:00', -3_600_000],
  ['0001-01-01T00:00:00Z', -62_135_596_800_000],
  ['0099-01-01T00:00:00Z', -59_042_995_200_000],
  ['9999-12-31T23:59:59.999Z', 253_402_300_799_999],
  ['2024-02-29T00:00:00Z', 1_709_164_800_000],
  ['2000-02-29T00:00:00Z', 951_782_400_000],
];

const REFUSED: readonly string[] = [
  '',
  ' ',
  'now',
  '0',
  '1772366400',
  '2026',
  '2026-03',
  '2026-03-01',
  '12:00:00Z',
  '2026-03-01T12Z',
  '2026-03-01T12:00:00',
  '2026-03-01T12:00:00 Z',
  '2026-03-01T12:00:00+',
  '2026-03-01T12:00:00+2',
  '2026-03-01T12:00:00+020',
  '2026-03-01T12:00:00+24:00',
  '2026-03-01T12:00:00+02:60',
  '2026-03-01T12:00:00Z+02:00',
  '2026-03-01T12:00:00.Z',
  '2026-03-01T12:00.5Z',
  '2026-03-01T12:00:00.1234567890123Z',
  '2026-3-1T12:00:00Z',
  '26-03-01T12:00:00Z',
  '+02026-03-01T12:00:00Z',
  '-0001-03-01T12:00:00Z',
  '20260301T120000Z',
  '2026-00-01T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-01-00T00:00:00Z',
  '2026-01-32T00:00:00Z',
  '2026-02-29T00:00:00Z',
  '2024-02-30T00:00:00Z',
  '1900-02-29T00:00:00Z',
  '2026-04-31T00:00:00Z',
  '2026-03-01T24:00:00Z',
  '2026-03-01T12:60:00Z',
  '2026-03-01T23:59:60Z',
  ' 2026-03-01T12:00:00Z',
  '2026-03-01T12:00:00Z\n',
  '２０２６-03-01T12:00:00Z',
  'Sun, 01 Mar 2026 12:00:00 GMT',
  '2026-W09-7T12:00:00Z',
  '2026-060T12:00:00Z',
  '2026-03-01T12:00:00[UTC]',
  `2026-03-01T12:00:00.${'0'.repeat(100)}Z`,
];

for (const [text, ms] of READ) {
  test(`${text} is read as ${ms}`, () => assert.equal(parseInstant(text), ms));
}

for (const text of REFUSED) {
  test(`${JSON.stringify(text.slice(0, 40))} is no instant`, () => assert.equal(parseInstant(text), undefined));
}

test('what is formatted is read back to the millisecond', () => {
  fc.assert(
    fc.property(fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }), (ms) => {
      assert.equal(parseInstant(formatInstant(ms)), ms);
    }),
  );
});

test('any text is read as an instant or as none, and nothing is thrown', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const ms = parseInstant(text);
      assert(ms === undefined || Number.isSafeInteger(ms));
    }),
  );
});

test('an instant is written in UTC with milliseconds, and null stays null', () => {
  assert.equal(formatInstant(NOON + 7), '2026-03-01T12:00:00.007Z');
  assert.equal(formatInstantOrNull(NOON), '2026-03-01T12:00:00.000Z');
  assert.equal(formatInstantOrNull(null), null);
});
