/** History as it ages, seen from outside: the same answers from rows, chunks and roll-ups, and nothing twice. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { GeneratedHost, type GeneratedTick } from '../../scripts/bench/generate-fleet.ts';
import { DEFAULT_RETENTION, type Retention } from '../../src/domain/history.ts';
import type { HistoryChange } from '../../src/domain/history-store.ts';
import { formatInstant, parseInstant } from '../../src/domain/instant.ts';
import { Connection } from '../../src/sqlite/connection.ts';
import { MIGRATIONS, migrate } from '../../src/sqlite/migrations.ts';
import { openStore } from '../../src/sqlite/open-store.ts';
import { encodeSample } from '../../src/telemetry/sample-codec.ts';
import type { ContainerHistoryBody, HostHistoryBody } from '../../src/wire/operator.ts';
import { SeededRandom } from '../domain/seeded-random.ts';
import { FleetServer } from '../http/fleet-server.ts';
import { bareTick, containerBody, type JsonObject } from '../wire/telemetry-body.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const NOON_MS = Date.UTC(2026, 2, 1, 12);
/** Long enough that every host is looked at again. */
const ROUND_SECONDS = 301;

/** Works until nothing is left to do. */
async function compact(server: FleetServer): Promise<void> {
  server.clock.advance(ROUND_SECONDS);
  let pieces = 0;
  await server.compact(() => {
    pieces += 1;
    assert.ok(pieces < 10_000_000, 'the work comes to an end');
  });
  const failures = server.log.said('history could not be compacted; no data is lost, and compaction will be retried');
  assert.deepEqual(failures, []);
}

function bodyOf(tick: GeneratedTick): JsonObject {
  const containers = tick.containers.map(({ key, metrics }) =>
    containerBody({ container_id: key, name: key, metrics }),
  );
  return { recorded_at: formatInstant(tick.atMs), host: { metrics: tick.metrics }, containers };
}

async function send(server: FleetServer, token: string, ticks: readonly JsonObject[]): Promise<void> {
  for (let at = 0; at < ticks.length; at += 100) {
    assert.equal(await server.backFill(token, ticks.slice(at, at + 100)), 204);
  }
}

function generate(hours: number, seed: number): GeneratedTick[] {
  const fromMs = NOON_MS - hours * HOUR_MS;
  const host = new GeneratedHost(seed, 3, fromMs, 30_000);
  const ticks: GeneratedTick[] = [];
  for (let tick = host.next(); tick.atMs <= NOON_MS; tick = host.next()) ticks.push(tick);
  return ticks;
}

type History = HostHistoryBody | ContainerHistoryBody;

/** Means are sums in another order: equal but for the last digits of a float. */
function assertSame(after: History, before: History, what: string): void {
  assert.equal(after.points.length, before.points.length, what);
  for (const [index, point] of after.points.entries()) {
    const other = before.points[index];
    assert(other !== undefined);
    for (const [name, value] of Object.entries(point)) {
      const expected: unknown = (other as Record<string, unknown>)[name];
      if (typeof value === 'number' && typeof expected === 'number') {
        assert.ok(Math.abs(value - expected) <= 1e-9 * Math.max(1, Math.abs(expected)), `${what}: ${name} at ${index}`);
      } else assert.deepEqual(value, expected, `${what}: ${name} at ${index}`);
    }
  }
}

const SPANS = [
  '?from=2026-02-26T00:00:00Z&to=2026-03-01T11:59:59.999Z&step_seconds=60',
  '?from=2026-02-26T00:00:00Z&step_seconds=600&spread=true',
  '?from=2026-02-26T00:00:00Z&step_seconds=3600&spread=true',
  '?from=2026-02-26T00:00:00Z&step_seconds=7200',
  '?from=2026-02-26T00:00:00Z&step_seconds=45000',
  '?from=2026-02-28T13:00:00Z&to=2026-02-28T18:00:00Z',
  '?from=2026-02-28T13:00:00Z&to=2026-02-28T18:00:00Z&step_seconds=90',
  '?from=2026-03-01T06:30:00Z&to=2026-03-01T11:30:00Z',
];

test('answers are the same from rows, from chunks and from roll-ups, resets, gaps and lost containers included', async (t) => {
  const retention = { ...DEFAULT_RETENTION, raw: 10 * DAY_MS };
  const server = await FleetServer.start(t, { retention });
  const { token } = await server.operator.addHost('web-1');
  // Without the hours from three to five in the last night.
  const isGap = (ms: number): boolean => ms >= NOON_MS - 9 * HOUR_MS && ms < NOON_MS - 7 * HOUR_MS;
  const ticks = generate(72, 3).filter((tick) => !isGap(tick.atMs));
  await send(server, token, ticks.map(bodyOf));
  const containers = (await server.operator.containers('web-1')).map((container) => container.container_id);
  assert.ok(containers.length > 3, 'containers come and go');
  const ask = async (): Promise<History[]> => {
    const answers: History[] = [];
    for (const span of SPANS) {
      answers.push(await server.operator.history('web-1', span));
      for (const id of containers) answers.push(await server.operator.containerHistory('web-1', id, span));
    }
    return answers;
  };
  const before = await ask();
  assert.deepEqual(new Set(before.map((answer) => answer.tier)), new Set(['raw']));

  await compact(server);
  server.clock.set('2026-03-01T12:00:00Z');

  const after = await ask();
  for (const [index, answer] of after.entries()) {
    const expected = before[index];
    assert(expected !== undefined);
    assertSame(answer, expected, `answer ${index}`);
  }
  const tierOf = async (span: string) => (await server.operator.history('web-1', span)).tier;
  assert.equal(await tierOf(SPANS[0] ?? ''), '1m');
  assert.equal(await tierOf(SPANS[1] ?? ''), '10m');
  assert.equal(await tierOf(SPANS[2] ?? ''), '10m', 'the week is not over, so no hours are kept yet');
  assert.equal(await tierOf(SPANS[6] ?? ''), 'raw', 'ninety seconds are no whole minutes');
  assert.equal(await tierOf('?from=2026-03-01T11:00:00Z&step_seconds=60'), 'raw', 'recent ticks are rows');

  await server.restart();
  assert.deepEqual(await ask(), after);
});

test('a counter rises by what it counted, whatever resets there were and whichever tier answers', async (t) => {
  const server = await FleetServer.start(t, { retention: { ...DEFAULT_RETENTION, raw: 0 } });
  const { token } = await server.operator.addHost('web-1');
  const ticks: JsonObject[] = [];
  let counter = 1000;
  const growths: number[] = [];
  for (let index = 0; index < 2 * 2880; index += 1) {
    const growth = (index * 7919) % 5000;
    // A reboot every 400 ticks, at changing places within minutes and chunks.
    if (index % 400 === 399) counter = 0;
    counter += growth;
    growths.push(growth);
    const atMs = NOON_MS - 2 * DAY_MS + index * 30_000;
    ticks.push(bareTick(formatInstant(atMs), { host: { metrics: { network_rx_bytes: counter } } }));
  }
  await send(server, token, ticks);
  const total = async (step: number): Promise<number> => {
    const { points } = await server.operator.history(
      'web-1',
      `?from=2026-02-27T12:00:00Z&step_seconds=${step}&spread=true`,
    );
    return points.reduce((sum, point) => sum + (point.increase?.['network_rx_bytes'] ?? 0), 0);
  };
  // The first step has nothing before it to rise from.
  const counted = (step: number): number => growths.slice(step / 30).reduce((sum, growth) => sum + growth, 0);
  const steps = [30, 60, 600, 3600];
  for (const step of steps) assert.equal(await total(step), counted(step), `${step} s from rows`);
  await compact(server);
  for (const step of steps.slice(1)) assert.equal(await total(step), counted(step), `${step} s from roll-ups`);
});

test('a tick that comes late for a compacted span is answered at once, kept once, and merged', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  const ticks = generate(96, 5);
  const settle = async (): Promise<void> => {
    // Until the raw values are past their time, counted from when they came.
    server.clock.advance(49 * 3600);
    await compact(server);
    assert.equal(countChunks(server.dataDir).raw, 0);
  };
  const isLate = (index: number): boolean => index % 50 < 3;
  const body = (tick: GeneratedTick) => bodyOf({ ...tick, containers: tick.containers.slice(0, 1) });
  await send(server, token, ticks.filter((_, index) => !isLate(index)).map(body));
  await compact(server);
  await settle();
  const span = '?from=2026-02-25T00:00:00Z&to=2026-03-01T09:59:59.999Z&step_seconds=600&spread=true';
  const withoutLate = await server.operator.history('web-1', span);

  // Everything again, late ones and duplicates alike.
  await send(server, token, ticks.map(body));
  const rows = () => countRows(server.dataDir);
  const lateRows = ticks.filter((_, index) => isLate(index)).length;
  assert.ok(rows() - lateRows < 10, `${rows()} rows: duplicates were stored`);
  const merged = await server.operator.history('web-1', span);
  await compact(server);
  assert.equal(rows(), 0);
  const settled = await server.operator.history('web-1', span);
  assert.equal(settled.tier, '10m');
  assert.notDeepEqual(settled.points, withoutLate.points);

  // What it would have been had nothing come late; the first two days are there without raw values.
  const other = await FleetServer.start(t);
  const { token: otherToken } = await other.operator.addHost('web-1');
  await send(other, otherToken, ticks.map(body));
  const expected = await other.operator.history('web-1', span);
  assertSame(settled, expected, 'merged');
  const gauges = (history: HostHistoryBody) =>
    history.points.map((point) => [point.recorded_at, point.max?.['cpu_percent']]);
  assert.deepEqual(gauges(merged), gauges(expected), 'before they are merged');

  await send(server, token, ticks.map(body));
  await compact(server);
  assertSame(await server.operator.history('web-1', span), settled, 'everything a third time');
});

function countRows(dataDir: string): number {
  const database = new Database(path.join(dataDir, 'nexus.db'), { readonly: true });
  const { count } = database.prepare('SELECT count(*) AS count FROM ticks').get() as { count: number };
  database.close();
  return count;
}

interface Kept {
  raw: number;
  '1m': number;
  '10m': number;
  '1h': number;
}

function countChunks(dataDir: string): Kept {
  const database = new Database(path.join(dataDir, 'nexus.db'), { readonly: true });
  const rows = database.prepare('SELECT tier, sum(pieces > 0) AS count FROM chunks GROUP BY tier').all() as Array<{
    tier: number;
    count: number;
  }>;
  database.close();
  const of = (tier: number): number => rows.find((row) => row.tier === tier)?.count ?? 0;
  return { raw: of(0), '1m': of(1), '10m': of(2), '1h': of(3) };
}

test('each tier goes when its time is over, and the latest tick of a host never', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await send(server, token, generate(24, 9).map(bodyOf));
  await server.report(token, bareTick('2026-03-01T12:00:00Z', { containers: [containerBody()] }));
  await server.report(token, { recorded_at: '2026-03-01T12:00:30Z', host: { metrics: { cpu_percent: 5 } } });
  const at = async (time: string, step: string) => {
    server.clock.set(time);
    await compact(server);
    const { tier, points } = await server.operator.history(
      'web-1',
      `?from=2026-02-27T00:00:00Z&to=2026-03-01T12:00:30Z${step}`,
    );
    return { tier, points: points.length };
  };
  assert.deepEqual(await at('2026-03-01T17:00:00Z', '&step_seconds=60'), { tier: '1m', points: 1441 });
  const raw = await at('2026-03-01T18:00:00Z', '');
  assert.ok(raw.points > 2800 && raw.tier === 'raw');
  // Only the two rows that the host's state is read from.
  assert.deepEqual(await at('2026-03-04T00:00:00Z', ''), { tier: 'raw', points: 2 });
  assert.deepEqual(await at('2026-03-14T00:00:00Z', '&step_seconds=60'), { tier: '1m', points: 1441 });
  const later = await at('2026-03-30T00:00:00Z', '&step_seconds=60');
  assert.deepEqual(later.tier, '10m', 'what is kept no finer is answered as it is kept');
  assert.equal(countChunks(server.dataDir)['1m'], 0);
  assert.equal((await at('2026-06-20T00:00:00Z', '&step_seconds=600')).tier, '1h');
  assert.equal((await at('2028-02-01T00:00:00Z', '&step_seconds=3600')).points, 25);
  await at('2028-03-20T00:00:00Z', '');
  assert.deepEqual(countChunks(server.dataDir), { raw: 0, '1m': 0, '10m': 0, '1h': 0 });
  assert.deepEqual(await at('2030-01-01T00:00:00Z', ''), { tier: 'raw', points: 2 });

  await server.restart();
  const containers = await server.operator.containers('web-1');
  assert.equal(containers.find((container) => container.container_id === 'c0ffee')?.metrics.cpu_percent, 12.5);
  assert.equal((await server.operator.host('web-1')).metrics?.cpu_percent, 5);
  // It comes back after years: the two rows are settled, and go.
  server.clock.set('2030-01-02T00:00:00Z');
  await server.report(token, bareTick('2030-01-02T00:00:00Z', { containers: [containerBody()] }));
  await compact(server);
  assert.equal(countRows(server.dataDir), 1);
});

test('a tier that is switched off is not kept, and the coarser ones are made all the same', async (t) => {
  const rows: ReadonlyArray<readonly [retention: Partial<Retention>, kept: (keyof Kept)[]]> = [
    [{ raw: 0 }, ['1m', '10m', '1h']],
    [{ '1m': 0 }, ['10m', '1h']],
    [{ '1m': 0, '10m': 0 }, ['1h']],
    [{ '1h': 0 }, ['1m', '10m']],
    [{ raw: 0, '1m': 0, '10m': 0, '1h': 0 }, []],
  ];
  for (const [changed, kept] of rows) {
    const server = await FleetServer.start(t, { retention: { ...DEFAULT_RETENTION, '1m': 30 * DAY_MS, ...changed } });
    const { token } = await server.operator.addHost('web-1');
    await send(server, token, generate(30, 11).map(bodyOf));
    // After the weeks have closed, and after what was only a source is not needed any more.
    server.clock.set('2026-03-25T12:00:00Z');
    await compact(server);
    const chunks = countChunks(server.dataDir);
    const found = (['1m', '10m', '1h'] as const).filter((tier) => chunks[tier] > 0);
    assert.deepEqual(found, kept, JSON.stringify(changed));
  }
});

const PLACES = {
  instants: ['chunks', 'instants', ''],
  body: ['chunk_pieces', 'piece', 'JOIN chunks ON number = first_piece'],
} as const;

function damage(dataDir: string, tier: number, startMs: number, part: keyof typeof PLACES): void {
  const database = new Database(path.join(dataDir, 'nexus.db'));
  const [table, column, join] = PLACES[part];
  const row = database
    .prepare(
      `SELECT ${table}.rowid AS number, ${column} AS bytes FROM ${table} ${join} WHERE tier = ? AND start_ms = ?`,
    )
    .get(tier, startMs) as { number: number; bytes: Buffer };
  const { bytes } = row;
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 5) ^ 16, bytes.length - 5);
  database.prepare(`UPDATE ${table} SET ${column} = ? WHERE rowid = ?`).run(bytes, row.number);
  database.close();
}

test('a damaged chunk is reported once and left out; its time is answered from another tier, the rest as before', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await send(server, token, generate(36, 13).map(bodyOf));
  await compact(server);
  const day = '?from=2026-02-28T00:00:00Z&to=2026-03-01T09:59:59Z';
  const raw = await server.operator.history('web-1', day);
  const minutes = await server.operator.history('web-1', `${day}&step_seconds=60`);
  const six = Date.UTC(2026, 1, 28, 6);
  await server.stop();
  damage(server.dataDir, 0, six, 'body');
  damage(server.dataDir, 1, six + 4 * HOUR_MS, 'instants');
  await server.restart();

  const left = await server.operator.history('web-1', day);
  const isLost = (time: string): boolean => {
    const ms = parseInstant(time) ?? 0;
    return ms >= six && ms < six + 2 * HOUR_MS;
  };
  assert.deepEqual(
    left.points,
    raw.points.filter((point) => !isLost(point.recorded_at)),
  );
  assert.equal((await server.operator.history('web-1', `${day}&step_seconds=60`)).points.length, minutes.points.length);
  await compact(server);
  const events = (await server.operator.events()).filter((event) => event.kind === 'history_damaged');
  assert.deepEqual(
    events.map((event) => [event.host, event.data['tier'], event.data['from']]),
    [
      ['web-1', 'raw', '2026-02-28T06:00:00.000Z'],
      ['web-1', '1m', '2026-02-28T10:00:00.000Z'],
    ],
  );
  assert.equal(
    server.log.said('a chunk of history is damaged: answers leave it out, and all other history stays readable').length,
    2,
  );
  assert.deepEqual((await server.operator.history('web-1', day)).points, left.points);
  await compact(server);
  assert.equal((await server.operator.events()).filter((event) => event.kind === 'history_damaged').length, 2);
});

function oldDatabase(t: TestContext, ticks: readonly GeneratedTick[]): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'nexus-migrate-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(directory, { recursive: true });
  const connection = new Connection(path.join(directory, 'nexus.db'), 0);
  connection.pragma('journal_mode = WAL');
  migrate(connection, MIGRATIONS.slice(0, 1));
  connection.transact(() => {
    connection
      .prepare(`INSERT INTO hosts VALUES (1, 'web-1', 'online', '{}', 120, 0, NULL, NULL, NULL, NULL, NULL, NULL)`)
      .run();
    const insert = connection.prepare('INSERT INTO ticks VALUES (1, ?, ?, 1, 1, ?)');
    for (const tick of ticks)
      insert.run(tick.atMs, tick.atMs, encodeSample({ metrics: tick.metrics, containers: null }));
  });
  connection.close();
  return directory;
}

test('a database of before chunks is taken over: its history is compacted, and its file can shrink from then on', async (t) => {
  const ticks = generate(20 * 24, 17);
  const directory = oldDatabase(t, ticks);
  const server = await FleetServer.start(t, { dataDir: directory });
  const span = '?from=2026-02-01T00:00:00Z&step_seconds=3600';
  const before = await server.operator.history('web-1', span);
  assert.equal(before.tier, 'raw');
  await compact(server);
  const after = await server.operator.history('web-1', span);
  assert.equal(after.tier, '1h');
  server.clock.set('2026-03-01T12:00:00Z');
  assertSame(after, before, 'hours');
  assert.ok(countRows(directory) <= 4 * 120 + 1);
  const database = new Database(path.join(directory, 'nexus.db'), { readonly: true });
  assert.equal(database.pragma('auto_vacuum', { simple: true }), 2);
  database.close();
});

test('pages that compaction frees are given back to the disk', async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'nexus-reclaim-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const store = openStore(directory, 0);
  const sizeOf = (): number => {
    const database = new Database(path.join(directory, 'nexus.db'), { readonly: true });
    const pages = Number(database.pragma('page_count', { simple: true }));
    database.close();
    return pages;
  };
  const times = Array.from({ length: 4000 }, (_, index) => index * 1000);
  const values = store.history.seal(new SeededRandom(1).bytes(20_000));
  const put = (startMs: number): HistoryChange => {
    const chunk = { hostId: 1, tier: 'raw', startMs: startMs * 7200, times: [startMs], receivedMs: 0, values } as const;
    return { kind: 'put_chunk', chunk };
  };
  store.history.commit(times.map(put));
  const full = sizeOf();
  const removed = times.slice(0, 3900).map((startMs) => startMs * 7200);
  store.history.commit(removed.map((startMs) => ({ kind: 'remove_chunk', hostId: 1, tier: 'raw', startMs })));
  let slices = 0;
  for (; store.history.reclaim(); slices += 1) assert.ok(slices < 1000);
  assert.ok(slices > 10, 'in pieces');
  assert.ok(sizeOf() < full / 3, `${sizeOf()} of ${full} pages are left`);
  store.close();
});
