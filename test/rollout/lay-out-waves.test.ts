import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Labels } from '../../src/domain/host.ts';
import type { WaveSize } from '../../src/domain/rollout.ts';
import { layOutWaves } from '../../src/rollout/lay-out-waves.ts';

const hosts = (count: number): string[] => Array.from({ length: count }, (_, index) => `h${index + 1}`);
const unlabelled = (): Labels => ({});
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
    const laidOut = layOutWaves(sizes(waves), hosts(of), unlabelled);
    assert(laidOut.ok, laidOut.ok ? '' : laidOut.reason);
    assert.deepEqual(
      laidOut.waves.map((wave) => wave.length),
      lengths,
    );
    assert.deepEqual(laidOut.waves.flat(), hosts(of));
  });
}

for (const { waves, of, reason } of [
  { waves: [], of: 3, reason: 'a rollout must have at least 1 wave' },
  { waves: sizes('1'), of: 0, reason: 'a rollout must have at least 1 host' },
  { waves: sizes('1,50%'), of: 10, reason: '5 of 10 hosts are in no wave: make the last wave 100%' },
  { waves: sizes('1,2'), of: 10, reason: '7 of 10 hosts are in no wave: make the last wave 100%' },
  {
    waves: sizes('50%,25%,100%'),
    of: 10,
    reason: 'a wave of 25% after one of 50% adds no host: a share includes the waves before it',
  },
  {
    waves: sizes('25%,25%,100%'),
    of: 10,
    reason: 'a wave of 25% after one of 25% adds no host: a share includes the waves before it',
  },
  { waves: sizes('0,100%'), of: 10, reason: 'a wave must have at least 1 host' },
  { waves: sizes('1.5,100%'), of: 10, reason: 'a wave must have a whole number of hosts, not 1.5' },
  { waves: sizes('101%'), of: 10, reason: 'a wave must be more than 0% and at most 100% of the hosts, not 101%' },
  { waves: sizes('0%'), of: 10, reason: 'a wave must be more than 0% and at most 100% of the hosts, not 0%' },
  {
    waves: [{ percent: Number.NaN }],
    of: 10,
    reason: 'a wave must be more than 0% and at most 100% of the hosts, not NaN%',
  },
  {
    waves: hosts(65).map(() => ({ count: 1 })),
    of: 65,
    reason: 'a rollout can have at most 64 waves, and this one has 65',
  },
  { waves: sizes('100%'), of: 20_001, reason: 'a rollout can have at most 20000 hosts, and this one has 20001' },
]) {
  test(`refused: ${reason}`, () => assert.deepEqual(layOutWaves(waves, hosts(of), unlabelled), { ok: false, reason }));
}

test('64 waves are taken', () => {
  const laidOut = layOutWaves(
    hosts(64).map(() => ({ count: 1 })),
    hosts(64),
    unlabelled,
  );
  assert.equal(laidOut.ok && laidOut.waves.length, 64);
});

test('a host is in one wave only', () => {
  assert.deepEqual(layOutWaves(sizes('100%'), ['a', 'b', 'a'], unlabelled), {
    ok: false,
    reason: "host 'a' is named twice",
  });
});

/** h1 to h10: every third is a canary, and the last two are in zone b. */
const labelsOf = (host: string): Labels => {
  const number = Number(host.slice(1));
  return { ...(number % 3 === 0 ? { stage: 'canary' } : {}), zone: number > 8 ? 'b' : 'a' };
};
const canaries = { selector: { stage: 'canary' } };

for (const { given, waves, expected } of [
  {
    given: 'a selector takes its hosts out of their order, and shares count them',
    waves: [canaries, { percent: 50 }, { percent: 100 }],
    expected: [
      ['h3', 'h6', 'h9'],
      ['h1', 'h2'],
      ['h4', 'h5', 'h7', 'h8', 'h10'],
    ],
  },
  {
    given: 'all labels of a selector must match',
    waves: [{ selector: { stage: 'canary', zone: 'b' } }, { percent: 100 }],
    expected: [['h9'], ['h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'h7', 'h8', 'h10']],
  },
  {
    given: 'a share that the selected hosts reach alone adds no wave',
    waves: [canaries, { percent: 30 }, { percent: 100 }],
    expected: [
      ['h3', 'h6', 'h9'],
      ['h1', 'h2', 'h4', 'h5', 'h7', 'h8', 'h10'],
    ],
  },
  {
    given: 'a selector whose hosts are all in earlier waves adds no wave',
    waves: [{ selector: { zone: 'a' } }, canaries, { selector: { zone: 'b' } }, canaries],
    expected: [['h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'h7', 'h8'], ['h9'], ['h10']],
  },
]) {
  test(given, () => {
    const laidOut = layOutWaves(waves, hosts(10), labelsOf);
    assert.deepEqual(laidOut.ok ? laidOut.waves : laidOut.reason, expected);
  });
}

test('each wave that has hosts keeps its own soak', () => {
  const waves = [
    { ...canaries, soakSeconds: 3600 },
    { percent: 10, soakSeconds: 1 },
    { count: 2, soakSeconds: 0 },
    { percent: 100 },
  ];
  const laidOut = layOutWaves(waves, hosts(10), labelsOf);
  assert.deepEqual(laidOut.ok && laidOut.waveSoakSeconds, [3600, 0, null]);
});

for (const { waves, reason } of [
  {
    waves: [{ selector: { stage: 'canray' } }, { percent: 100 }],
    reason:
      'no host of the rollout has the labels stage=canray, which one of its waves selects: label the hosts, or leave that wave out',
  },
  { waves: [{ selector: {} }], reason: 'a wave with an empty selector would have every host' },
  { waves: [canaries], reason: '7 of 10 hosts are in no wave: make the last wave 100%' },
]) {
  test(`refused: ${reason}`, () => {
    assert.deepEqual(layOutWaves(waves, hosts(10), labelsOf), { ok: false, reason });
  });
}
