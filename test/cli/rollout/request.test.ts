import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type RequestFlags, readRequest } from '../../../src/cli/rollout/request.ts';
import { formatWaves, readWaves } from '../../../src/cli/rollout/waves.ts';
import { type ErrorCode, NexusError } from '../../../src/domain/errors.ts';

const failure =
  (code: ErrorCode, pattern: RegExp) =>
  (error: unknown): boolean =>
    error instanceof NexusError && error.code === code && pattern.test(error.message);

describe('--waves', () => {
  const rows: Array<[string, unknown]> = [
    ['1', [{ count: 1 }]],
    ['100%', [{ percent: 100 }]],
    ['1,25%,100%', [{ count: 1 }, { percent: 25 }, { percent: 100 }]],
    [' 2 , 12.5% ', [{ count: 2 }, { percent: 12.5 }]],
    [
      'role=canary:1h,25%:1h30m,100%',
      [{ selector: { role: 'canary' }, soak_seconds: 3600 }, { percent: 25, soak_seconds: 5400 }, { percent: 100 }],
    ],
    ['1:0s,a/b.c=x=y', [{ count: 1, soak_seconds: 0 }, { selector: { 'a/b.c': 'x=y' } }]],
    ['addr=[::1]:80,role=', [{ selector: { addr: '[::1]:80' } }, { selector: { role: '' } }]],
    ['addr=h:80:5m', [{ selector: { addr: 'h:80' }, soak_seconds: 300 }]],
  ];
  for (const [text, waves] of rows) it(`takes '${text}'`, () => assert.deepEqual(readWaves(text), waves));
  it('are written as they are read', () => {
    const text = 'role=canary:1h,1:90s,12.5%,100%';
    assert.equal(formatWaves(readWaves(text)), text);
  });
  for (const text of [
    '',
    '0',
    '1,',
    '-1',
    '1.5',
    '0%',
    '101%',
    '%',
    '1;2',
    '1 2',
    'all',
    '=web',
    '1:',
    ':1h',
    '1:soon',
  ]) {
    it(`refuses '${text}'`, () => assert.throws(() => readWaves(text), failure('usage', /--waves is.*1,25%,100%/)));
  }
});

describe('the request of a rollout', () => {
  const rows: Array<[RequestFlags, Record<string, unknown>]> = [
    [{ selector: ['role=web', 'zone=a'] }, { selector: { role: 'web', zone: 'a' } }],
    [{ host: ['web-1', 'web-2', 'web-1'] }, { hosts: ['web-1', 'web-2'] }],
    [
      { host: ['a'], waves: '1,100%', maxInFlight: '20', failureThreshold: '0' },
      { hosts: ['a'], waves: [{ count: 1 }, { percent: 100 }], max_in_flight: 20, failure_threshold: 0 },
    ],
  ];
  for (const [flags, body] of rows) {
    it(`of ${JSON.stringify(flags)}`, () => assert.deepEqual(readRequest(flags), body));
  }
  const refused: Array<[RequestFlags, RegExp]> = [
    [{}, /--selector KEY=VALUE.*--host NAME/],
    [{ selector: ['role'] }, /KEY=VALUE/],
    [{ host: ['a'], maxInFlight: '0' }, /--max-in-flight is '0'/],
    [{ host: ['a'], failureThreshold: '-1' }, /--failure-threshold is '-1'/],
  ];
  for (const [flags, reason] of refused) {
    it(`refuses ${JSON.stringify(flags)}`, () => assert.throws(() => readRequest(flags), failure('usage', reason)));
  }
});
