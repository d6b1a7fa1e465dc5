import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watchWrites } from '../server/watch-writes.ts';
import { bareTick, containerBody, telemetryBody, withField } from '../wire/telemetry-body.ts';
import { FleetServer } from './fleet-server.ts';

test('only the facts that are present overwrite', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  const reportFacts = async (second: string, facts: unknown): Promise<unknown> => {
    const body = { recorded_at: `2026-03-01T12:00:${second}Z`, host: { metrics: {}, facts } };
    assert.equal(await server.report(token, body), 204);
    return (await server.operator.host('web-1')).facts;
  };
  const all = { cpu_count: 4, memory_total_mb: 8192, disk_total_gb: 100, os: 'Debian 13', docker_version: '29.1.0' };
  assert.deepEqual(await reportFacts('00', all), all);
  assert.deepEqual(await reportFacts('01', undefined), all);
  assert.deepEqual(await reportFacts('02', null), all);
  assert.deepEqual(await reportFacts('03', {}), all);
  assert.deepEqual(await reportFacts('04', { cpu_count: null, os: null }), all);
  assert.deepEqual(await reportFacts('05', { cpu_count: 8, docker_version: null }), { ...all, cpu_count: 8 });
  assert.deepEqual(await reportFacts('06', { os: '' }), { ...all, cpu_count: 8, os: '' });
});

test('the latest values are those of the newest tick, and nothing is carried over from the one before', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await server.report(token, telemetryBody());
  await server.report(token, { recorded_at: '2026-03-01T12:00:30Z', host: { metrics: { cpu_percent: 1.25 } } });
  assert.deepEqual((await server.operator.host('web-1')).metrics, {
    cpu_percent: 1.25,
    load_average: null,
    memory_used_mb: null,
    memory_total_mb: null,
    disk_used_gb: null,
    disk_total_gb: null,
    network_rx_bytes: null,
    network_tx_bytes: null,
  });
});

test('a duplicate changes nothing: neither values nor last seen nor last used nor status', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await server.report(token, telemetryBody());
  server.clock.set('2026-03-01T12:02:00Z');
  await server.tick();
  const readAll = async () => ({
    host: await server.operator.host('web-1'),
    tokens: await server.operator.tokens('web-1'),
    containers: await server.operator.containers('web-1'),
    history: await server.operator.history('web-1'),
    events: await server.operator.events(),
  });
  const before = await readAll();
  assert.equal(before.host.status, 'offline');
  const other = withField(telemetryBody({ containers: [] }), 'host.metrics.cpu_percent', 99);
  assert.equal(await server.report(token, other), 204);
  assert.equal(await server.backFill(token, [other]), 204);
  assert.deepEqual(await readAll(), before);
});

test('a tick that comes late fills history and moves nothing else backwards', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await server.report(token, telemetryBody({ recorded_at: '2026-03-01T12:00:00Z' }));
  const before = await server.operator.host('web-1');
  const containers = await server.operator.containers('web-1');

  server.clock.set('2026-03-01T12:01:00Z');
  const late = telemetryBody({
    recorded_at: '2026-03-01T11:59:00Z',
    containers: [
      containerBody({ name: 'old-name', metrics: { cpu_percent: 1 } }),
      containerBody({ container_id: 'old' }),
    ],
  });
  const bent = withField(withField(late, 'host.metrics.cpu_percent', 99), 'host.facts.os', 'Debian 12');
  assert.equal(await server.report(token, bent), 204);

  assert.deepEqual(await server.operator.host('web-1'), { ...before, last_seen_at: '2026-03-01T12:01:00.000Z' });
  assert.deepEqual((await server.operator.containers('web-1')).slice(0, 1), containers);
  assert.deepEqual(
    (await server.operator.history('web-1')).points.map((point) => [point.recorded_at, point.cpu_percent]),
    [
      ['2026-03-01T11:59:00.000Z', 99],
      ['2026-03-01T12:00:00.000Z', 37.25],
    ],
  );
});

test('a back-fill fills history and nothing else', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await server.report(token, telemetryBody());
  const before = await server.operator.host('web-1');
  server.clock.set('2026-03-01T12:01:00Z');
  const older = withField(telemetryBody({ recorded_at: '2026-03-01T09:00:00Z' }), 'host.metrics.cpu_percent', 1);
  const newer = withField(telemetryBody({ recorded_at: '2026-03-01T12:00:30Z' }), 'host.metrics.cpu_percent', 2);
  const changed = withField(newer, 'host.facts.os', 'Debian 12');
  assert.equal(await server.backFill(token, [older, changed]), 204);
  assert.deepEqual(await server.operator.host('web-1'), before);
  assert.deepEqual(
    (await server.operator.history('web-1', '?from=2026-03-01T08:00:00Z')).points.map((point) => point.cpu_percent),
    [1, 37.25, 2],
  );
});

test('a live tick after a newer back-filled one is the latest all the same', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await server.backFill(token, [bareTick('2026-03-01T12:04:00Z')]);
  await server.report(token, telemetryBody());
  assert.equal((await server.operator.host('web-1')).metrics?.cpu_percent, 37.25);
  assert.equal((await server.operator.host('web-1')).status, 'online');
});

test('the skew of a clock is what the agent says less what the server says', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  assert.equal((await server.operator.host('web-1')).clock_skew_ms, null);
  server.clock.set('2026-03-01T12:00:00.250Z');
  await server.report(token, bareTick('2026-03-01T12:00:00.100Z'));
  assert.equal((await server.operator.host('web-1')).clock_skew_ms, -150);
  await server.report(token, bareTick('2026-03-01T12:00:42.250Z'));
  assert.equal((await server.operator.host('web-1')).clock_skew_ms, 42_000);
});

test('the last use of a token moves on success only', async (t) => {
  const server = await FleetServer.start(t, { agentRateLimit: 4 });
  const { id, token } = await server.operator.addHost('web-1');
  const lastUsed = async () => (await server.operator.tokens('web-1')).find((entry) => entry.id === id)?.last_used_at;
  assert.equal(await lastUsed(), null);
  assert.equal(await server.report(token, {}), 422);
  assert.equal(await lastUsed(), null);
  assert.equal(await server.report(token, bareTick('2026-03-01T12:00:00Z')), 204);
  assert.equal(await lastUsed(), '2026-03-01T12:00:00.000Z');
  server.clock.set('2026-03-01T12:00:20Z');
  assert.equal(await server.report(token, {}), 422);
  assert.equal(await lastUsed(), '2026-03-01T12:00:00.000Z');
  assert.equal(await server.backFill(token, [bareTick('2026-03-01T10:00:00Z')]), 204);
  assert.equal(await lastUsed(), '2026-03-01T12:00:20.000Z');
  server.clock.set('2026-03-01T12:00:40Z');
  assert.equal(await server.report(token, bareTick('2026-03-01T12:00:40Z')), 429);
  assert.equal(await lastUsed(), '2026-03-01T12:00:20.000Z');
});

test('a steady tick is one commit that writes one row', async (t) => {
  const writes: string[] = [];
  const server = await FleetServer.start(t, { watchStore: (store) => watchWrites(store, writes) });
  const { token } = await server.operator.addHost('web-1');
  const containers = Array.from({ length: 50 }, (_, index) =>
    containerBody({ container_id: `c${index}`, name: `app-${index}` }),
  );
  await server.report(token, telemetryBody({ recorded_at: '2026-03-01T12:00:00Z', containers }));
  writes.length = 0;
  server.clock.set('2026-03-01T12:00:30Z');
  const next = telemetryBody({
    recorded_at: '2026-03-01T12:00:30Z',
    containers: containers.map((container) => ({ ...container, metrics: { cpu_percent: 7.5, memory_usage_mb: 300 } })),
  });
  assert.equal(await server.report(token, withField(next, 'host.metrics.cpu_percent', 55)), 204);
  assert.deepEqual(writes, ['commit', 'insert_tick']);
  assert.equal((await server.operator.host('web-1')).metrics?.cpu_percent, 55);
});

test('a tick writes what has changed, and no more', async (t) => {
  const writes: string[] = [];
  const server = await FleetServer.start(t, { watchStore: (store) => watchWrites(store, writes) });
  const { token } = await server.operator.addHost('web-1');
  const spare = await server.operator.createToken('web-1');
  const web = containerBody();
  const rows = [
    {
      what: 'the first tick',
      token,
      tick: {},
      writes: ['insert_container', 'insert_tick', 'save_host', 'save_host'],
    },
    { what: 'a fact', token, tick: { facts: { os: 'x' } }, writes: ['insert_tick', 'save_host'] },
    { what: 'the same fact', token, tick: { facts: { os: 'x' } }, writes: ['insert_tick'] },
    { what: 'a state', token, tick: { web: { ...web, state: 'exited' } }, writes: ['save_container', 'insert_tick'] },
    { what: 'an absence', token, tick: { web: null }, writes: ['mark_container', 'insert_tick'] },
    { what: 'the same absence', token, tick: { web: null }, writes: ['insert_tick'] },
    {
      what: 'a return',
      token,
      tick: { web: { ...web, state: 'exited' } },
      writes: ['mark_container', 'insert_tick'],
    },
    {
      what: 'an illness',
      token,
      tick: { web: { ...web, health_status: 'unhealthy' } },
      writes: ['save_container', 'append_entry', 'insert_tick'],
    },
    {
      what: 'another token',
      token: spare.token,
      tick: { web: { ...web, health_status: 'unhealthy' } },
      writes: ['insert_tick', 'save_token'],
    },
  ];
  for (const [index, row] of rows.entries()) {
    writes.length = 0;
    const container = row.tick.web === undefined ? web : row.tick.web;
    const body = {
      recorded_at: `2026-03-01T12:00:0${index}Z`,
      host: { metrics: {}, facts: row.tick.facts ?? (index === 0 ? { os: 'Debian' } : null) },
      containers: container === null ? [] : [container],
    };
    assert.equal(await server.report(row.token, body), 204);
    assert.deepEqual(writes, ['commit', ...row.writes], row.what);
  }
});

test('a duplicate writes nothing', async (t) => {
  const writes: string[] = [];
  const server = await FleetServer.start(t, { watchStore: (store) => watchWrites(store, writes) });
  const { token } = await server.operator.addHost('web-1');
  await server.report(token, telemetryBody());
  writes.length = 0;
  await server.report(token, telemetryBody());
  assert.deepEqual(writes, []);
});

test('a ticker with nothing to do writes nothing', async (t) => {
  const writes: string[] = [];
  const server = await FleetServer.start(t, { watchStore: (store) => watchWrites(store, writes) });
  const { token } = await server.operator.addHost('web-1');
  await server.report(token, telemetryBody());
  await server.tick();
  writes.length = 0;
  server.clock.set('2026-03-01T12:01:00Z');
  await server.tick();
  await server.tick();
  assert.deepEqual(writes, []);
});
