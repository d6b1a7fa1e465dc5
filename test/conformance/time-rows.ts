/** `recorded_at`: its form, and the agent's clock against the server's. The server's clock shows noon, 1 March 2026. */
import assert from 'node:assert/strict';
import { telemetryBody, withField } from '../wire/telemetry-body.ts';
import { errorPaths, type Outcome, post, type Row } from './row.ts';

const NO_INSTANTS: readonly unknown[] = [
  undefined,
  null,
  0,
  1,
  1_772_366_400_000,
  false,
  true,
  [],
  ['2026-03-01T12:00:00Z'],
  {},
  '',
  ' ',
  'now',
  '1772366400',
  '2026-03-01',
  '2026-03-01T12:00:00',
  '2026-03-01T12:00:00 UTC',
  ' 2026-03-01T12:00:00Z',
  '2026-03-01T12:00:00Z ',
  '2026-03-01T12:00:00Z\u0000',
  '2026-3-1T12:00:00Z',
  '2026-02-29T12:00:00Z',
  '2026-02-30T12:00:00Z',
  '2026-13-01T12:00:00Z',
  '2026-00-01T12:00:00Z',
  '2026-03-00T12:00:00Z',
  '2026-03-01T24:00:00Z',
  '2026-03-01T12:60:00Z',
  '2026-03-01T12:00:60Z',
  '2026-03-01T12:00:00.Z',
  '2026-03-01T12:00:00+24:00',
  '2026-03-01T12:00:00+02:60',
  '2026-03-01T12:00:00+2',
  '+002026-03-01T12:00:00Z',
  '2026-W09-7T12:00:00Z',
  'Sun, 01 Mar 2026 12:00:00 GMT',
];

interface Instant {
  readonly text: string;
  /** What history then holds. */
  readonly recordedAt: string;
}

const INSTANTS: readonly Instant[] = [
  { text: '2026-03-01T12:00:00Z', recordedAt: '2026-03-01T12:00:00.000Z' },
  { text: '2026-03-01t12:00:00z', recordedAt: '2026-03-01T12:00:00.000Z' },
  { text: '2026-03-01 12:00:00Z', recordedAt: '2026-03-01T12:00:00.000Z' },
  { text: '2026-03-01T12:00Z', recordedAt: '2026-03-01T12:00:00.000Z' },
  { text: '2026-03-01T12:00:00.5Z', recordedAt: '2026-03-01T12:00:00.500Z' },
  { text: '2026-03-01T12:00:00.123456789Z', recordedAt: '2026-03-01T12:00:00.123Z' },
  { text: '2026-03-01T12:00:00+00:00', recordedAt: '2026-03-01T12:00:00.000Z' },
  { text: '2026-03-01T14:00:00+02:00', recordedAt: '2026-03-01T12:00:00.000Z' },
  { text: '2026-03-01T06:30:00-0530', recordedAt: '2026-03-01T12:00:00.000Z' },
  { text: '2026-03-02T02:00:00+14', recordedAt: '2026-03-01T12:00:00.000Z' },
  // One hour old is the limit, and so is five minutes ahead.
  { text: '2026-03-01T11:00:00Z', recordedAt: '2026-03-01T11:00:00.000Z' },
  { text: '2026-03-01T13:00:00+02:00', recordedAt: '2026-03-01T11:00:00.000Z' },
  { text: '2026-03-01T12:05:00Z', recordedAt: '2026-03-01T12:05:00.000Z' },
];

const BEYOND_THE_SKEW: readonly string[] = [
  '2026-03-01T10:59:59.999Z',
  '2026-03-01T10:59:59Z',
  '2026-03-01T11:00:00+00:01',
  '2026-02-28T12:00:00Z',
  '1970-01-01T00:00:00Z',
  '0000-01-01T00:00:00Z',
  '2026-03-01T12:05:00.001Z',
  '2026-03-01T12:05:01Z',
  '2027-03-01T12:00:00Z',
  '9999-12-31T23:59:59-23:59',
];

function describe(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value);
}

export const TIME_ROWS: readonly Row[] = [
  ...NO_INSTANTS.map((value) => ({
    name: `recorded_at ${describe(value)} is no instant`,
    send: post(withField(telemetryBody(), 'recorded_at', value)),
    status: 422,
    stored: 0,
    expect: ({ reply }: Outcome) => {
      assert.deepEqual(errorPaths(reply), ['recorded_at']);
      assert.doesNotMatch(reply.body, / s old| s ahead/);
    },
  })),
  ...INSTANTS.map(({ text, recordedAt }) => ({
    name: `recorded_at ${text} is taken as ${recordedAt}`,
    send: post(withField(telemetryBody(), 'recorded_at', text)),
    status: 204,
    stored: 1,
    expect: ({ after }: Outcome) => {
      const { points } = JSON.parse(after.history) as { points: Array<{ recorded_at: string }> };
      assert.equal(points[0]?.recorded_at, recordedAt);
    },
  })),
  ...BEYOND_THE_SKEW.map((text) => ({
    name: `recorded_at ${text} is too far from the server's clock`,
    send: post(withField(telemetryBody(), 'recorded_at', text)),
    status: 422,
    stored: 0,
    expect: ({ reply }: Outcome) => {
      assert.deepEqual(errorPaths(reply), ['recorded_at']);
      assert.match(reply.body, / s old| s ahead/);
    },
  })),
];
