/** What a host reports of a stack, without what cannot be true. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StackUsageSample } from '../../../src/domain/lookups.ts';
import { NO_FACTS } from '../../../src/domain/telemetry.ts';
import { ofLatestContainers, readSample } from '../../../src/rollout/telemetry-gate/stack-series.ts';

const USAGE: StackUsageSample = {
  recordedAtMs: 1_000,
  receivedAtMs: 1_200,
  live: true,
  memoryMb: 300,
  cpuPercent: 150,
  containers: [{ container: 1, usedMb: 300, limitMb: 512 }],
  hostMemory: { usedMb: 1_500, totalMb: 4_000 },
};
const FACTS = { ...NO_FACTS, cpuCount: 2, memoryTotalMb: 4_000 };

test('a possible sample is taken as it is, at the time of its arrival', () => {
  assert.deepEqual(readSample(USAGE, FACTS, 1_200), {
    atMs: 1_200,
    memoryMb: 300,
    cpuPercent: 150,
    containers: [{ container: 1, usedMb: 300, limitMb: 512 }],
    hostFreeMb: 2_500,
  });
});

for (const { given, usage, facts = FACTS, memoryMb, cpuPercent } of [
  { given: 'all memory of the host', usage: { memoryMb: 4_000 }, memoryMb: 4_000, cpuPercent: 150 },
  { given: 'more memory than the host has', usage: { memoryMb: 4_001 }, memoryMb: null, cpuPercent: 150 },
  {
    given: 'more memory than the host once said that it has',
    usage: { memoryMb: 4_001, hostMemory: { usedMb: null, totalMb: null } },
    memoryMb: null,
    cpuPercent: 150,
  },
  {
    given: 'much memory on a host that says nothing of itself',
    usage: { memoryMb: 90_000, hostMemory: { usedMb: null, totalMb: null } },
    facts: NO_FACTS,
    memoryMb: 90_000,
    cpuPercent: 150,
  },
  { given: 'all cores, a little late', usage: { cpuPercent: 219 }, memoryMb: 300, cpuPercent: 219 },
  { given: 'more CPU than there are cores', usage: { cpuPercent: 221 }, memoryMb: 300, cpuPercent: null },
  { given: 'much CPU of unknown cores', usage: { cpuPercent: 900 }, facts: NO_FACTS, memoryMb: 300, cpuPercent: 900 },
] as const) {
  test(`${given}: ${memoryMb} MiB, ${cpuPercent}%`, () => {
    const sample = readSample({ ...USAGE, ...usage }, facts, 1_200);
    assert.deepEqual([sample.memoryMb, sample.cpuPercent], [memoryMb, cpuPercent]);
    assert.equal(sample.containers.length, memoryMb === null ? 0 : 1);
  });
}

test('what other containers did before is left out', () => {
  const taken = (atMs: number, ...numbers: readonly number[]) => ({
    ...readSample(USAGE, FACTS, atMs),
    containers: numbers.map((container) => ({ container, usedMb: 1, limitMb: null })),
  });
  const samples = [taken(1, 1, 2), taken(2, 7, 8), taken(3, 7, 8), taken(4, 2, 1), taken(5, 2), taken(6, 1, 2)];
  assert.deepEqual(
    ofLatestContainers({ samples }).map(({ atMs }) => atMs),
    [1, 4, 6],
  );
  assert.deepEqual(ofLatestContainers({ samples: [] }), []);
});
