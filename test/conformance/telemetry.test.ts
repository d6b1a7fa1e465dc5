/**
 * The agent's half of the contract, row by row, over real HTTP: what is answered, and what is stored of it. A row that
 * is refused must leave everything that an operator can see exactly as it was.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Connection } from '../../src/sqlite/connection.ts';
import { SeededRandom } from '../domain/seeded-random.ts';
import { bareTick } from '../wire/telemetry-body.ts';
import { ApplianceUnderTest } from './appliance-under-test.ts';
import { BATCH_ROWS } from './batch-rows.ts';
import { BODY_ROWS } from './body-rows.ts';
import { FIELD_ROWS } from './field-rows.ts';
import { IDENTITY_ROWS } from './identity-rows.ts';
import { mutateBody } from './mutate-body.ts';
import { RATE_ROWS } from './rate-rows.ts';
import { agentHeaders, check, post, type Row, TELEMETRY } from './row.ts';
import { TIME_ROWS } from './time-rows.ts';

const TABLES: Readonly<Record<string, readonly Row[]>> = {
  'the fields of a tick': FIELD_ROWS,
  'the time of a tick': TIME_ROWS,
  batches: BATCH_ROWS,
  identity: IDENTITY_ROWS,
  'the rate of requests': RATE_ROWS,
  'bodies, types, encodings and sizes': BODY_ROWS,
};

describe('telemetry', { concurrency: false }, () => {
  let server: ApplianceUnderTest;

  before(async () => {
    server = await ApplianceUnderTest.boot();
  });
  after(() => server.close());

  for (const [table, rows] of Object.entries(TABLES)) {
    describe(table, () => {
      for (const row of rows) test(row.name, () => check(server, row));
    });
  }

  test('the table has no row twice', () => {
    const names = Object.values(TABLES).flatMap((rows) => rows.map((row) => row.name));
    assert.deepEqual(
      names.filter((name, index) => names.indexOf(name) !== index),
      [],
    );
  });

  test('no input was answered with a 5xx, and none was logged as a defect', () => {
    assert.deepEqual(
      [...server.statuses.keys()].filter((status) => status >= 500),
      [],
    );
    assert.deepEqual(
      server.log.lines.filter((line) => line.level === 'error'),
      [],
    );
  });
});

test('a rate limit of 0 is no limit', async (t) => {
  const server = await ApplianceUnderTest.boot({ agentRateLimit: 0 });
  t.after(() => server.close());
  const host = await server.addHost();
  for (let second = 0; second < 130; second += 1) {
    const recordedAt = new Date(Date.UTC(2026, 2, 1, 11, 30, second)).toISOString();
    assert.equal((await post(bareTick(recordedAt))({ server, host })).status, 204);
  }
});

test('a sender that goes away in the middle of its body leaves nothing behind', async (t) => {
  const server = await ApplianceUnderTest.boot();
  t.after(() => server.close());
  const host = await server.addHost();
  const before = await server.snapshot(host.name);
  const head = Object.entries(agentHeaders(host.token.token)).map(([name, value]) => `${name}: ${value}`);
  const start = `POST ${TELEMETRY} HTTP/1.1\r\nHost: nexus\r\n${head.join('\r\n')}\r\nContent-Length: 500\r\n\r\n{"recorded_at"`;
  for (let times = 0; times < 20; times += 1) await server.agents.sendAndVanish(start);
  assert.deepEqual(await server.snapshot(host.name), before);
  assert.deepEqual(
    server.log.lines.filter((line) => line.level === 'error'),
    [],
  );
});

test('bodies that are nearly right are never a 500, and leave nothing behind unless they are taken', async (t) => {
  const seed = Number(process.env['NEXUS_FUZZ_SEED'] ?? 20_260_301);
  const bodies = Number(process.env['NEXUS_FUZZ_BODIES'] ?? 4000);
  t.diagnostic(`NEXUS_FUZZ_SEED=${seed} NEXUS_FUZZ_BODIES=${bodies}`);
  const server = await ApplianceUnderTest.boot({ agentRateLimit: 0 });
  const database = new Connection(path.join(server.dataDir, 'nexus.db'), 250);
  t.after(async () => {
    database.close();
    await server.close();
  });
  const host = await server.addHost();
  const headers = agentHeaders(host.token.token);
  const stored = database.prepare<{ text: string }>(
    `SELECT (SELECT count(*) || ' ' || total(rowid) FROM ticks) || (SELECT json_group_array(json_array(id, name, image,
       labels, ports, health_status, last_seen_at_ms, missing_since_ms, removed_at_ms)) FROM containers) ||
       (SELECT json_group_array(json_array(status, os, cpu_count, memory_total_mb, disk_total_gb)) FROM hosts) ||
       (SELECT count(*) FROM events) AS text`,
  );
  const random = new SeededRandom(seed);
  const counts = new Map<number, number>();
  let before = stored.get()?.text;
  for (let index = 0; index < bodies; index += 1) {
    const body = mutateBody(index, random);
    const isPacked = random.below(8) === 0;
    const reply = await server.agents.send({
      method: 'POST',
      path: TELEMETRY,
      headers: isPacked ? { ...headers, 'content-encoding': 'gzip' } : headers,
      body: isPacked ? gzipSync(body) : body,
    });
    counts.set(reply.status, (counts.get(reply.status) ?? 0) + 1);
    const now = stored.get()?.text;
    const shown = `seed ${seed}, body ${index}: ${body.toString('latin1').slice(0, 1000)}`;
    assert([204, 400, 422].includes(reply.status), `${reply.status} for ${shown}`);
    if (reply.status !== 204) assert.equal(now, before, `something was stored of ${shown}`);
    before = now;
  }
  for (const status of [204, 400, 422])
    assert.notEqual(counts.get(status) ?? 0, 0, `some bodies are answered ${status}`);
  t.diagnostic(JSON.stringify(Object.fromEntries(counts)));
});
