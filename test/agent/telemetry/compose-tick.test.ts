import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  composeTick,
  rememberIdentities,
  slimIdentity,
  type TickContent,
} from '../../../agent/telemetry/compose-tick.ts';
import { parseTelemetry } from '../../../src/wire/telemetry.ts';
import { sampleView } from '../sample-view.ts';

const AT = Date.UTC(2026, 10, 21, 17, 0, 0);
const METRICS = {
  cpu_percent: 12.5,
  memory_usage_mb: 10,
  memory_limit_mb: 100,
  network_rx_bytes: 1,
  network_tx_bytes: 2,
  block_read_bytes: 3,
  block_write_bytes: null,
};
const CONTENT: TickContent = {
  recordedAtMs: AT,
  agent: {
    version: '1.2.3',
    capabilities: ['rollouts'],
    composeVersion: null,
    bootId: 'b',
    epochs: { shop: 7 },
  },
  metrics: {
    cpu_percent: 6.25,
    load_average: 0.5,
    memory_used_mb: 1024,
    memory_total_mb: 2048,
    disk_used_gb: 16,
    disk_total_gb: 252,
    network_rx_bytes: null,
    network_tx_bytes: 0,
  },
  facts: { cpuCount: 2, memoryTotalMb: 2048, diskTotalGb: 252, os: `Long ${'x'.repeat(100)}`, dockerVersion: '26.1.5' },
  containers: [
    sampleView({ id: 'a', ports: ['80/tcp'], labels: { 'com.docker.compose.project': 'shop', big: '"\n' } }),
    sampleView({ id: 'b', state: 'exited', status: 'exited (1)', pid: 0, finishedAt: '2026-11-21T16:59:00Z' }),
  ],
  containerMetrics: new Map([['a', METRICS]]),
};

test('a tick is what the contract says, and the server reads it back as it was', () => {
  const json = composeTick(CONTENT, rememberIdentities());
  assert.deepEqual(JSON.parse(json), {
    recorded_at: '2026-11-21T17:00:00.000Z',
    agent: { version: '1.2.3', capabilities: ['rollouts'], compose_version: null, boot_id: 'b', epochs: { shop: 7 } },
    host: {
      metrics: {
        cpu_percent: 6.25,
        load_average: 0.5,
        memory_used_mb: 1024,
        memory_total_mb: 2048,
        disk_used_gb: 16,
        disk_total_gb: 252,
        network_tx_bytes: 0,
      },
      facts: {
        cpu_count: 2,
        memory_total_mb: 2048,
        disk_total_gb: 252,
        os: `Long ${'x'.repeat(75)}`,
        docker_version: '26.1.5',
      },
    },
    containers: [
      {
        container_id: 'a',
        name: 'web',
        image: 'nginx',
        image_tag: '1.27',
        status: 'running',
        state: 'running',
        started_at: '2026-11-21T16:49:08.841465236Z',
        finished_at: null,
        ports: ['80/tcp'],
        labels: { 'com.docker.compose.project': 'shop', big: '"\n' },
        metrics: {
          cpu_percent: 12.5,
          memory_usage_mb: 10,
          memory_limit_mb: 100,
          network_rx_bytes: 1,
          network_tx_bytes: 2,
          block_read_bytes: 3,
        },
      },
      {
        container_id: 'b',
        name: 'web',
        image: 'nginx',
        image_tag: '1.27',
        status: 'exited (1)',
        state: 'exited',
        started_at: '2026-11-21T16:49:08.841465236Z',
        finished_at: '2026-11-21T16:59:00Z',
        ports: [],
        labels: {},
      },
    ],
  });
  const parsed = parseTelemetry(JSON.parse(json), AT);
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.value.containers?.[0]?.metrics, METRICS);
});

test('without an engine the tick says nothing of containers; with an empty one it says there are none', () => {
  assert.equal('containers' in JSON.parse(composeTick({ ...CONTENT, containers: null }, rememberIdentities())), false);
  assert.deepEqual(JSON.parse(composeTick({ ...CONTENT, containers: [] }, rememberIdentities())).containers, []);
});

test('an identity is written once and for all', () => {
  const identity = rememberIdentities();
  const view = sampleView();
  const first = identity(view);
  assert.equal(identity(view), first);
  assert.notEqual(identity(sampleView({ name: 'db' })), first);
});

test('where there is no room, only the labels that name stack and service stay', () => {
  const json = JSON.parse(composeTick(CONTENT, slimIdentity));
  assert.deepEqual(json.containers[0].labels, { 'com.docker.compose.project': 'shop' });
});
