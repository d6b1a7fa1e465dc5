/** Compaction of a real server that is killed, or runs out of disk, in the middle of it: nothing is lost. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { Client } from 'undici';
import { GeneratedHost } from '../../scripts/bench/generate-fleet.ts';
import type { NexusClient } from '../../src/client/nexus-client.ts';
import { formatInstant } from '../../src/domain/instant.ts';
import type { HostHistoryBody } from '../../src/wire/operator.ts';
import { waitUntil } from '../runtime/wait-until.ts';
import { afterwards } from './support/afterwards.ts';
import { NexusServer, scratchDirectory } from './support/nexus-server.ts';
import { SmallDisk, skipWithoutSmallDisks } from './support/small-disk.ts';

const skip = skipWithoutSmallDisks();
const HOUR_MS = 3_600_000;
const HOURS = 96;
const KILLS = 6;
/** Rows that may be left: those of the last hours, and of the one that is under way. */
const RECENT_MS = 4 * HOUR_MS;

interface Sent {
  readonly recordedAtMs: number;
  readonly body: unknown;
  readonly cpu: number | null;
}

function generate(seed: number, intervalMs: number, hours = HOURS): Sent[] {
  const nowMs = Date.now();
  const host = new GeneratedHost(seed, 4, nowMs - hours * HOUR_MS, intervalMs);
  const sent: Sent[] = [];
  for (let tick = host.next(); tick.atMs < nowMs; tick = host.next()) {
    const containers = tick.containers.map(({ key, metrics }) => ({
      container_id: key,
      name: key,
      image: 'i',
      metrics,
    }));
    const body = { recorded_at: formatInstant(tick.atMs), host: { metrics: tick.metrics }, containers };
    sent.push({ recordedAtMs: tick.atMs, body, cpu: tick.metrics.cpu_percent });
  }
  return sent;
}

async function send(t: TestContext, server: NexusServer, token: string, ticks: readonly Sent[]): Promise<void> {
  const client = new Client(server.url);
  afterwards(t, () => client.destroy());
  for (let at = 0; at < ticks.length; at += 100) {
    const answer = await client.request({
      method: 'POST',
      path: '/agent/telemetry/batch',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ticks: ticks.slice(at, at + 100).map((tick) => tick.body) }),
    });
    assert.equal(answer.statusCode, 204, await answer.body.text());
  }
}

async function addHost(operator: NexusClient, name: string): Promise<string> {
  const { token } = await operator.createHost({ name, token: true });
  assert(token !== undefined);
  return token.token;
}

/** Every tick that was acknowledged, once, with its value. */
async function assertComplete(operator: NexusClient, host: string, sent: readonly Sent[]): Promise<void> {
  const from = formatInstant(Date.now() - 7 * 24 * HOUR_MS);
  const { points }: HostHistoryBody = await operator.hostHistory(host, { from, to: undefined, stepSeconds: undefined });
  assert.deepEqual(
    points.map((point) => [point.recorded_at, point.cpu_percent]),
    sent.map((tick) => [formatInstant(tick.recordedAtMs), tick.cpu]),
  );
}

function count(dataDir: string, sql: string, ...values: number[]): number {
  const database = new Database(path.join(dataDir, 'nexus.db'), { readonly: true });
  try {
    return (database.prepare(sql).get(...values) as { count: number }).count;
  } finally {
    database.close();
  }
}

const chunks = (dataDir: string): number => count(dataDir, 'SELECT count(*) AS count FROM chunks');
const oldRows = (dataDir: string): number =>
  count(dataDir, 'SELECT count(*) AS count FROM ticks WHERE recorded_at_ms < ?', Date.now() - RECENT_MS);

test('a server killed again and again while it compacts loses no tick and stores none twice', async (t) => {
  const dataDir = path.join(scratchDirectory(t), 'data');
  let server = await NexusServer.start(t, { dataDir });
  const operator = server.operator(t);
  const hosts = [];
  for (const [index, name] of ['web-1', 'web-2', 'web-3'].entries()) {
    const token = await addHost(operator, name);
    const ticks = generate(index + 1, 40_000);
    await send(t, server, token, ticks);
    hosts.push({ name, token, ticks });
  }
  let interrupted = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    await waitUntil('another chunk to be written', () => chunks(dataDir) > kill * 20);
    if (oldRows(dataDir) > 0) interrupted += 1;
    await server.kill();
    server = await NexusServer.start(t, { dataDir });
    await server.waitUntilReady();
    const client = server.operator(t);
    for (const { name, ticks } of hosts) await assertComplete(client, name, ticks);
    // What an agent that got no answer would do: everything once more.
    const again = hosts[kill % hosts.length];
    if (again !== undefined) await send(t, server, again.token, again.ticks.slice(kill * 400, kill * 400 + 400));
  }
  assert.ok(interrupted > 2, 'it was killed while there was work left');
  await waitUntil('everything to be compacted', () => oldRows(dataDir) === 0);
  const client = server.operator(t);
  for (const { name, ticks } of hosts) await assertComplete(client, name, ticks);
});

test('on a full disk compaction rests with a log line, and goes on when there is room again', { skip }, async (t) => {
  const disk = SmallDisk.create(t, 32);
  const server = await NexusServer.start(t, { dataDir: disk.directory });
  const operator = server.operator(t);
  const token = await addHost(operator, 'web-1');
  const ticks = generate(7, 20_000).slice(0, 10_500);
  await send(t, server, token, ticks.slice(0, 5_000));
  // Another host's ticks, all of the last hour: they use up the room that compaction leaves in the file, and it does not
  // touch them, however much quicker it may be than they come.
  const other = await addHost(operator, 'web-2');
  const filling = generate(8, 125, 1);
  disk.fill();
  const line = await waitUntil('a log line about the full disk', async () => {
    await send(t, server, other, filling.splice(0, 500)).catch(() => {});
    return server.log().find((one) => /the disk is full/.test(one.reason ?? ''));
  });
  assert.ok(line);
  disk.free();
  await server.waitUntilReady();
  await send(t, server, token, ticks);
  await waitUntil('everything to be compacted', () => oldRows(disk.directory) === 0);
  await assertComplete(server.operator(t), 'web-1', ticks);
});
