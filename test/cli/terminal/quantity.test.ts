import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  formatBytes,
  formatGibibytes,
  formatMebibytes,
  formatPercent,
  formatShare,
  formatTransfer,
  percentOf,
} from '../../../src/cli/terminal/quantity.ts';

describe('quantities', () => {
  const rows: Array<[string, string]> = [
    [formatBytes(0), '0 B'],
    [formatBytes(1023), '1023 B'],
    [formatBytes(1024), '1.0 KiB'],
    [formatBytes(1_288_490_189), '1.2 GiB'],
    [formatBytes(null), '–'],
    [formatMebibytes(812), '812 MiB'],
    [formatMebibytes(4096), '4.0 GiB'],
    [formatMebibytes(204_800), '200 GiB'],
    [formatGibibytes(40), '40 GiB'],
    [formatGibibytes(2048), '2.0 TiB'],
    [formatPercent(0), '0.0%'],
    [formatPercent(12.34), '12.3%'],
    [formatPercent(150.4), '150%'],
    [formatPercent(null), '–'],
    [formatPercent(percentOf(1, 4)), '25.0%'],
    [formatPercent(percentOf(1, 0)), '–'],
    [formatPercent(percentOf(null, 4)), '–'],
    [formatShare('1 MiB', '4 MiB'), '1 MiB / 4 MiB'],
    [formatShare('1 MiB', '–'), '1 MiB'],
    [formatTransfer(1024, 0), '1.0 KiB / 0 B'],
    [formatTransfer(1024, null), '1.0 KiB / –'],
    [formatTransfer(null, null), '–'],
  ];
  for (const [actual, expected] of rows) it(`read '${expected}'`, () => assert.equal(actual, expected));
});
