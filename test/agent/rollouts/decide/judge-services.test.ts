import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClockReading } from '../../../../agent/async/clock-reading.ts';
import type { ProjectContainer } from '../../../../agent/docker/project-container.ts';
import { countRestarts } from '../../../../agent/rollouts/decide/crashes.ts';
import { declareProbes, readServices } from '../../../../agent/rollouts/decide/judge-services.ts';
import { watchRuns } from '../../../../agent/rollouts/decide/watch-runs.ts';
import type { PhaseAt } from '../../../../agent/rollouts/record/stack-record.ts';
import { at, container, NOON, plan, soaking, V1, V2 } from '../sample.ts';

const SERVICES = [
  { name: 'job', isJob: true },
  { name: 'web', isJob: false },
];

test('one probe for each service, by whether it has a healthcheck, and those of the release', () => {
  const custom = {
    name: 'page',
    mode: 'observe',
    intervalMs: 1,
    timeoutMs: 1,
    check: { kind: 'tcp', address: 'a:1' },
  } as const;
  const containers = [container({ health: 'healthy' }), container({ service: 'job', state: 'exited' })];
  const declared = declareProbes(plan({ services: SERVICES, probes: [custom] }), containers);
  assert.deepEqual(
    declared.map(({ name, mode, status }) => [name, mode, status]),
    [
      ['running:job', 'enforce', null],
      ['health:web', 'enforce', null],
      ['page', 'observe', null],
    ],
  );
});

test('more services than the server takes probes are one probe', () => {
  const services = Array.from({ length: 69 }, (_, index) => ({ name: `s${index}`, isJob: false }));
  const probes = declareProbes(plan({ services }), []);
  assert.deepEqual(
    probes.map(({ name }) => name),
    ['running:all-services'],
  );
  const containers = services.slice(1).map(({ name }) => container({ service: name }));
  const [reading] = readServices(soaking({ probes }), plan({ services }), V2, containers, new Map(), NOON);
  assert.equal(reading?.reason, 'service s0 no longer has a container');
});

interface Row {
  readonly name: string;
  /** How many it is to have; default 1. */
  readonly replicas?: number;
  readonly containers: readonly ProjectContainer[];
  /** Null: it passes. Undefined: nothing is said. */
  readonly reason: string | null | undefined;
  readonly seconds?: number;
  readonly crashes?: PhaseAt<'soaking'>['crashes'];
  /** When its present run was first seen; noon when left out. */
  readonly runSince?: ClockReading;
}

const ROWS: readonly Row[] = [
  { name: 'it runs', containers: [container()], reason: null },
  { name: 'it runs and is healthy', containers: [container({ health: 'healthy' })], reason: null },
  {
    name: 'it is unhealthy, in its healthcheck’s own words',
    containers: [container({ health: 'unhealthy', healthOutput: 'no database\n' })],
    reason: 'container shop-web-1 is unhealthy: no database',
  },
  {
    name: 'one of two has exited',
    containers: [container(), container({ id: 'b', name: 'shop-web-2', state: 'exited', exitCode: 139 })],
    reason: 'container shop-web-2 has exited with code 139',
  },
  {
    name: 'it has ended well, and nobody said that it may',
    containers: [container({ state: 'exited' })],
    reason: `container shop-web-1 has exited with code 0; a service that is meant to end needs 'restart: "no"', or another one that depends on it with 'condition: service_completed_successfully'`,
  },
  {
    name: 'it waits to be restarted',
    containers: [container({ state: 'restarting', exitCode: 1 })],
    reason: 'container shop-web-1 is restarting, not running',
  },
  {
    name: 'one of its three containers is gone',
    containers: [container({ name: 'shop-web-1' }), container({ name: 'shop-web-3' })],
    replicas: 3,
    reason: 'service web has 2 of 3 containers',
  },
  { name: 'it is gone', containers: [], reason: 'service web no longer has a container' },
  {
    name: 'only a one-off command runs',
    containers: [container({ isOneOff: true })],
    reason: 'service web no longer has a container',
  },
  {
    name: 'somebody has deployed another release',
    containers: [container({ release: V1 })],
    reason: 'container shop-web-1 no longer belongs to this release',
  },
  {
    name: 'it has just restarted',
    containers: [container({ restartCount: 1 })],
    runSince: at(18),
    seconds: 20,
    reason: 'container shop-web-1 has just restarted',
  },
  {
    name: 'it restarted once, and has run since',
    containers: [container({ restartCount: 1 })],
    runSince: at(10),
    seconds: 20,
    reason: null,
  },
  {
    name: 'it crashes again and again, however long it runs between',
    crashes: { 'id-of-web': { early: 2, late: 1, lastAt: at(40), lastExitCode: 1 } },
    containers: [container({ restartCount: 3 })],
    runSince: at(40),
    seconds: 70,
    reason:
      'container shop-web-1 restarts in a loop: 3 times since the soak began, the last time after it had exited with code 1',
  },
  {
    name: 'it restarted, and its health check has not reported since',
    containers: [container({ restartCount: 1, health: 'starting' })],
    runSince: NOON,
    seconds: 25,
    reason: 'container shop-web-1 has restarted and is not healthy yet',
  },
  {
    name: 'the engine was restarted: its health check starts over',
    containers: [container({ health: 'starting' })],
    reason: undefined,
  },
];

for (const row of ROWS) {
  test(`a service: ${row.name}`, () => {
    const runs = watchRuns(new Map(), row.containers, row.runSince ?? NOON);
    const service = { name: 'web', isJob: false, replicas: row.replicas };
    const [reading] = readServices(
      soaking({ crashes: row.crashes ?? {} }),
      plan({ services: [service] }),
      V2,
      row.containers,
      runs,
      at(row.seconds ?? 20),
    );
    assert.equal(reading?.reason, row.reason);
    assert.equal(reading?.status, row.reason === undefined ? undefined : row.reason === null ? 'pass' : 'fail');
  });
}

test('restarts before the soak are forgiven', () => {
  const containers = [container({ restartCount: 9 })];
  const soak = soaking({ restarts: countRestarts(containers) });
  assert.deepEqual(soak.restarts, { 'id-of-web': 9 });
  assert.equal(readServices(soak, plan(), V2, containers, new Map(), at(20))[0]?.status, 'pass');
});

test('a job may end well, and not otherwise', () => {
  const soak = soaking({ probes: declareProbes(plan({ services: SERVICES }), []) });
  const read = (exitCode: number) =>
    readServices(
      soak,
      plan({ services: SERVICES }),
      V2,
      [container(), container({ service: 'job', state: 'exited', exitCode })],
      new Map(),
      NOON,
    );
  assert.deepEqual(
    read(0).map(({ status }) => status),
    ['pass', 'pass'],
  );
  assert.deepEqual(
    read(1).map(({ status }) => status),
    ['fail', 'pass'],
  );
});
