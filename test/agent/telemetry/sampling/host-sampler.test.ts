import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SmallFileReader } from '../../../../agent/kernel/small-file-reader.ts';
import { HostSampler, hostPathsBelow } from '../../../../agent/telemetry/sampling/host-sampler.ts';
import { systemRuntime } from '../../../../src/runtime/system-runtime.ts';

test('a host whose root is mounted elsewhere is measured from there', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'host-'));
  t.after(() => rmSync(root, { recursive: true }));
  const write = (path: string, text: string): void => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write('proc/stat', 'cpu  100 0 0 900 0 0 0 0\ncpu0 1\n');
  write('proc/meminfo', 'MemTotal: 2097152 kB\nMemAvailable: 1048576 kB\n');
  write('proc/loadavg', '1.25 1 1 1/1 1\n');
  write('proc/1/net/dev', ' lo: 1 0 0 0 0 0 0 0 1 0\n eth0: 5 0 0 0 0 0 0 0 6 0\n docker0: 9 0 0 0 0 0 0 0 9 0\n');
  write('sys/class/net/eth0/device/uevent', '');
  write('etc/os-release', 'PRETTY_NAME="Test Linux"\n');

  const sampler = new HostSampler(new SmallFileReader(), hostPathsBelow(root), systemRuntime);
  sampler.prime();
  write('proc/stat', 'cpu  150 0 0 1050 0 0 0 0\ncpu0 1 \n');
  const { metrics, facts, memoryBytes } = await sampler.sample(5000);
  assert.equal(metrics.cpu_percent, 25);
  assert.equal(metrics.load_average, 1.25);
  assert.equal(metrics.memory_used_mb, 1024);
  assert.equal(metrics.memory_total_mb, 2048);
  assert.equal(memoryBytes, 2_147_483_648);
  assert.equal(metrics.network_rx_bytes, 5);
  assert.equal(metrics.network_tx_bytes, 6);
  assert.ok(metrics.disk_total_gb !== null && metrics.disk_used_gb !== null);
  assert.ok(metrics.disk_used_gb <= metrics.disk_total_gb);
  assert.deepEqual(facts, {
    cpuCount: 1,
    memoryTotalMb: 2048,
    diskTotalGb: metrics.disk_total_gb,
    os: `Test Linux, Linux ${release()}`,
  });
});

test('a host that shows nothing is reported with nothing, not with errors', async () => {
  const sampler = new HostSampler(new SmallFileReader(), hostPathsBelow('/nonexistent'), systemRuntime);
  sampler.prime();
  const { metrics, facts } = await sampler.sample(5000);
  assert.deepEqual(new Set(Object.values(metrics)), new Set([null]));
  assert.deepEqual(facts, { cpuCount: null, memoryTotalMb: null, diskTotalGb: null, os: `Linux ${release()}` });
});

test('a file that is larger than the first buffer is read whole', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'large-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const reader = new SmallFileReader();
  for (const size of [0, 1, 16_384, 16_385, 300_000]) {
    writeFileSync(join(directory, 'file'), 'x'.repeat(size));
    assert.equal(reader.read(join(directory, 'file')).length, size);
  }
  assert.equal(reader.tryRead(join(directory, 'none')), null);
  assert.throws(() => reader.read(join(directory, 'none')), { code: 'ENOENT' });
});
