import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerReport } from '../../src/domain/telemetry.ts';
import {
  type ContainerChange,
  type HealthTurn,
  identityText,
  type KnownContainer,
  nextHealth,
  observeContainers,
} from '../../src/telemetry/container-presence.ts';

function report(containerId: string, name: string, healthStatus: string | null = null): ContainerReport {
  return {
    containerId,
    identity: {
      name,
      image: 'nginx',
      imageTag: '1.27',
      status: 'Up',
      state: 'running',
      healthStatus,
      startedAt: null,
      finishedAt: null,
      ports: [],
      labels: {},
    },
    metrics: {
      cpu_percent: 1,
      memory_usage_mb: null,
      memory_limit_mb: null,
      network_rx_bytes: null,
      network_tx_bytes: null,
      block_read_bytes: null,
      block_write_bytes: null,
    },
  };
}

/** In place of a digest: the name and the health, which are all that differs between the reports of these tests. */
function fingerprintOf({ identity }: ContainerReport): string {
  return `${identity.name}/${identity.healthStatus ?? 'none'}`;
}

function known(fields: Partial<KnownContainer> & { readonly name: string }): KnownContainer {
  const { name, ...rest } = fields;
  return { id: 1, fingerprint: `${name}/none`, unhealthy: false, absence: null, ...rest };
}

/** The changes without the reports that they carry. */
function observe(
  containers: Readonly<Record<string, KnownContainer>>,
  reports: readonly ContainerReport[],
  recordedAtMs: number,
): unknown[] {
  const changes = observeContainers(new Map(Object.entries(containers)), reports, recordedAtMs, fingerprintOf);
  return changes.map((change: ContainerChange) => {
    if (!('report' in change)) return change;
    const { report: carried, ...rest } = change;
    return { ...rest, containerId: carried.containerId };
  });
}

test('a steady tick changes nothing', () => {
  assert.deepEqual(observe({ a: known({ name: 'web' }) }, [report('a', 'web')], 1000), []);
});

test('a host without containers changes nothing', () => {
  assert.deepEqual(observe({}, [], 1000), []);
});

test('a container that was not known appears, and tells of its illness', () => {
  assert.deepEqual(observe({}, [report('a', 'web'), report('b', 'db', 'unhealthy')], 1000), [
    { kind: 'appeared', containerId: 'a', fingerprint: 'web/none', turn: null },
    { kind: 'appeared', containerId: 'b', fingerprint: 'db/unhealthy', turn: 'unhealthy' },
  ]);
});

test('a container whose identity differs has changed, and keeps what is known of its health', () => {
  assert.deepEqual(observe({ a: known({ name: 'web', unhealthy: true }) }, [report('a', 'web-2', 'starting')], 1000), [
    { kind: 'changed', containerId: 'a', fingerprint: 'web-2/starting', unhealthy: true, turn: null },
  ]);
});

test('a container that is not reported is missing from that report on', () => {
  assert.deepEqual(observe({ a: known({ name: 'web' }), b: known({ name: 'db' }) }, [report('a', 'web')], 1000), [
    { kind: 'missing', containerId: 'b', sinceMs: 1000 },
  ]);
});

test('a missing container is removed when it has been missing for five minutes of reports', () => {
  const missing = { a: known({ name: 'web', absence: { lastSeenAtMs: 0, sinceMs: 1000 } }) };
  assert.deepEqual(observe(missing, [], 2000), []);
  assert.deepEqual(observe(missing, [], 300_999), []);
  assert.deepEqual(observe(missing, [], 301_000), [{ kind: 'removed', containerId: 'a', atMs: 301_000 }]);
});

test('a missing container that is reported again has returned, changed or not', () => {
  const missing = { a: known({ name: 'web', absence: { lastSeenAtMs: 0, sinceMs: 1000 } }) };
  assert.deepEqual(observe(missing, [report('a', 'web')], 299_000), [{ kind: 'returned', containerId: 'a' }]);
  assert.deepEqual(observe(missing, [report('a', 'new')], 299_000), [
    { kind: 'changed', containerId: 'a', fingerprint: 'new/none', unhealthy: false, turn: null },
  ]);
});

test('a new container beside a missing one hides nothing', () => {
  assert.deepEqual(observe({ a: known({ name: 'web' }) }, [report('b', 'db')], 1000), [
    { kind: 'appeared', containerId: 'b', fingerprint: 'db/none', turn: null },
    { kind: 'missing', containerId: 'a', sinceMs: 1000 },
  ]);
});

const HEALTH: ReadonlyArray<readonly [was: boolean, reported: string | null, unhealthy: boolean, turn: HealthTurn]> = [
  [false, null, false, null],
  [false, 'none', false, null],
  [false, 'starting', false, null],
  [false, 'healthy', false, null],
  [false, 'unhealthy', true, 'unhealthy'],
  [true, 'unhealthy', true, null],
  [true, 'starting', true, null],
  [true, 'healthy', false, 'recovered'],
  [true, 'none', false, null],
  [true, null, false, null],
  [true, 'something else', true, null],
];

for (const [was, reported, unhealthy, turn] of HEALTH) {
  test(`${was ? 'an unhealthy' : 'a healthy'} container that reports ${reported} turns ${turn ?? 'nowhere'}`, () => {
    assert.deepEqual(nextHealth(was, reported), { unhealthy, turn });
  });
}

test('every part of an identity is in its text, and metrics are not', () => {
  const base = report('a', 'web').identity;
  const others = [
    { ...base, name: 'x' },
    { ...base, image: 'x' },
    { ...base, imageTag: null },
    { ...base, status: 'x' },
    { ...base, state: 'x' },
    { ...base, healthStatus: 'x' },
    { ...base, startedAt: 'x' },
    { ...base, finishedAt: 'x' },
    { ...base, ports: ['x'] },
    { ...base, labels: { x: 'x' } },
  ];
  const texts = new Set([base, ...others].map(identityText));
  assert.equal(texts.size, 11);
});
