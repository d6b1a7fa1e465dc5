/** `nexus serve` with short retention: old data goes by itself. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { Client } from 'undici';
import { formatInstant } from '../../src/domain/instant.ts';
import { waitUntil } from '../runtime/wait-until.ts';
import { afterwards } from './support/afterwards.ts';
import { NexusServer, scratchDirectory } from './support/nexus-server.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAYS = 6;
const KEEP = ['--keep-raw', '0', '--keep-1m', '1d', '--keep-10m', '0', '--keep-1h', '0'];

/** A tick a minute over six days. */
function generate(nowMs: number): unknown[] {
  const ticks: unknown[] = [];
  for (let atMs = nowMs - DAYS * 24 * HOUR_MS; atMs < nowMs; atMs += MINUTE_MS) {
    const cpu = (atMs / 7) % 100;
    const metrics = { cpu_percent: Math.round(cpu), network_rx_bytes: Math.round(atMs / 100) };
    const container = { container_id: 'c', name: 'c', image: 'i', metrics: { cpu_percent: Math.round(cpu * 2) } };
    ticks.push({ recorded_at: formatInstant(atMs), host: { metrics }, containers: [container] });
  }
  return ticks;
}

function count(dataDir: string, rows: string, beforeMs: number): number {
  const database = new Database(path.join(dataDir, 'nexus.db'), { readonly: true });
  try {
    return database.prepare(`SELECT count(*) FROM ${rows}`).pluck().get(beforeMs) as number;
  } finally {
    database.close();
  }
}

test('a server told to keep little lets go of the rest by itself, and says what it answers from', async (t) => {
  const dataDir = path.join(scratchDirectory(t), 'data');
  const server = await NexusServer.start(t, { dataDir, flags: KEEP });
  const operator = server.operator(t);
  const { token } = await operator.createHost({ name: 'web-1', token: true });
  const client = new Client(server.url);
  afterwards(t, () => client.destroy());
  const headers = { authorization: `Bearer ${token?.token}`, 'content-type': 'application/json' };
  const nowMs = Date.now();
  const ticks = generate(nowMs);
  for (let at = 0; at < ticks.length; at += 100) {
    const body = JSON.stringify({ ticks: ticks.slice(at, at + 100) });
    const answer = await client.request({ method: 'POST', path: '/agent/telemetry/batch', headers, body });
    assert.equal(answer.statusCode, 204, await answer.body.text());
  }
  await waitUntil('old rows to be compacted, and old chunks to go', () => {
    // A span of two hours goes when all of it is past its time.
    const rows = count(dataDir, 'ticks WHERE recorded_at_ms < ?', nowMs - 5 * HOUR_MS);
    return rows === 0 && count(dataDir, 'chunks WHERE tier > 0 AND start_ms < ?', nowMs - 29 * HOUR_MS) === 0;
  });

  const ask = (fromHours: number, toHours: number, stepSeconds: number | undefined) =>
    operator.hostHistory('web-1', {
      from: formatInstant(nowMs - fromHours * HOUR_MS),
      to: formatInstant(nowMs - toHours * HOUR_MS),
      stepSeconds,
    });
  assert.deepEqual((await ask(DAYS * 24, 30, 3600)).points, [], 'what is older than a day has gone');
  const day = await ask(22, 6, 60);
  assert.equal(day.tier, '1m');
  assert.ok(day.points.length >= 16 * 60 - 1, `${day.points.length} minutes`);
  const lastHour = await ask(1, 0, undefined);
  assert.equal(lastHour.tier, 'raw');
  assert.ok(lastHour.points.length > 50, `${lastHour.points.length} samples are still rows`);
  assert.deepEqual((await ask(22, 6, undefined)).points, [], 'raw values are not kept');
});
