/** A database of an earlier version: it opens, its rollouts are what they were, byte for byte, and they go on. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { EVENT_DATA, parseEventKind } from '../../src/domain/event-log.ts';
import { Rollout, type TimedEntry } from '../../src/rollout/rollout.ts';
import { entryOf } from '../../src/rollout/stored-entry.ts';
import { HOST_ROW, PLAN_ROW, PROGRESS_ROW } from '../../src/rollout/stored-rows.ts';
import { FleetServer } from '../http/fleet-server.ts';
import { eventOf } from '../http/rollout-fleet.ts';

const [OLDEST, NEWEST] = ['schema-4.sql', 'schema-7.sql'] as const;
/** Just after the last entry of the log. */
const THEN = '2026-03-01T12:20:00Z';

/** The rollouts of each log in the order in which they were created: where they stand, and how many entries they have. */
const ROLLOUTS = [
  ['converged', 78],
  ['halted', 12],
  ['superseded', 36],
  ['converged', 24],
  ['aborted', 18],
  ['active', 8],
  ['superseded', 2],
  ['halted', 19],
  ['halted', 8],
  ['active', 5],
  ['paused', 4],
] as const;
/** In that order: two of them. */
const [UNDER_WAY, PAUSED] = [9, 10] as const;

function openDump(dump: string, file = ':memory:'): Database.Database {
  const database = new Database(file);
  database.exec(readFileSync(path.join(import.meta.dirname, dump), 'utf8'));
  return database;
}

function idsOf(database: Database.Database): string[] {
  return database
    .prepare<[], { id: string }>('SELECT id FROM rollouts ORDER BY number')
    .all()
    .map(({ id }) => id);
}

function writeDatabase(dump: string, file: string): string[] {
  const database = openDump(dump, file);
  const ids = idsOf(database);
  database.close();
  return ids;
}

async function startServer(context: TestContext, dump: string): Promise<{ server: FleetServer; ids: string[] }> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'nexus-golden-'));
  const ids = writeDatabase(dump, path.join(dataDir, 'nexus.db'));
  const server = await FleetServer.start(context, { dataDir });
  server.clock.set(THEN);
  return { server, ids };
}

async function ask(server: FleetServer, method: string, requestPath: string, body?: unknown): Promise<unknown> {
  const reply = await server.operator.send(method, requestPath, body);
  assert.ok(reply.status < 300, `${method} ${requestPath}: ${reply.status} ${reply.body}`);
  return JSON.parse(reply.body);
}

for (const dump of [OLDEST, NEWEST]) {
  test(`${dump}: every rollout of the log stands where it stood, and its replay is equal`, async (context) => {
    const { server, ids } = await startServer(context, dump);
    const found: unknown[] = [];
    for (const id of ids) {
      const { state } = (await ask(server, 'GET', `/v1/rollouts/${id}`)) as { state: string };
      const replayed = (await ask(server, 'POST', `/v1/rollouts/${id}/replay`)) as Record<string, unknown>;
      assert.deepEqual([replayed['equal'], replayed['differences']], [true, []], id);
      found.push([state, replayed['entries']]);
    }
    assert.deepEqual(found, ROLLOUTS);
  });

  test(`${dump}: folding the log from nothing gives the rows of that version, byte for byte`, () => {
    const database = openDump(dump);
    const rows = database.prepare<[], { number: number; id: string; plan: string; progress: string }>(
      'SELECT number, id, plan, progress FROM rollouts JOIN rollout_progress ON rollout_number = number ORDER BY number',
    );
    const events = database.prepare<
      [string],
      { id: number; at_ms: number; kind: string; host: string | null; data: string }
    >('SELECT id, at_ms, kind, host, data FROM events WHERE rollout_id = ? ORDER BY id');
    const hosts = database.prepare<[number], { host: string; body: string }>(
      'SELECT host, body FROM rollout_hosts WHERE rollout_number = ?',
    );
    for (const { number, id, plan, progress } of rows.all()) {
      const log = events.all(id).map((row): TimedEntry => {
        const event = { id: row.id, atMs: row.at_ms, kind: parseEventKind(row.id, row.kind), host: row.host };
        return { atMs: row.at_ms, entry: entryOf({ ...event, rolloutId: id, data: EVENT_DATA.parse(row.data) }) };
      });
      const folded = Rollout.replay(log);
      assert.ok(PLAN_ROW.isRowOf(plan, folded.plan), plan);
      assert.ok(PROGRESS_ROW.isRowOf(progress, folded.progress), progress);
      const bodies = new Map(hosts.all(number).map(({ host, body }) => [host, body]));
      assert.equal(bodies.size, folded.hosts.size);
      for (const host of folded.hosts.values()) {
        const body = bodies.get(host.name) ?? '';
        assert.ok(HOST_ROW.isRowOf(body, host), body);
        // Of a deferral these rows say nothing, and the log does.
        assert.deepEqual(HOST_ROW.parse(body), { ...host, deferral: null });
      }
    }
    assert.equal(rows.all().length, 11);
    database.close();
  });

  test(`${dump}: a rollout that was under way goes on, with rows of both versions`, async (context) => {
    const { server, ids } = await startServer(context, dump);
    const id = ids[UNDER_WAY];
    const { token } = await server.operator.createToken('web-1');
    const tick = { recorded_at: THEN, host: { metrics: {} } };
    assert.equal(await server.report(token, tick), 204);
    const { release } = (await ask(server, 'GET', `/v1/rollouts/${id}`)) as { release: string };
    const post = (seq: number, type: 'converged' | 'probe_result') => {
      const body = { hostname: 'web-1', rollout_id: id, event: { ...eventOf(type, release), seq } };
      return server.post('/v1/agent/events', token, body);
    };
    // Number 3 has been applied with another body, number 4 has not been used.
    assert.equal((await post(3, 'converged')).status, 409);
    assert.equal((await post(4, 'probe_result')).status, 204);
    assert.equal((await post(5, 'converged')).status, 204);
    await ask(server, 'POST', `/v1/rollouts/${id}/abort`, { reason: 'enough' });
    const replayed = (await ask(server, 'POST', `/v1/rollouts/${id}/replay`)) as Record<string, unknown>;
    assert.deepEqual([replayed['equal'], replayed['differences']], [true, []]);
    const { state, hosts } = (await ask(server, 'GET', `/v1/rollouts/${id}`)) as {
      state: string;
      hosts: ReadonlyArray<{ name: string; state: string }>;
    };
    assert.deepEqual([state, hosts[0]?.name, hosts[0]?.state], ['aborted', 'web-1', 'converged']);
  });
}

test('a row of a newer version is a store error that names it, and the rest stays readable', async (context) => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'nexus-golden-'));
  const file = path.join(dataDir, 'nexus.db');
  const ids = writeDatabase(OLDEST, file);
  const database = new Database(file);
  const [ended] = ids;
  const row = `'{"v":99,' || substr(progress, 2)`;
  const number = 'SELECT number FROM rollouts WHERE id = ?';
  database.prepare(`UPDATE rollout_progress SET progress = ${row} WHERE rollout_number = (${number})`).run(ended);
  database.close();
  const server = await FleetServer.start(context, { dataDir });
  server.clock.set(THEN);
  const refused = await server.operator.send('GET', `/v1/rollouts/${ended}`);
  assert.equal(refused.status, 503);
  assert.match(refused.body, /a stored progress of a rollout has version 99, and this Nexus reads versions up to 2/);
  assert.equal((await server.operator.send('GET', `/v1/rollouts/${ids[PAUSED]}`)).status, 200);
});

test('what makes a golden log makes one of this version, and each of its rollouts replays', (context) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'nexus-golden-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const script = path.join(import.meta.dirname, 'record-fleet-life.ts');
  const said = execFileSync(process.execPath, [script, directory], { encoding: 'utf8' });
  assert.deepEqual(
    said
      .trim()
      .split('\n')
      .map((line) => line.replace(/^\S+ /, ''))
      .toReversed(),
    [
      'converged: 78 entries, 6 hosts',
      'halted: 12 entries, 6 hosts',
      'superseded: 36 entries, 6 hosts',
      'converged: 24 entries, 5 hosts',
      'aborted: 18 entries, 4 hosts',
      'active: 8 entries, 2 hosts',
      // The host is offered its rollback while its trouble of before lasts, and the offer is withdrawn.
      'superseded: 4 entries, 1 hosts',
      'halted: 19 entries, 3 hosts',
      'halted: 8 entries, 2 hosts',
      'active: 5 entries, 5 hosts',
      'paused: 4 entries, 1 hosts',
    ],
  );
});

test('what runs on each host of a database of before is what its last rollout brought there', async (context) => {
  const { server } = await startServer(context, NEWEST);
  const list = await ask(server, 'GET', '/v1/releases');
  const { releases } = list as { releases: ReadonlyArray<{ digest: string; version: string }> };
  const found: unknown[] = [];
  for (const { digest, version } of releases) {
    const reply = await server.operator.send('DELETE', `/v1/releases/${digest}`);
    found.push([version, reply.status, (JSON.parse(reply.body) as { hosts: unknown }).hosts]);
  }
  assert.deepEqual(found, [
    ['4', 409, ['web-10']],
    ['3', 409, ['web-5', 'web-6', 'web-8']],
    ['2', 409, ['web-3', 'web-4']],
    ['1', 409, ['web-1', 'web-2']],
  ]);
});
