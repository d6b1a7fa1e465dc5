/** What is particular to the reader of telemetry; its rules, field by field, are in the conformance table. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TELEMETRY_LIMITS, type Tick } from '../../src/domain/telemetry.ts';
import { parseTelemetry, parseTelemetryBatch } from '../../src/wire/telemetry.ts';
import { bareTick, containerBody, telemetryBody } from './telemetry-body.ts';

const NOON_MS = 1_772_366_400_000;

function read(body: unknown): Tick {
  const parsed = parseTelemetry(body, NOON_MS);
  assert(parsed.ok);
  return parsed.value;
}

function errorsOf(parsed: ReturnType<typeof parseTelemetry> | ReturnType<typeof parseTelemetryBatch>): unknown[] {
  assert(!parsed.ok);
  return parsed.errors.map((error) => error.path);
}

test('the limits are those of the contract', () => {
  assert.deepEqual(TELEMETRY_LIMITS, {
    maxCpuCount: 1024,
    maxOs: 80,
    maxDockerVersion: 32,
    maxAgentText: 64,
    maxCapabilities: 32,
    maxEpochs: 500,
    maxContainerId: 80,
    maxContainerName: 255,
    maxImage: 255,
    maxImageTag: 128,
    maxStatus: 32,
    maxState: 32,
    maxHealthStatus: 16,
    maxContainers: 500,
    maxBatchTicks: 100,
    maxAgeMs: 3_600_000,
    maxBatchAgeMs: 604_800_000,
    maxAheadMs: 300_000,
  });
});

test('a body is read into a tick', () => {
  assert.deepEqual(read(telemetryBody()), {
    recordedAtMs: NOON_MS,
    facts: {
      cpuCount: 4,
      memoryTotalMb: 8192,
      diskTotalGb: 100,
      os: 'Debian GNU/Linux 13',
      dockerVersion: '29.1.0',
    },
    agent: {
      version: '1.2.0',
      capabilities: ['rollouts', 'logs'],
      composeVersion: '2.40.0',
      bootId: '3f1c',
      epochs: { shop: 7, 'mail-2': 0 },
    },
    metrics: {
      cpu_percent: 37.25,
      load_average: 1.5,
      memory_used_mb: 2048,
      memory_total_mb: 8192,
      disk_used_gb: 40,
      disk_total_gb: 100,
      network_rx_bytes: 123456789,
      network_tx_bytes: 987654321,
    },
    containers: [
      {
        containerId: 'c0ffee',
        identity: {
          name: 'shop-web-1',
          image: 'nginx',
          imageTag: '1.27',
          status: 'Up 2 hours',
          state: 'running',
          healthStatus: 'healthy',
          startedAt: '2026-03-01T10:00:00.123456789Z',
          finishedAt: null,
          ports: ['0.0.0.0:8080->80/tcp'],
          labels: { 'com.docker.compose.project': 'shop' },
        },
        metrics: {
          cpu_percent: 12.5,
          memory_usage_mb: 256,
          memory_limit_mb: 1024,
          network_rx_bytes: 1000,
          network_tx_bytes: 2000,
          block_read_bytes: 3000,
          block_write_bytes: 4000,
        },
      },
    ],
  });
});

test('no containers, and nothing said of containers, are two things', () => {
  assert.deepEqual(read(bareTick('2026-03-01T12:00:00Z', { containers: [] })).containers, []);
  assert.equal(read(bareTick('2026-03-01T12:00:00Z', { containers: null })).containers, null);
  assert.equal(read(bareTick('2026-03-01T12:00:00Z')).containers, null);
});

test('a list or a map of a million wrong entries is answered with its first one', () => {
  const wrong = Array.from({ length: 1_000_000 }, () => 1);
  const ports = bareTick('2026-03-01T12:00:00Z', { containers: [containerBody({ ports: ['80/tcp', ...wrong] })] });
  assert.deepEqual(errorsOf(parseTelemetry(ports, NOON_MS)), ['containers.0.ports.1']);
  const labels = bareTick('2026-03-01T12:00:00Z', { containers: [containerBody({ labels: { ...wrong, good: 'x' } })] });
  assert.deepEqual(errorsOf(parseTelemetry(labels, NOON_MS)), ['containers.0.labels.0']);
});

test('an error of a batch is named by its tick, and no more than twenty are', () => {
  const good = bareTick('2026-03-01T11:00:00Z');
  const wrong = { ...good, host: { metrics: { cpu_percent: 101 } } };
  const age = bareTick('2020-03-01T11:00:00Z');
  const read = (ticks: unknown) => errorsOf(parseTelemetryBatch({ ticks }, NOON_MS));
  assert.deepEqual(read([good, wrong, good, wrong]), [
    'ticks.1.host.metrics.cpu_percent',
    'ticks.3.host.metrics.cpu_percent',
  ]);
  assert.deepEqual(read([good, 7]), ['ticks.1']);
  assert.deepEqual(read([age, good]), ['ticks.0.recorded_at']);
  assert.equal(read(Array.from({ length: 100 }, () => wrong)).length, 20);
  assert.equal(read(Array.from({ length: 100 }, () => age)).length, 20);
});

test('the shape of a whole batch comes before its clock', () => {
  const age = bareTick('2020-03-01T11:00:00Z');
  const wrong = { ...age, host: { metrics: { cpu_percent: 101 } } };
  assert.deepEqual(errorsOf(parseTelemetryBatch({ ticks: [age, wrong] }, NOON_MS)), [
    'ticks.1.host.metrics.cpu_percent',
  ]);
});
