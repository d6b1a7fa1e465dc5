import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ForwardingFigures } from '../../src/domain/figures.ts';
import type { FleetQueries } from '../../src/domain/ports.ts';
import { HttpMetrics } from '../../src/http/http-metrics.ts';
import { bareTick, containerBody, telemetryBody } from '../wire/telemetry-body.ts';
import { FleetServer } from './fleet-server.ts';

const NOON_MS = Date.UTC(2026, 2, 1, 12);

async function readMetrics(server: FleetServer): Promise<Map<string, string>> {
  const reply = await server.operator.send('GET', '/metrics');
  assert.equal(reply.status, 200);
  assert.match(String(reply.headers['content-type']), /^text\/plain/);
  return parseMetrics(reply.body);
}

function parseMetrics(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), line.slice(space + 1)];
    }),
  );
}

test('the figures tell of requests, of the inbox, of every host and of the process', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await server.operator.addHost('web-2');
  await server.report(token, telemetryBody());
  await server.report(token, {});
  await server.report('nobody', {});
  await server.operator.send('GET', '/nowhere');

  const metrics = await readMetrics(server);
  const expected: Record<string, string> = {
    'nexus_http_requests_total{route="POST /agent/telemetry",code="204"}': '1',
    'nexus_http_requests_total{route="POST /agent/telemetry",code="422"}': '1',
    'nexus_http_requests_total{route="POST /agent/telemetry",code="401"}': '1',
    'nexus_http_requests_total{route="POST /v1/hosts",code="201"}': '2',
    'nexus_http_requests_total{route="unmatched",code="404"}': '1',
    nexus_identity_rejections_total: '1',
    'nexus_ingest_seconds_count{route="POST /agent/telemetry"}': '3',
    nexus_inbox_depth: '0',
    nexus_inbox_limit: '8192',
    'nexus_hosts{status="pending"}': '1',
    'nexus_hosts{status="online"}': '1',
    'nexus_hosts{status="offline"}': '0',
    'nexus_hosts{status="archived"}': '0',
    'nexus_host_up{host="web-1"}': '1',
    'nexus_host_up{host="web-2"}': '0',
    'nexus_host_cpu_percent{host="web-1"}': '37.25',
    'nexus_host_memory_used_bytes{host="web-1"}': '2147483648',
    'nexus_host_memory_total_bytes{host="web-1"}': '8589934592',
    'nexus_host_containers{host="web-1"}': '1',
    'nexus_host_last_seen_timestamp_seconds{host="web-1"}': '1772366400',
  };
  const shown = Object.fromEntries(Object.keys(expected).map((name) => [name, metrics.get(name)]));
  assert.deepEqual(shown, expected);
  assert.equal(metrics.has('nexus_host_cpu_percent{host="web-2"}'), false);
  assert(Number(metrics.get('process_resident_memory_bytes')) > 0);
});

test('an archived host has no figures of its own any more', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await server.report(token, telemetryBody());
  await server.operator.archiveHost('web-1');
  const metrics = await readMetrics(server);
  assert.equal(metrics.get('nexus_hosts{status="archived"}'), '1');
  assert.deepEqual(
    [...metrics.keys()].filter((name) => name.includes('host="web-1"')),
    [],
  );
});

test('a value that is no longer measured is no longer told', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await server.report(token, telemetryBody());
  await server.report(token, bareTick('2026-03-01T12:00:30Z'));
  assert.equal((await readMetrics(server)).has('nexus_host_cpu_percent{host="web-1"}'), false);
});

test('paths that nobody serves do not multiply the figures', async (t) => {
  const server = await FleetServer.start(t);
  for (let index = 0; index < 20; index += 1) await server.operator.send('GET', `/nowhere/${index}`);
  for (let index = 0; index < 20; index += 1) await server.operator.send('GET', `/v1/hosts/host-${index}`);
  const names = [...(await readMetrics(server)).keys()].filter((name) => name.startsWith('nexus_http_requests_total'));
  assert.deepEqual(names.sort(), [
    'nexus_http_requests_total{route="GET /v1/hosts/:name",code="404"}',
    'nexus_http_requests_total{route="unmatched",code="404"}',
  ]);
});

test('the network figures of a host are its own counters', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  const report = async (time: string, rx: number, tx: number | null) => {
    const host = { metrics: { network_rx_bytes: rx, network_tx_bytes: tx } };
    assert.equal(await server.report(token, bareTick(time, { host })), 204);
    const metrics = await readMetrics(server);
    return ['receive', 'transmit'].map((way) => metrics.get(`nexus_host_network_${way}_bytes_total{host="web-1"}`));
  };
  assert.deepEqual(await report('2026-03-01T12:00:00Z', 5_000_000_000, 70), ['5000000000', '70']);
  assert.deepEqual(await report('2026-03-01T12:00:30Z', 12, null), ['12', undefined], 'after a reboot');
});

test('the figures tell what ageing history came to, and how large the store is', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  const figures = async () => {
    const metrics = await readMetrics(server);
    return (name: string): number => Number(metrics.get(name));
  };
  const before = await figures();
  assert.equal(before('nexus_compaction_ticks_total'), 0);
  for (let minute = 0; minute < 60; minute += 1) {
    const time = new Date(Date.UTC(2026, 2, 1, 10, minute)).toISOString();
    assert.equal(await server.backFill(token, [bareTick(time, { host: { metrics: { cpu_percent: minute } } })]), 204);
  }
  server.clock.set('2026-03-01T18:00:00Z');
  await server.compact(() => server.clock.advance(0.001));
  const compacted = await figures();
  assert.equal(compacted('nexus_compaction_ticks_total'), 60);
  assert.equal(compacted('nexus_compaction_chunks_total'), 2);
  assert.equal(compacted('nexus_compaction_deletions_total'), 0);
  assert.equal(compacted('nexus_compaction_failures_total'), 0);
  assert.ok(compacted('nexus_compaction_seconds_total') > 0);
  assert.ok(compacted('nexus_store_file_bytes') + compacted('nexus_store_log_bytes') > 100_000);
  assert.ok(compacted('nexus_store_unused_bytes') >= 0);
  server.clock.set('2029-03-01T18:00:00Z');
  await server.compact();
  assert.ok((await figures())('nexus_compaction_deletions_total') >= 2);
});

/** The figures of a server without hosts that forwards as is said. */
const NO_FEED = {
  open: () => assert.fail('nothing follows the log here'),
  followTicks: () => {},
  figures: () => new Map(),
};

async function renderForwarding(figures: ForwardingFigures | undefined): Promise<Map<string, string>> {
  const queries: Partial<FleetQueries> = {
    hosts: () => [],
    queue: () => ({ depth: 0, limit: 1 }),
    compaction: () => ({ ticks: 0, chunks: 0, deletions: 0, seconds: 0, failures: 0 }),
    stalledRollouts: () => 2,
    storeSize: () => ({ fileBytes: 0, unusedBytes: 0, logBytes: 0 }),
  };
  const clock = { nowMs: () => NOON_MS };
  return parseMetrics(
    await new HttpMetrics(queries as FleetQueries, NO_FEED, clock, figures && (() => figures)).render(),
  );
}

test('the figures tell of forwarding where ticks are forwarded', async () => {
  const metrics = await renderForwarding({
    requests: { sent: 7, failed: 3, refused: 1, dropped: 2 },
    backlog: { requests: 4, requestBytes: 4_096, ticks: 50, oldestAtMs: NOON_MS - 60_000 },
  });
  const shown = Object.fromEntries([...metrics].filter(([name]) => name.startsWith('nexus_remote_write_')));
  assert.deepEqual(shown, {
    'nexus_remote_write_requests_total{outcome="sent"}': '7',
    'nexus_remote_write_requests_total{outcome="failed"}': '3',
    'nexus_remote_write_requests_total{outcome="refused"}': '1',
    'nexus_remote_write_requests_total{outcome="dropped"}': '2',
    nexus_remote_write_queue_requests: '4',
    nexus_remote_write_queue_bytes: '4096',
    nexus_remote_write_waiting_ticks: '50',
    nexus_remote_write_lag_seconds: '60',
  });
  const without = await renderForwarding(undefined);
  assert.deepEqual(
    [...without.keys()].filter((name) => name.startsWith('nexus_remote_write_')),
    [],
  );
});

test('more hosts make more figures, more containers do not', async (t) => {
  const server = await FleetServer.start(t);
  const addHost = async (name: string, containerCount: number): Promise<number> => {
    const { token } = await server.operator.addHost(name);
    const containers = Array.from({ length: containerCount }, (_, index) =>
      containerBody({ container_id: `c${index}` }),
    );
    assert.equal(await server.report(token, telemetryBody({ containers })), 204);
    return [...(await readMetrics(server)).keys()].filter((metric) => metric.startsWith('nexus_host')).length;
  };
  const counts = [await addHost('web-1', 1), await addHost('web-2', 1), await addHost('web-3', 60)];
  const [one = 0, two = 0, three = 0] = counts;
  assert.equal(three - two, two - one);
  assert.ok(two - one < 15, `${two - one} series a host`);
});
