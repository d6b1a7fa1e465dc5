import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  durationFlag,
  formatRelativeTime,
  parseDuration,
  readDuration,
  readTimeSpan,
} from '../../../src/cli/terminal/duration.ts';
import { NexusError } from '../../../src/domain/errors.ts';
import { NOON_MS } from '../memory-terminal.ts';

const isUsage = (error: unknown): boolean => error instanceof NexusError && error.code === 'usage';

describe('durations', () => {
  const readable: Array<[string, number]> = [
    ['90', 90],
    ['45s', 45],
    ['30m', 1_800],
    ['12h', 43_200],
    ['90d', 7_776_000],
    ['2w', 1_209_600],
    ['1y', 31_536_000],
    ['1h30m', 5_400],
  ];
  for (const [text, seconds] of readable) {
    it(`${text} is ${seconds} s`, () => assert.equal(parseDuration(text), seconds));
  }
  for (const text of ['', 'd', '1.5h', '-1h', '1 h', '90x', '1h ', '٣d']) {
    it(`'${text}' is not one`, () => assert.equal(parseDuration(text), undefined));
  }
  it('of 0 are refused where a flag needs time to pass', () => {
    assert.throws(() => readDuration('--expires', '0s'), isUsage);
    assert.throws(() => readDuration('--expires', 'soon'), /--expires is 'soon'/);
  });

  const flags: Array<[number, string]> = [
    [15, '15s'],
    [60, '1m'],
    [90, '90s'],
    [600, '10m'],
    [172_800, '2d'],
    [604_800, '7d'],
    [63_072_000, '2y'],
  ];
  for (const [seconds, text] of flags) {
    it(`of ${seconds} s are written '${text}' and read back`, () => {
      assert.equal(durationFlag(seconds), text);
      assert.equal(parseDuration(text), seconds);
    });
  }
});

describe('relative times', () => {
  const rows: Array<[number, string]> = [
    [0, 'now'],
    [-999, 'now'],
    [-1_000, '1 s ago'],
    [-12_000, '12 s ago'],
    [-59_900, '59 s ago'],
    [-180_000, '3 min ago'],
    [-86_399_000, '23 h ago'],
    [-2 * 86_400_000, '2 d ago'],
    [3 * 3_600_000, 'in 3 h'],
  ];
  for (const [offsetMs, text] of rows) {
    it(`${offsetMs} ms away read '${text}'`, () => assert.equal(formatRelativeTime(NOON_MS + offsetMs, NOON_MS), text));
  }
});

describe('points in time', () => {
  const rows: Array<[string, string]> = [
    ['now', '2026-05-01T12:00:00.000Z'],
    ['1h', '2026-05-01T11:00:00.000Z'],
    ['-1h', '2026-05-01T11:00:00.000Z'],
    ['7d', '2026-04-24T12:00:00.000Z'],
    ['2026-01-31T12:00:00+02:00', '2026-01-31T10:00:00.000Z'],
  ];
  for (const [text, instant] of rows) {
    it(`${text} is ${instant}`, () => assert.equal(readTimeSpan({ from: text }, NOON_MS).from, instant));
  }
  for (const text of ['yesterday', '2026-01-31', '2026-02-30T00:00:00Z']) {
    it(`'${text}' is wrong usage`, () => assert.throws(() => readTimeSpan({ from: text }, NOON_MS), isUsage));
  }

  it('that swap beginning and end are wrong usage', () => {
    assert.throws(() => readTimeSpan({ from: '1h', to: '2h' }, NOON_MS), /swap --from and --to/);
    assert.throws(() => readTimeSpan({ from: '2030-01-01T00:00:00Z' }, NOON_MS), /later than now/);
    assert.deepEqual(readTimeSpan({ to: '2h' }, NOON_MS), { from: undefined, to: '2026-05-01T10:00:00.000Z' });
  });
});
