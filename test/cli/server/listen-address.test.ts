import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseListenAddress } from '../../../src/cli/server/listen-address.ts';
import { NexusError } from '../../../src/domain/errors.ts';

const isUsage = (error: unknown): boolean => error instanceof NexusError && error.code === 'usage';

describe('--listen', () => {
  const rows: Array<[string, string, number]> = [
    ['127.0.0.1:8470', '127.0.0.1', 8470],
    ['0.0.0.0:0', '0.0.0.0', 0],
    ['[::1]:8470', '::1', 8470],
    ['[::]:65535', '::', 65_535],
    ['localhost:80', 'localhost', 80],
  ];
  for (const [text, host, port] of rows)
    it(`takes ${text}`, () => assert.deepEqual(parseListenAddress(text), { host, port }));
  for (const text of [
    '8470',
    ':8470',
    '127.0.0.1',
    '::1:8470',
    '[::1]',
    '[web]:1',
    '127.0.0.1:65536',
    'a b:1',
    'http://a:1',
  ]) {
    it(`refuses '${text}'`, () => assert.throws(() => parseListenAddress(text), isUsage));
  }
});
