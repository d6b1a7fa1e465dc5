/** Weeks on a real file: what is past its time goes, its room is used again, and answers say which tier they are from. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { GeneratedHost } from '../../scripts/bench/generate-fleet.ts';
import type { Retention } from '../../src/domain/history.ts';
import { formatInstant } from '../../src/domain/instant.ts';
import { FleetServer } from '../http/fleet-server.ts';
import { containerBody, type JsonObject } from '../wire/telemetry-body.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START_MS = Date.UTC(2026, 1, 1);
const DAYS = 26;
/** The instants of ticks are kept for 8 days, longer than anything else here. */
const PLATEAU_DAY = 12;
const RETENTION: Retention = { raw: 6 * HOUR_MS, '1m': DAY_MS, '10m': 0, '1h': 0 };

/** In pages: those of the file as a reader sees it, and those of them that hold something. */
function measureFile(dataDir: string): { all: number; used: number } {
  const database = new Database(path.join(dataDir, 'nexus.db'), { readonly: true });
  const all = Number(database.pragma('page_count', { simple: true }));
  const free = Number(database.pragma('freelist_count', { simple: true }));
  database.close();
  return { all, used: all - free };
}

test('once retention is reached the file stops growing, and only what is kept is answered, from its tier', async (t) => {
  const server = await FleetServer.start(t, { retention: RETENTION });
  const { token } = await server.operator.addHost('web-1');
  const host = new GeneratedHost(4, 3, START_MS, 120_000);
  let tick = host.next();
  const sizes: Array<{ all: number; used: number }> = [];
  for (let turn = 1; turn <= DAYS * 4; turn += 1) {
    const untilMs = START_MS + turn * 6 * HOUR_MS;
    const ticks: JsonObject[] = [];
    for (; tick.atMs < untilMs; tick = host.next()) {
      const containers = tick.containers.map(({ key, metrics }) => containerBody({ container_id: key, metrics }));
      ticks.push({ recorded_at: formatInstant(tick.atMs), host: { metrics: tick.metrics }, containers });
    }
    server.clock.set(formatInstant(untilMs));
    for (let at = 0; at < ticks.length; at += 100) {
      assert.equal(await server.backFill(token, ticks.slice(at, at + 100)), 204);
    }
    await server.compact();
    if (turn % 4 === 0) sizes.push(measureFile(server.dataDir));
  }
  const [day = { all: 0, used: 0 }, ...later] = sizes.slice(PLATEAU_DAY);
  const most = (part: 'all' | 'used'): number => Math.max(...later.map((size) => size[part]));
  const text = JSON.stringify(sizes);
  assert.ok(most('all') <= day.all * 1.1, `the file grows: ${text}`);
  assert.ok(most('used') <= day.used * 1.1, `what it holds grows: ${text}`);
  assert.ok((sizes[1]?.used ?? 0) < day.used, 'it did grow before');

  const endMs = START_MS + DAYS * DAY_MS;
  const ask = async (fromHours: number, toHours: number, step = '') => {
    const [from, to] = [fromHours, toHours].map((hours) => formatInstant(endMs - hours * HOUR_MS));
    const { tier, points } = await server.operator.history('web-1', `?from=${from}&to=${to}${step}`);
    return { tier, points: points.length };
  };
  const raw = await ask(5, 3);
  assert.ok(raw.tier === 'raw' && raw.points > 55, JSON.stringify(raw));
  assert.deepEqual(await ask(20, 10), { tier: 'raw', points: 0 }, 'raw values are past their time');
  const second = 1 / 3600;
  const minutes = await ask(20, 10 + second, '&step_seconds=600');
  assert.deepEqual(minutes, { tier: '1m', points: 60 }, 'ten minutes are not kept: made from minutes');
  assert.equal((await ask(2, 0, '&step_seconds=60')).tier, 'raw', 'the last hours are rows');
  assert.deepEqual(await ask(26 * 24, 30, '&step_seconds=3600'), { tier: 'raw', points: 0 }, 'nothing is left');
  const container = [...new Set((await server.operator.containers('web-1')).map((one) => one.container_id))][0] ?? '';
  const old = `?from=${formatInstant(START_MS)}&to=${formatInstant(endMs - 30 * HOUR_MS)}&step_seconds=600`;
  assert.deepEqual((await server.operator.containerHistory('web-1', container, old)).points, []);
});
