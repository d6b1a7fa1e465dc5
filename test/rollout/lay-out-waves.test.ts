import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WaveSize } from '../../src/domain/rollout.ts';
import { layOutWaves } from '../../src/rollout/lay-out-waves.ts';

const hosts = (count: number): string[] => Array.from({ length: count }, (_, index) => `h${index + 1}`);
const sizes = (text: string): WaveSize[] =>
  text
    .split(',')
    .map((size) => (size.endsWith('%') ? { percent: Number(size.slice(0, -1)) } : { count: Number(size) }));

for (const { waves, of, lengths } of [
  { waves: '1,25%,100%', of: 100, lengths: [1, 24, 75] },
  { waves: '1,25%,100%', of: 10, lengths: [1, 2, 7] },
  { waves: '1,25%,100%', of: 3, lengths: [1, 2] },
  { waves: '1,25%,100%', of: 1, lengths: [1] },
  { waves: '100%', of: 7, lengths: [7] },
  { waves: '1,2,100%', of: 7, lengths: [1, 2, 4] },
  { waves: '10%,2,100%', of: 10, lengths: [1, 2, 7] },
  { waves: '33.4%,66.7%,100%', of: 3, lengths: [2, 1] },
  { waves: '5,5', of: 10, lengths: [5, 5] },
  { waves: '20', of: 3, lengths: [3] },
]) {
  test(`${waves} of ${of} hosts are waves of ${lengths.join(', ')}`, () => {
    const laidOut = layOutWaves(sizes(waves), hosts(of));
    assert(laidOut.ok, laidOut.ok ? '' : laidOut.reason);
    assert.deepEqual(
      laidOut.waves.map((wave) => wave.length),
      lengths,
    );
    assert.deepEqual(laidOut.waves.flat(), hosts(of));
  });
}

for (const { waves, of, reason } of [
  { waves: [], of: 3, reason: 'the rollout has no waves' },
  { waves: sizes('1'), of: 0, reason: 'the rollout has no hosts' },
  { waves: sizes('1,50%'), of: 10, reason: '5 of 10 hosts are in no wave: let the last wave be 100 %' },
  { waves: sizes('1,2'), of: 10, reason: '7 of 10 hosts are in no wave: let the last wave be 100 %' },
  { waves: sizes('50%,25%,100%'), of: 10, reason: 'a wave of 25 % after one of 50 % adds nobody' },
  { waves: sizes('25%,25%,100%'), of: 10, reason: 'a wave of 25 % after one of 25 % adds nobody' },
  { waves: sizes('0,100%'), of: 10, reason: 'a wave of 0 hosts cannot be' },
  { waves: sizes('1.5,100%'), of: 10, reason: 'a wave of 1.5 hosts cannot be' },
  { waves: sizes('101%'), of: 10, reason: 'a wave of 101 % cannot be' },
  { waves: sizes('0%'), of: 10, reason: 'a wave of 0 % cannot be' },
  { waves: [{ percent: Number.NaN }], of: 10, reason: 'a wave of NaN % cannot be' },
  { waves: hosts(65).map(() => ({ count: 1 })), of: 65, reason: 'there are 65 waves: at most 64 are taken' },
  { waves: sizes('100%'), of: 20_001, reason: 'the rollout has 20001 hosts: at most 20000 are taken' },
]) {
  test(`refused: ${reason}`, () => assert.deepEqual(layOutWaves(waves, hosts(of)), { ok: false, reason }));
}

test('64 waves are taken', () => {
  const laidOut = layOutWaves(
    hosts(64).map(() => ({ count: 1 })),
    hosts(64),
  );
  assert.equal(laidOut.ok && laidOut.waves.length, 64);
});

test('a host is in one wave only', () => {
  assert.deepEqual(layOutWaves(sizes('100%'), ['a', 'b', 'a']), { ok: false, reason: "'a' is named twice" });
});
