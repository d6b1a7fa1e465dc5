import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  formatBytes,
  formatGigabytes,
  formatMegabytes,
  formatPercent,
  formatShare,
  formatTransfer,
  percentOf,
} from '../../../src/cli/terminal/quantity.ts';

describe('quantities', () => {
  const rows: Array<[string, string]> = [
    [formatBytes(0), '0 B'],
    [formatBytes(1023), '1023 B'],
    [formatBytes(1024), '1.0 KB'],
    [formatBytes(1_288_490_189), '1.2 GB'],
    [formatBytes(null), '–'],
    [formatMegabytes(812), '812 MB'],
    [formatMegabytes(4096), '4.0 GB'],
    [formatMegabytes(204_800), '200 GB'],
    [formatGigabytes(40), '40 GB'],
    [formatGigabytes(2048), '2.0 TB'],
    [formatPercent(0), '0.0 %'],
    [formatPercent(12.34), '12.3 %'],
    [formatPercent(150.4), '150 %'],
    [formatPercent(null), '–'],
    [formatPercent(percentOf(1, 4)), '25.0 %'],
    [formatPercent(percentOf(1, 0)), '–'],
    [formatPercent(percentOf(null, 4)), '–'],
    [formatShare('1 MB', '4 MB'), '1 MB / 4 MB'],
    [formatShare('1 MB', '–'), '1 MB'],
    [formatTransfer(1024, 0), '1.0 KB / 0 B'],
    [formatTransfer(1024, null), '1.0 KB / –'],
    [formatTransfer(null, null), '–'],
  ];
  for (const [actual, expected] of rows) it(`read '${expected}'`, () => assert.equal(actual, expected));
});
