import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { parquetReadObjects } from 'hyparquet';
import { GeneratedHost } from '../../scripts/bench/generate-fleet.ts';
import { runCli } from '../../src/cli/run-cli.ts';
import { formatInstant, parseInstant } from '../../src/domain/instant.ts';
import { type ExportFormat, exportHistory } from '../../src/main.ts';
import { memoryTerminal } from '../cli/memory-terminal.ts';
import { FleetServer } from '../http/fleet-server.ts';
import { skipWithoutTool } from '../optional-tool.ts';
import { containerBody } from '../wire/telemetry-body.ts';

const HOUR_MS = 3_600_000;
const NOON_MS = Date.UTC(2026, 2, 1, 12);
const EVERYTHING = { hosts: [], fromMs: 0, toMs: NOON_MS, stepMs: null };

/** A server with two hosts and twelve hours of history, most of it compacted. */
async function startWithHistory(t: TestContext): Promise<FleetServer> {
  const server = await FleetServer.start(t);
  for (const [index, name] of ['web-1', 'web-2'].entries()) {
    const { token } = await server.operator.addHost(name);
    const host = new GeneratedHost(index + 1, 2, NOON_MS - 12 * HOUR_MS, 60_000);
    const ticks = [];
    for (let tick = host.next(); tick.atMs < NOON_MS; tick = host.next()) {
      const containers = tick.containers.map(({ key, metrics }) =>
        containerBody({ container_id: key, name: `${key}, "quoted"`, metrics }),
      );
      ticks.push({ recorded_at: formatInstant(tick.atMs), host: { metrics: tick.metrics }, containers });
    }
    for (let at = 0; at < ticks.length; at += 100) await server.backFill(token, ticks.slice(at, at + 100));
  }
  await server.compact();
  return server;
}

async function exported(server: FleetServer, format: ExportFormat, request = {}): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  const sink = (piece: string | Uint8Array) => void pieces.push(Buffer.from(piece));
  await exportHistory(server.dataDir, format, { ...EVERYTHING, ...request }, sink);
  return Buffer.concat(pieces);
}

test('an export beside a running server holds every sample once, as the API answers it', async (t) => {
  const server = await startWithHistory(t);
  const lines = (await exported(server, 'csv')).toString().trimEnd().split('\r\n');
  assert.equal(
    lines.shift(),
    'recorded_at,host,container_id,container_name,cpu_percent,load_average,memory_used_mb,memory_total_mb,disk_used_gb,' +
      'disk_total_gb,network_rx_bytes,network_tx_bytes,memory_usage_mb,memory_limit_mb,block_read_bytes,block_write_bytes',
  );
  const ofHost = lines.filter((line) => line.includes(',web-2,,,')).map((line) => line.split(','));
  const { points } = await server.operator.history('web-2', '?from=2026-02-28T00:00:00Z');
  assert.ok(points.length > 700);
  assert.deepEqual(
    ofHost.map((cells) => [cells[0], cells[4], cells[10]]),
    points.map((point) => [point.recorded_at, String(point.cpu_percent), String(point.network_rx_bytes)]),
  );
  const id = (await server.operator.containers('web-1'))[0]?.container_id ?? '';
  const history = await server.operator.containerHistory('web-1', id, '?from=2026-02-28T00:00:00Z');
  const ofContainer = lines.filter((line) => line.includes(`,web-1,${id},"${id}, ""quoted""",`));
  assert.equal(ofContainer.length, history.points.length);
});

test('a Parquet export is read back by a Parquet library', async (t) => {
  const server = await startWithHistory(t);
  const bytes = await exported(server, 'parquet', { hosts: ['web-1'] });
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  const rows = await parquetReadObjects({ file });
  const own = rows.filter((row) => row['container_id'] === null || row['container_id'] === undefined);
  const { points } = await server.operator.history('web-1', '?from=2026-02-28T00:00:00Z');
  assert.deepEqual(
    own.map((row) => [(row['recorded_at'] as Date).toISOString(), row['cpu_percent'], row['network_tx_bytes']]),
    points.map((point) => [point.recorded_at, point.cpu_percent, point.network_tx_bytes]),
  );
  assert.deepEqual(new Set(rows.map((row) => row['host'])), new Set(['web-1']));
});

test('steps are exported from the tier that keeps them', async (t) => {
  const server = await startWithHistory(t);
  const lines = (await exported(server, 'csv', { stepMs: HOUR_MS, hosts: ['web-1'] })).toString().split('\r\n');
  const own = lines.filter((line) => line.includes(',web-1,,,')).map((line) => line.split(','));
  const { points } = await server.operator.history(
    'web-1',
    '?from=2026-02-28T00:00:00Z&to=2026-03-01T12:00:00Z&step_seconds=3600',
  );
  assert.deepEqual(
    own.map((cells) => [cells[0], cells[4]]),
    points.map((point) => [point.recorded_at, String(point.cpu_percent)]),
  );
});

test('an OpenMetrics export has its families and series together, counters by their name, and its end', async (t) => {
  const server = await startWithHistory(t);
  const text = (await exported(server, 'prometheus')).toString();
  const families: string[] = [];
  const series: string[] = [];
  for (const line of text.trimEnd().split('\n')) {
    if (line.startsWith('# TYPE')) families.push(line);
    if (line.startsWith('#')) continue;
    const key = /^([a-z_]+\{.*\}) \S+ \d+(?:\.\d+)?$/.exec(line)?.[1];
    assert(key !== undefined, line);
    if (series.at(-1) !== key) series.push(key);
  }
  assert.equal(new Set(families).size, 15);
  assert.ok(families.includes('# TYPE nexus_host_network_receive_bytes counter'));
  assert.equal(new Set(series).size, series.length, 'a series is in one piece');
  assert.ok(series.includes('nexus_host_network_receive_bytes_total{host="web-1"}'));
  assert.ok(
    series.some((key) =>
      key.startsWith(
        'nexus_container_memory_usage_bytes{host="web-2",container_id="0-0",container="0-0, \\"quoted\\""',
      ),
    ),
  );
  assert.ok(text.endsWith('# EOF\n'));
});

test('promtool makes blocks of an OpenMetrics export', { skip: skipWithoutTool('promtool') }, async (t) => {
  const server = await startWithHistory(t);
  const directory = mkdtempSync(path.join(tmpdir(), 'nexus-export-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = path.join(directory, 'export.om');
  writeFileSync(file, await exported(server, 'prometheus'));
  const made = spawnSync(
    'promtool',
    ['tsdb', 'create-blocks-from', 'openmetrics', file, path.join(directory, 'data')],
    { encoding: 'utf8' },
  );
  assert.equal(made.status, 0, made.stderr);
  // It wants to look there for what a running server has not made blocks of yet.
  mkdirSync(path.join(directory, 'data', 'wal'));
  const listed = spawnSync('promtool', ['tsdb', 'dump', path.join(directory, 'data')], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  assert.equal(listed.status, 0, listed.stderr);
  const dumped = listed.stdout
    .split('\n')
    .filter((line) => line.includes('nexus_host_cpu_percent') && line.includes('web-1'));
  const { points } = await server.operator.history('web-1', '?from=2026-02-28T00:00:00Z');
  assert.deepEqual(
    dumped.map((line) => line.split(' ').slice(-2)),
    points.map((point) => [String(point.cpu_percent), String(parseInstant(point.recorded_at))]),
  );
});

test('the command writes a whole file or none, and never over another', async (t) => {
  const server = await startWithHistory(t);
  const terminal = memoryTerminal();
  const file = path.join(server.dataDir, 'out.csv');
  const args = ['export', '--format', 'csv', '--data', server.dataDir, '--output', file];
  assert.equal(await runCli([...args, '--host', 'nobody'], terminal), 1);
  assert.equal(await runCli([...args, '--host', 'web-1', '--to', '2026-03-01T12:00:00Z'], terminal), 0, terminal.err());
  assert.ok(readFileSync(file, 'utf8').split('\r\n').length > 2_000);
  assert.equal(await runCli(args, terminal), 1);
  assert.equal(await runCli(['export', '--format', 'xml', '--data', server.dataDir], terminal), 2);
});
