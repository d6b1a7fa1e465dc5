import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTAINER_METRICS, type ContainerMetrics, HOST_METRICS, memoryPercent } from '../../src/domain/telemetry.ts';

test('the order of the metrics is that of the stored samples: it only ever grows at its end', () => {
  assert.deepEqual(HOST_METRICS.slice(0, 8), [
    'cpu_percent',
    'load_average',
    'memory_used_mb',
    'memory_total_mb',
    'disk_used_gb',
    'disk_total_gb',
    'network_rx_bytes',
    'network_tx_bytes',
  ]);
  assert.deepEqual(CONTAINER_METRICS.slice(0, 7), [
    'cpu_percent',
    'memory_usage_mb',
    'memory_limit_mb',
    'network_rx_bytes',
    'network_tx_bytes',
    'block_read_bytes',
    'block_write_bytes',
  ]);
});

function metrics(usage: number | null, limit: number | null): ContainerMetrics {
  return {
    cpu_percent: null,
    memory_usage_mb: usage,
    memory_limit_mb: limit,
    network_rx_bytes: null,
    network_tx_bytes: null,
    block_read_bytes: null,
    block_write_bytes: null,
  };
}

test('memory is told as a share of its limit, when both are known and there is a limit', () => {
  const rows: ReadonlyArray<readonly [usage: number | null, limit: number | null, percent: number | null]> = [
    [256, 1024, 25],
    [1024, 1024, 100],
    [0, 1024, 0],
    [3000, 1000, 300],
    [256, 0, null],
    [0, 0, null],
    [256, null, null],
    [null, 1024, null],
    [null, null, null],
  ];
  for (const [usage, limit, percent] of rows) assert.equal(memoryPercent(metrics(usage, limit)), percent);
});
