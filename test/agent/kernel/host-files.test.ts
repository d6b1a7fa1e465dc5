import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpuPercentBetween, parseCpuTimes } from '../../../agent/kernel/parse-cpu-times.ts';
import { parseMemoryInfo } from '../../../agent/kernel/parse-memory-info.ts';
import { describeOs, parseOsRelease } from '../../../agent/kernel/parse-os-release.ts';
import { parseLoadAverage } from '../../../agent/telemetry/sampling/host-sampler.ts';

const STAT = `cpu  8095 10 4059 142824 1630 7 64 18 500 20
cpu0 4000 5 2000 71412 800 3 32 9 250 10
cpu1 4095 5 2059 71412 830 4 32 9 250 10
intr 12345 0 0
ctxt 99
btime 1795279000
`;

test('/proc/stat: guest time is inside user time, idle and iowait are not busy', () => {
  assert.deepEqual(parseCpuTimes(STAT), { busy: 12_253, total: 156_707, cpuCount: 2 });
});

test('/proc/stat of an old kernel has fewer columns', () => {
  assert.deepEqual(parseCpuTimes('cpu  10 0 5 80 5\ncpu0 10 0 5 80 5\n'), { busy: 15, total: 100, cpuCount: 1 });
});

for (const text of ['', 'intr 1 2 3\n', 'cpu  a b c d e\n', 'cpu  1 2\n']) {
  test(`/proc/stat ${JSON.stringify(text)} is not read`, () => assert.equal(parseCpuTimes(text), null));
}

const BEFORE = { busy: 1000, total: 10_000, cpuCount: 4 };
const CPU_ROWS: [string, typeof BEFORE | null, typeof BEFORE | null, number | null][] = [
  ['a quarter of the time', BEFORE, { busy: 1100, total: 10_400, cpuCount: 4 }, 25],
  ['two decimals', BEFORE, { busy: 1001, total: 10_300, cpuCount: 4 }, 0.33],
  ['nothing at all', BEFORE, { busy: 1000, total: 10_400, cpuCount: 4 }, 0],
  ['everything', BEFORE, { busy: 1400, total: 10_400, cpuCount: 4 }, 100],
  ['iowait stepped back: never above 100', BEFORE, { busy: 1401, total: 10_400, cpuCount: 4 }, 100],
  ['busy stepped back: never below 0', BEFORE, { busy: 999, total: 10_400, cpuCount: 4 }, 0],
  ['no time has passed', BEFORE, BEFORE, null],
  ['a CPU went offline', BEFORE, { busy: 900, total: 8_000, cpuCount: 3 }, null],
  ['no reading before', null, BEFORE, null],
  ['no reading now', BEFORE, null, null],
];
for (const [name, before, after, percent] of CPU_ROWS) {
  test(`host CPU: ${name}`, () => assert.equal(cpuPercentBetween(before, after), percent));
}

test('/proc/meminfo is in kB of 1,024 bytes', () => {
  const text =
    'MemTotal:       24684096 kB\nMemFree:        23377912 kB\nMemAvailable:   24197144 kB\nCached: 953540 kB\n';
  assert.deepEqual(parseMemoryInfo(text), { totalBytes: 25_276_514_304, availableBytes: 24_777_875_456 });
});

test('/proc/meminfo without the estimate: free and easily freed stand in', () => {
  const text = 'MemTotal: 1000 kB\nMemFree: 300 kB\nBuffers: 50 kB\nCached: 150 kB\n';
  assert.deepEqual(parseMemoryInfo(text), { totalBytes: 1_024_000, availableBytes: 512_000 });
});

test('/proc/meminfo without a total is not read', () => assert.equal(parseMemoryInfo('MemFree: 1 kB\n'), null));

const OS_ROWS: [string, string | null][] = [
  ['NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n', 'Debian GNU/Linux 12 (bookworm)'],
  ["PRETTY_NAME='Alpine Linux v3.20'\n", 'Alpine Linux v3.20'],
  ['PRETTY_NAME=Void\n', 'Void'],
  ['PRETTY_NAME="The \\"Best\\" \\$Linux"\n', 'The "Best" $Linux'],
  ['PRETTY_NAME="Été Linux"\n', 'Été Linux'],
  ['PRETTY_NAME=""\n', null],
  ['NAME=x\n', null],
];
for (const [text, name] of OS_ROWS) {
  test(`os-release ${JSON.stringify(text)}`, () => assert.equal(parseOsRelease(text), name));
}

test('the operating system is the distribution and the running kernel', () => {
  assert.equal(
    describeOs('Debian GNU/Linux 12 (bookworm)', '6.1.0-9'),
    'Debian GNU/Linux 12 (bookworm), Linux 6.1.0-9',
  );
  assert.equal(describeOs(null, '6.1.0-9'), 'Linux 6.1.0-9');
});

const LOAD_ROWS: [string, number | null][] = [
  ['0.52 0.58 0.59 1/467 12345\n', 0.52],
  ['12.00 1 1 1/1 1\n', 12],
  ['', null],
  ['nan', null],
  ['-1 0 0', null],
];
for (const [text, load] of LOAD_ROWS) {
  test(`/proc/loadavg ${JSON.stringify(text)}`, () => assert.equal(parseLoadAverage(text), load));
}
