import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ContainerReading, containerCpuPercent } from '../../../../agent/docker/container-reading.ts';
import { measureContainer, megabytes } from '../../../../agent/telemetry/sampling/measure-container.ts';

const MB = 1_048_576;
const NOW: ContainerReading = {
  cpuNs: 7_000_000_000,
  clockNs: 50_000_000_000,
  memoryBytes: 100 * MB,
  memoryLimitBytes: null,
  rxBytes: 1,
  txBytes: 2,
  readBytes: 3,
  writeBytes: 4,
};
const earlier = (seconds: number, cpuSeconds: number): ContainerReading => ({
  ...NOW,
  clockNs: NOW.clockNs - seconds * 1e9,
  cpuNs: NOW.cpuNs - cpuSeconds * 1e9,
});

const CPU_ROWS: [string, ContainerReading | null, number | null][] = [
  ['one core fully used is 100', earlier(30, 30), 100],
  ['two and a half cores are 250', earlier(2, 5), 250],
  ['an idle container is 0', earlier(30, 0), 0],
  ['two decimals', earlier(30, 0.01), 0.03],
  ['no reading before', null, null],
  ['too soon after the reading before', earlier(0.049, 0.01), null],
  ['counters went backwards: started anew', earlier(30, -1), null],
];
for (const [name, before, percent] of CPU_ROWS) {
  test(`container CPU: ${name}`, () => assert.equal(containerCpuPercent(before, NOW), percent));
}

const LIMIT_ROWS: [string, number | null, number | null, number | null][] = [
  ['its own', 64 * MB, 24_106 * MB, 64],
  ['the host’s, where it has none', null, 24_106 * MB, 24_106],
  ['the host’s, where version 1 says 2^63', 2 ** 63 - 4096, 24_106 * MB, 24_106],
  ['its own, where the host’s is not known', 64 * MB, null, 64],
  ['unknown, where neither is', null, null, null],
];
for (const [name, own, host, expected] of LIMIT_ROWS) {
  test(`the memory limit is ${name}`, () => {
    assert.equal(measureContainer(null, { ...NOW, memoryLimitBytes: own }, host).memory_limit_mb, expected);
  });
}

test('every metric of the contract, in whole MB of 2^20 bytes and in bytes', () => {
  assert.deepEqual(measureContainer(earlier(10, 1), NOW, 200 * MB), {
    cpu_percent: 10,
    memory_usage_mb: 100,
    memory_limit_mb: 200,
    network_rx_bytes: 1,
    network_tx_bytes: 2,
    block_read_bytes: 3,
    block_write_bytes: 4,
  });
  assert.equal(megabytes(MB * 1.4), 1);
  assert.equal(megabytes(null), null);
});
