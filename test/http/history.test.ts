import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bareTick, containerBody, type JsonObject } from '../wire/telemetry-body.ts';
import { FleetServer } from './fleet-server.ts';

function tick(time: string, metrics: JsonObject, container?: JsonObject): JsonObject {
  const containers = container === undefined ? undefined : [containerBody({ container_id: 'c', metrics: container })];
  return { ...bareTick(time), host: { metrics }, containers };
}

const TICKS: readonly JsonObject[] = [
  tick('2026-03-01T11:00:00Z', { cpu_percent: 10, network_rx_bytes: 100 }, { cpu_percent: 1, block_read_bytes: 10 }),
  tick('2026-03-01T11:00:30Z', { cpu_percent: 20, network_rx_bytes: 300 }, { cpu_percent: 2, block_read_bytes: 20 }),
  tick('2026-03-01T11:01:00Z', { cpu_percent: null, network_rx_bytes: 50 }, { cpu_percent: null }),
  tick('2026-03-01T11:01:30Z', { cpu_percent: 30, network_rx_bytes: null }),
  tick('2026-03-01T11:10:00Z', { cpu_percent: 40, network_rx_bytes: 900 }, { cpu_percent: 4, block_read_bytes: 40 }),
];

async function startWithHistory(t: Parameters<typeof FleetServer.start>[0]): Promise<FleetServer> {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  assert.equal(await server.backFill(token, TICKS), 204);
  return server;
}

test('history without a step is every tick as it was stored, gaps and all', async (t) => {
  const server = await startWithHistory(t);
  const { step_seconds, points } = await server.operator.history('web-1', '?from=2026-03-01T11:00:00Z');
  assert.equal(step_seconds, null);
  assert.deepEqual(
    points.map((point) => [point.recorded_at, point.cpu_percent, point.network_rx_bytes]),
    [
      ['2026-03-01T11:00:00.000Z', 10, 100],
      ['2026-03-01T11:00:30.000Z', 20, 300],
      ['2026-03-01T11:01:00.000Z', null, 50],
      ['2026-03-01T11:01:30.000Z', 30, null],
      ['2026-03-01T11:10:00.000Z', 40, 900],
    ],
  );
});

test('a step holds the mean of a gauge and the last value of a counter, and one without a tick is left out', async (t) => {
  const server = await startWithHistory(t);
  const { step_seconds, points } = await server.operator.history('web-1', '?from=2026-03-01T11:00:00Z&step_seconds=60');
  assert.equal(step_seconds, 60);
  assert.deepEqual(
    points.map((point) => [point.recorded_at, point.cpu_percent, point.network_rx_bytes, point.load_average]),
    [
      ['2026-03-01T11:00:00.000Z', 15, 300, null],
      ['2026-03-01T11:01:00.000Z', 30, 50, null],
      ['2026-03-01T11:10:00.000Z', 40, 900, null],
    ],
  );
});

test('the history of a container has no points where it was not reported', async (t) => {
  const server = await startWithHistory(t);
  const raw = await server.operator.containerHistory('web-1', 'c', '?from=2026-03-01T11:00:00Z');
  assert.deepEqual(
    raw.points.map((point) => [point.recorded_at, point.cpu_percent, point.block_read_bytes, point.memory_percent]),
    [
      ['2026-03-01T11:00:00.000Z', 1, 10, null],
      ['2026-03-01T11:00:30.000Z', 2, 20, null],
      ['2026-03-01T11:01:00.000Z', null, null, null],
      ['2026-03-01T11:10:00.000Z', 4, 40, null],
    ],
  );
  const stepped = await server.operator.containerHistory('web-1', 'c', '?from=2026-03-01T11:00:00Z&step_seconds=3600');
  assert.deepEqual(
    stepped.points.map((point) => [point.recorded_at, point.cpu_percent, point.block_read_bytes]),
    [['2026-03-01T11:00:00.000Z', 7 / 3, 40]],
  );
});

test('a span includes both its ends, in any zone, and is the last hour when none is given', async (t) => {
  const server = await startWithHistory(t);
  const rows: ReadonlyArray<readonly [query: string, minutes: readonly string[]]> = [
    ['', ['11:00:00', '11:00:30', '11:01:00', '11:01:30', '11:10:00']],
    ['?from=2026-03-01T11:00:30Z&to=2026-03-01T11:01:30Z', ['11:00:30', '11:01:00', '11:01:30']],
    ['?from=2026-03-01T11:00:30.001Z&to=2026-03-01T11:01:29.999Z', ['11:01:00']],
    ['?from=2026-03-01T13:01:00%2B02:00&to=2026-03-01T13:01:00%2B02:00', ['11:01:00']],
    ['?to=2026-03-01T11:00:00Z', ['11:00:00']],
    ['?from=2026-03-01T11:02:00Z&to=2026-03-01T11:09:00Z', []],
    [
      '?from=0000-01-01T00:00:00Z&to=9999-12-31T23:59:59Z',
      ['11:00:00', '11:00:30', '11:01:00', '11:01:30', '11:10:00'],
    ],
  ];
  for (const [query, minutes] of rows) {
    const { points } = await server.operator.history('web-1', query);
    assert.deepEqual(
      points.map((point) => point.recorded_at.slice(11, 19)),
      minutes,
      query,
    );
  }
  server.clock.set('2026-03-01T12:00:00.001Z');
  assert.equal((await server.operator.history('web-1')).points.length, 4);
});

test('a span that makes no sense is refused', async (t) => {
  const server = await startWithHistory(t);
  const rows: ReadonlyArray<readonly [query: string, path: string]> = [
    ['from=2026-03-01T12:00:00Z&to=2026-03-01T11:00:00Z', 'from'],
    ['from=yesterday', 'from'],
    ['to=2026-03-01', 'to'],
    ['to=2026-03-01T11:00:00', 'to'],
    ['from=', 'from'],
    ['step_seconds=0', 'step_seconds'],
    ['step_seconds=-60', 'step_seconds'],
    ['step_seconds=1.5', 'step_seconds'],
    ['step_seconds=minute', 'step_seconds'],
    ['step_seconds=31536001', 'step_seconds'],
  ];
  for (const [query, path] of rows) {
    const reply = await server.operator.send('GET', `/v1/hosts/web-1/metrics?${query}`);
    assert.equal(reply.status, 422, query);
    const { errors } = JSON.parse(reply.body) as { errors: Array<{ path: string }> };
    assert.deepEqual(
      errors.map((error) => error.path),
      [path],
      query,
    );
  }
  assert.equal((await server.operator.send('GET', '/v1/hosts/nobody/metrics')).status, 404);
});

test('a span of more than 11,000 points is refused, and asked for with a step it is answered', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  const startMs = Date.UTC(2026, 1, 27);
  for (let batch = 0; batch < 111; batch += 1) {
    const ticks = Array.from({ length: 100 }, (_, index) =>
      bareTick(new Date(startMs + (batch * 100 + index) * 10_000).toISOString()),
    );
    assert.equal(await server.backFill(token, ticks), 204);
  }
  const last = new Date(startMs + 10_999 * 10_000).toISOString();
  const from = '/v1/hosts/web-1/metrics?from=2026-02-27T00:00:00Z';
  const full = await server.operator.send('GET', `${from}&to=${last}`);
  assert.equal(full.status, 200);
  assert.equal((JSON.parse(full.body) as { points: unknown[] }).points.length, 11_000);
  assert.equal((await server.operator.send('GET', from)).status, 422);
  assert.equal((await server.operator.send('GET', `${from}&step_seconds=10`)).status, 422);
  const stepped = await server.operator.send('GET', `${from}&step_seconds=3600`);
  assert.equal(stepped.status, 200);
  assert.equal((JSON.parse(stepped.body) as { points: unknown[] }).points.length, 31);
});
