import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bareTick, telemetryBody } from '../wire/telemetry-body.ts';
import { FleetServer } from './fleet-server.ts';

async function readMetrics(server: FleetServer): Promise<Map<string, string>> {
  const reply = await server.operator.send('GET', '/metrics');
  assert.equal(reply.status, 200);
  assert.match(String(reply.headers['content-type']), /^text\/plain/);
  const lines = reply.body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
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
