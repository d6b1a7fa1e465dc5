import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bareTick, containerBody, type JsonObject } from '../wire/telemetry-body.ts';
import { FleetServer } from './fleet-server.ts';

/** Reports these containers at a time that both clocks show; undefined says nothing of containers. */
async function reportAt(
  server: FleetServer,
  token: string,
  time: string,
  containers: readonly JsonObject[] | undefined,
): Promise<void> {
  server.clock.set(time);
  assert.equal(await server.report(token, bareTick(time, containers === undefined ? {} : { containers })), 204);
}

const WEB = containerBody({ container_id: 'c-web', name: 'web' });
const DATABASE = containerBody({ container_id: 'c-db', name: 'db' });

async function removedAt(server: FleetServer, host: string): Promise<Record<string, string | null>> {
  const containers = await server.operator.containers(host);
  return Object.fromEntries(containers.map((container) => [container.name, container.removed_at]));
}

async function healthEvents(server: FleetServer): Promise<Array<[string, unknown, string]>> {
  const events = await server.operator.events();
  return events
    .filter((event) => event.kind.startsWith('container_'))
    .map((event) => [event.kind, event.data, event.at]);
}

test('a container reads as it was reported, with its share of memory', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await reportAt(server, token, '2026-03-01T12:00:00Z', [WEB]);
  assert.deepEqual(await server.operator.containers('web-1'), [
    {
      container_id: 'c-web',
      name: 'web',
      image: 'nginx',
      image_tag: '1.27',
      status: 'Up 2 hours',
      state: 'running',
      health_status: 'healthy',
      started_at: '2026-03-01T10:00:00.123456789Z',
      finished_at: null,
      ports: ['0.0.0.0:8080->80/tcp'],
      labels: { 'com.docker.compose.project': 'shop' },
      metrics: {
        cpu_percent: 12.5,
        memory_usage_mb: 256,
        memory_limit_mb: 1024,
        network_rx_bytes: 1000,
        network_tx_bytes: 2000,
        block_read_bytes: 3000,
        block_write_bytes: 4000,
        memory_percent: 25,
      },
      last_seen_at: '2026-03-01T12:00:00.000Z',
      removed_at: null,
    },
  ]);
});

test('the share of memory is usage by limit, and null without both', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  const rows = [
    { memory_usage_mb: 256, memory_limit_mb: 1024, percent: 25 },
    { memory_usage_mb: 1, memory_limit_mb: 3, percent: (1 / 3) * 100 },
    { memory_usage_mb: 0, memory_limit_mb: 1024, percent: 0 },
    { memory_usage_mb: 1500, memory_limit_mb: 1000, percent: 150 },
    { memory_usage_mb: 256, memory_limit_mb: 0, percent: null },
    { memory_usage_mb: 256, memory_limit_mb: null, percent: null },
    { memory_usage_mb: null, memory_limit_mb: 1024, percent: null },
  ];
  const containers = rows.map(({ percent: _, ...metrics }, index) =>
    containerBody({ container_id: `c${index}`, metrics }),
  );
  await reportAt(server, token, '2026-03-01T12:00:00Z', containers);
  assert.deepEqual(
    (await server.operator.containers('web-1')).map((container) => container.metrics.memory_percent),
    rows.map((row) => row.percent),
  );
});

test('a container that is no longer reported is kept for five minutes of reports, and then marked removed', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await reportAt(server, token, '2026-03-01T12:00:00Z', [WEB, DATABASE]);
  await reportAt(server, token, '2026-03-01T12:01:00Z', [WEB]);
  assert.deepEqual(await removedAt(server, 'web-1'), { web: null, db: null });
  assert.equal((await server.operator.host('web-1')).container_count, 1);

  await reportAt(server, token, '2026-03-01T12:05:59Z', [WEB]);
  assert.deepEqual(await removedAt(server, 'web-1'), { web: null, db: null });
  await reportAt(server, token, '2026-03-01T12:06:00Z', [WEB]);
  assert.deepEqual(await removedAt(server, 'web-1'), { web: null, db: '2026-03-01T12:06:00.000Z' });

  const [, gone] = await server.operator.containers('web-1');
  assert.equal(gone?.last_seen_at, '2026-03-01T12:00:00.000Z');
  assert.equal(gone?.metrics.cpu_percent, null);
  await reportAt(server, token, '2026-03-01T12:30:00Z', [WEB]);
  assert.deepEqual(await removedAt(server, 'web-1'), { web: null, db: '2026-03-01T12:06:00.000Z' });
});

test('one partial post removes nothing', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await reportAt(server, token, '2026-03-01T12:00:00Z', [WEB, DATABASE]);
  await reportAt(server, token, '2026-03-01T12:01:00Z', []);
  await reportAt(server, token, '2026-03-01T12:02:00Z', [WEB, DATABASE]);
  await reportAt(server, token, '2026-03-01T12:07:00Z', [WEB]);
  assert.deepEqual(await removedAt(server, 'web-1'), { web: null, db: null });
});

test('a partial post after an hour of silence removes nothing', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await reportAt(server, token, '2026-03-01T12:00:00Z', [WEB, DATABASE]);
  await reportAt(server, token, '2026-03-01T13:00:00Z', []);
  assert.deepEqual(await removedAt(server, 'web-1'), { web: null, db: null });
});

test('ticks that say nothing of containers count for nothing', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await reportAt(server, token, '2026-03-01T12:00:00Z', [WEB]);
  for (let minute = 1; minute <= 20; minute += 1) {
    await reportAt(server, token, `2026-03-01T12:${String(minute).padStart(2, '0')}:00Z`, undefined);
  }
  assert.deepEqual(await removedAt(server, 'web-1'), { web: null });
  const [container] = await server.operator.containers('web-1');
  assert.equal(container?.metrics.cpu_percent, 12.5);
  assert.equal(container?.last_seen_at, '2026-03-01T12:00:00.000Z');
  assert.equal((await server.operator.host('web-1')).container_count, 1);
  // The twenty silent minutes are no absence: it begins here.
  await reportAt(server, token, '2026-03-01T12:21:00Z', []);
  await reportAt(server, token, '2026-03-01T12:25:59Z', []);
  assert.deepEqual(await removedAt(server, 'web-1'), { web: null });
});

test('a removed container that is reported again is there again, with its history', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await reportAt(server, token, '2026-03-01T12:00:00Z', [WEB]);
  await reportAt(server, token, '2026-03-01T12:01:00Z', []);
  await reportAt(server, token, '2026-03-01T12:06:00Z', []);
  assert.deepEqual(await removedAt(server, 'web-1'), { web: '2026-03-01T12:06:00.000Z' });
  await reportAt(server, token, '2026-03-01T12:10:00Z', [containerBody({ container_id: 'c-web', name: 'web-again' })]);
  assert.deepEqual(await removedAt(server, 'web-1'), { 'web-again': null });
  const { points } = await server.operator.containerHistory('web-1', 'c-web');
  assert.deepEqual(
    points.map((point) => point.recorded_at),
    ['2026-03-01T12:00:00.000Z', '2026-03-01T12:10:00.000Z'],
  );
});

test('what a container is, is rewritten when it changes', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await reportAt(server, token, '2026-03-01T12:00:00Z', [WEB]);
  const changed = containerBody({
    container_id: 'c-web',
    name: 'renamed',
    image_tag: null,
    state: 'exited',
    finished_at: '2026-03-01T12:00:30Z',
    ports: [],
    labels: [],
  });
  await reportAt(server, token, '2026-03-01T12:01:00Z', [changed]);
  const [container] = await server.operator.containers('web-1');
  assert.equal(container?.name, 'renamed');
  assert.equal(container?.image_tag, null);
  assert.equal(container?.state, 'exited');
  assert.equal(container?.finished_at, '2026-03-01T12:00:30Z');
  assert.deepEqual(container?.ports, []);
  assert.deepEqual(container?.labels, {});
});

test('two hosts that report the same container id keep it apart', async (t) => {
  const server = await FleetServer.start(t);
  const one = await server.operator.addHost('web-1');
  const two = await server.operator.addHost('web-2');
  await reportAt(server, one.token, '2026-03-01T12:00:00Z', [containerBody({ container_id: 'same', name: 'one' })]);
  await reportAt(server, two.token, '2026-03-01T12:00:00Z', [
    containerBody({ container_id: 'same', name: 'two', metrics: { cpu_percent: 99 } }),
  ]);
  await reportAt(server, one.token, '2026-03-01T12:01:00Z', []);
  await reportAt(server, one.token, '2026-03-01T12:06:00Z', []);
  assert.deepEqual(await removedAt(server, 'web-1'), { one: '2026-03-01T12:06:00.000Z' });
  assert.deepEqual(await removedAt(server, 'web-2'), { two: null });
  const first = await server.operator.containerHistory('web-1', 'same');
  const second = await server.operator.containerHistory('web-2', 'same');
  assert.deepEqual(
    first.points.map((point) => point.cpu_percent),
    [12.5],
  );
  assert.deepEqual(
    second.points.map((point) => point.cpu_percent),
    [99],
  );
});

test('the log tells when a container turns unhealthy and when it recovers, once each', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  const reportHealth = (time: string, health: string | null): Promise<void> =>
    reportAt(server, token, time, [containerBody({ container_id: 'c-web', name: 'web', health_status: health })]);
  await reportHealth('2026-03-01T12:00:00Z', 'starting');
  await reportHealth('2026-03-01T12:01:00Z', 'healthy');
  assert.deepEqual(await healthEvents(server), []);
  await reportHealth('2026-03-01T12:02:00Z', 'unhealthy');
  await reportHealth('2026-03-01T12:03:00Z', 'unhealthy');
  await reportHealth('2026-03-01T12:04:00Z', 'starting');
  await reportHealth('2026-03-01T12:05:00Z', 'unhealthy');
  await reportHealth('2026-03-01T12:06:00Z', 'healthy');
  await reportHealth('2026-03-01T12:07:00Z', 'healthy');
  const which = { container_id: 'c-web', name: 'web' };
  assert.deepEqual(await healthEvents(server), [
    ['container_unhealthy', which, '2026-03-01T12:02:00.000Z'],
    ['container_recovered', which, '2026-03-01T12:06:00.000Z'],
  ]);
});

test('a container that is unhealthy from the first is told at once, and forgotten without its health check', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  const sick = containerBody({ container_id: 'c-web', name: 'web', health_status: 'unhealthy' });
  await reportAt(server, token, '2026-03-01T12:00:00Z', [sick]);
  await reportAt(server, token, '2026-03-01T12:01:00Z', [{ ...sick, health_status: null }]);
  await reportAt(server, token, '2026-03-01T12:02:00Z', [sick]);
  assert.deepEqual(
    (await healthEvents(server)).map(([kind, , at]) => [kind, at]),
    [
      ['container_unhealthy', '2026-03-01T12:00:00.000Z'],
      ['container_unhealthy', '2026-03-01T12:02:00.000Z'],
    ],
  );
});

test('a container that only a back-fill knows is listed as removed, with its history', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await reportAt(server, token, '2026-03-01T12:00:00Z', [WEB]);
  assert.equal(await server.backFill(token, [bareTick('2026-03-01T09:00:00Z', { containers: [DATABASE] })]), 204);
  assert.deepEqual(await removedAt(server, 'web-1'), { web: null, db: '2026-03-01T09:05:00.000Z' });
  assert.equal((await server.operator.host('web-1')).container_count, 1);
  const { points } = await server.operator.containerHistory('web-1', 'c-db', '?from=2026-03-01T08:00:00Z');
  assert.deepEqual(
    points.map((point) => point.recorded_at),
    ['2026-03-01T09:00:00.000Z'],
  );
});

test('a container nobody has reported has no history', async (t) => {
  const server = await FleetServer.start(t);
  await server.operator.addHost('web-1');
  const reply = await server.operator.send('GET', '/v1/hosts/web-1/containers/nothing/metrics');
  assert.equal(reply.status, 404);
});
