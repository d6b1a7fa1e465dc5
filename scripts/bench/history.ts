/**
 * What history costs: `npm run bench:history -- --hosts 10 --containers 20 --days 30`.
 *
 * Fills a data directory with generated telemetry (see generate-fleet.ts), time-compressed: ticks go straight into the
 * store, the compactor works as in the server, on the simulated clock. Prints bytes per stored number by tier with
 * everything included (chunks, rows, indexes, free pages), what compaction costs, how the file grows from day to day
 * and what inserting costs in the end against the beginning; then starts a real server on that directory, with more
 * hosts of which only the latest tick is known, and prints how long queries take while ticks are posted.
 *
 * With `--lab MINUTES` it stores the figures of a real agent instead: see history-lab.ts.
 *
 * Instants of ticks outlive their values, so that a tick that is sent again is still known: a line of its own.
 *
 * A stored number of the raw tier is a metric value; of a roll-up the least, greatest and mean of a gauge, or the last
 * value of a counter (how many samples there were, and what resets hid, is stored as well and not counted).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import { DEFAULT_RETENTION, type Retention } from '../../src/domain/history.ts';
import { formatInstant } from '../../src/domain/instant.ts';
import type { Log } from '../../src/domain/log.ts';
import type { Store } from '../../src/domain/store.ts';
import { NO_FACTS } from '../../src/domain/telemetry.ts';
import { TOKEN_ENTROPY_BYTES } from '../../src/domain/token.ts';
import type { Write } from '../../src/domain/writes.ts';
import { CELL_MS } from '../../src/history/tiers.ts';
import { systemRuntime } from '../../src/runtime/system-runtime.ts';
import { HistoryMaintenance } from '../../src/server/history/history-maintenance.ts';
import { TokenIdentities } from '../../src/server/identities.ts';
import { Writer } from '../../src/server/writer.ts';
import { openStore } from '../../src/sqlite/open-store.ts';
import { packTick } from '../../src/telemetry/pack-tick.ts';
import { encodeSample } from '../../src/telemetry/sample-codec.ts';
import { GeneratedHost, type GeneratedTick } from './generate-fleet.ts';
import { measureLab } from './history-lab.ts';
import { measureChunks, measureFile, measureRows } from './support/history-sizes.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const DAY_MS = 86_400_000;
/** A simulated turn: as much as one chunk of raw ticks holds. */
const TURN_MS = CELL_MS;

const { values: flags } = parseArgs({
  options: {
    hosts: { type: 'string', default: '10' },
    containers: { type: 'string', default: '20' },
    days: { type: 'string', default: '30' },
    interval: { type: 'string', default: '30' },
    /** Hosts in all while queries are measured. */
    fleet: { type: 'string', default: '1000' },
    /** Posts a second while queries are measured. */
    rate: { type: 'string', default: '500' },
    /** Retention of raw, 1m, 10m and 1h in days. */
    keep: { type: 'string' },
    /** Measures the figures of a real agent instead, of so many minutes. */
    lab: { type: 'string' },
    'skip-queries': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const HOSTS = Number(flags.hosts);
const CONTAINERS = Number(flags.containers);
const DAYS = Number(flags.days);
const INTERVAL_MS = Number(flags.interval) * 1000;

function readRetention(): Retention {
  if (flags.keep === undefined) return DEFAULT_RETENTION;
  const [raw = 0, m1 = 0, m10 = 0, h1 = 0] = flags.keep.split(',').map((days) => Number(days) * DAY_MS);
  return { raw, '1m': m1, '10m': m10, '1h': h1 };
}

const retention = readRetention();
const results: Record<string, unknown> = {};

function say(text: string): void {
  if (!flags.json) process.stdout.write(`${text}\n`);
}

function fail(): never {
  throw new Error('the store failed while it was filled');
}

const warn = (fields: Record<string, unknown>, message: string): void => {
  process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
};
const log: Log = { debug: () => {}, info: () => {}, warn, error: warn };

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

const ms = (value: number): string => `${value.toFixed(2)} ms`;
interface FilledHost {
  readonly name: string;
  readonly id: number;
  readonly token: string;
  readonly generator: GeneratedHost;
  /** The store's number of each container, by its key. */
  readonly numbers: Map<string, number>;
  next: GeneratedTick;
}

async function addHost(writer: Writer, index: number, startMs: number): Promise<FilledHost> {
  const name = `bench-${index}`;
  const nowMs = startMs;
  const token = { name: null, expiresAtMs: null, entropy: systemRuntime.randomBytes(TOKEN_ENTROPY_BYTES) };
  const { minted } = await writer.submit({
    kind: 'add_host',
    name,
    labels: {},
    offlineAfterSeconds: 604_800,
    token,
    nowMs,
  });
  const id = writer.attached().state.fleet.hostByName(name)?.stored.id ?? 0;
  const generator = new GeneratedHost(index + 1, CONTAINERS, startMs, INTERVAL_MS);
  return { name, id, token: minted?.plaintext ?? '', generator, numbers: new Map(), next: generator.next() };
}

let lastContainer = 0;

function numberOf(store: Store, host: FilledHost, key: string, kind: string, atMs: number): number {
  const known = host.numbers.get(key);
  if (known !== undefined) return known;
  const identity = {
    name: `${kind}-${key}`,
    image: `registry.example/${kind}`,
    imageTag: '1.0',
    status: 'Up 2 hours',
    state: 'running',
    healthStatus: 'healthy',
    startedAt: formatInstant(atMs),
    finishedAt: null,
    ports: [],
    labels: {},
  };
  const marks = { lastSeenAtMs: atMs, missingSinceMs: null, removedAtMs: null };
  lastContainer += 1;
  const container = { id: lastContainer, hostId: host.id, containerId: key, identity, fingerprint: key };
  void store.commit([{ kind: 'insert_container', container: { ...container, unhealthy: false, ...marks } }]);
  host.numbers.set(key, lastContainer);
  return lastContainer;
}

function encode(store: Store, host: FilledHost, tick: GeneratedTick): Uint8Array {
  const containers = tick.containers.map(({ key, kind, metrics }) => {
    return { id: numberOf(store, host, key, kind, tick.atMs), metrics };
  });
  return encodeSample({ metrics: tick.metrics, containers });
}

interface FillFigures {
  ticks: number;
  rowBytes: number;
  /** Microseconds a tick, insertion and commit, by turn. */
  readonly insertUs: number[];
  compactionMs: number;
  /** Processor time of each piece of compaction between two yields, the commit included. */
  readonly pieces: number[];
  readonly sizes: number[];
}

/** Everything of one turn for all hosts: at most so many ticks a transaction as a busy server commits at once. */
function insertTurn(store: Store, hosts: readonly FilledHost[], untilMs: number, figures: FillFigures): void {
  let spentMs = 0;
  let count = 0;
  for (const host of hosts) {
    while (host.next.atMs < untilMs) {
      const batch: Write[] = [];
      for (; host.next.atMs < untilMs && batch.length < 64; host.next = host.generator.next()) {
        const sample = encode(store, host, host.next);
        figures.rowBytes += sample.length;
        const at = { recordedAtMs: host.next.atMs, receivedAtMs: host.next.atMs };
        batch.push({ kind: 'insert_tick', hostId: host.id, ...at, tokenNumber: 1, live: true, sample });
      }
      const startedAt = cpuMs();
      void store.commit(batch);
      spentMs += cpuMs() - startedAt;
      count += batch.length;
    }
  }
  figures.ticks += count;
  if (count > 0) figures.insertUs.push((spentMs * 1000) / count);
}

/** Of this thread: what other programs do meanwhile is not compaction's cost. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function compact(maintenance: HistoryMaintenance, figures: FillFigures): void {
  let hasMore = true;
  while (hasMore) {
    let last = cpuMs();
    hasMore = maintenance.work(() => {
      const now = cpuMs();
      figures.pieces.push(now - last);
      figures.compactionMs += now - last;
      last = now;
      return false;
    });
  }
}

async function fill(
  directory: string,
  startMs: number,
  endMs: number,
): Promise<{ hosts: FilledHost[]; figures: FillFigures }> {
  let nowMs = startMs;
  const runtime = { ...systemRuntime, nowMs: () => nowMs };
  const writer = new Writer(runtime, log);
  const maintenance = new HistoryMaintenance(writer, runtime, log, retention);
  const store = openStore(directory, startMs);
  await writer.attach(store, fail);
  const hosts: FilledHost[] = [];
  for (let index = 0; index < HOSTS; index += 1) hosts.push(await addHost(writer, index, startMs));
  const figures: FillFigures = {
    ticks: 0,
    rowBytes: 0,
    insertUs: [],
    compactionMs: 0,
    pieces: [],
    sizes: [],
  };
  let dayEndsMs = startMs + DAY_MS;
  for (let turnMs = startMs; turnMs < endMs; turnMs += TURN_MS) {
    const untilMs = Math.min(turnMs + TURN_MS, endMs);
    insertTurn(store, hosts, untilMs, figures);
    nowMs = untilMs;
    compact(maintenance, figures);
    if (untilMs >= dayEndsMs || untilMs === endMs) {
      dayEndsMs += DAY_MS;
      figures.sizes.push(statSync(path.join(directory, 'nexus.db')).size);
      if (process.stderr.isTTY) process.stderr.write(`\rday ${figures.sizes.length} of ${DAYS} `);
    }
  }
  await writer.close();
  return { hosts, figures };
}

function reportFill(figures: FillFigures): void {
  const perTickUs = (figures.compactionMs * 1000) / figures.ticks;
  const edge = Math.max(1, Math.min(12, Math.floor(figures.insertUs.length / 4)));
  const first = percentile(figures.insertUs.slice(1, 1 + edge), 0.5);
  const last = percentile(figures.insertUs.slice(-edge), 0.5);
  say(
    `stored ${figures.ticks} ticks of ${HOSTS} hosts × ${CONTAINERS} containers over ${DAYS} days, every ${INTERVAL_MS / 1000} s`,
  );
  say(
    `compaction: ${perTickUs.toFixed(1)} µs of processor a tick, all tiers and commits included; of ${figures.pieces.length} pieces`,
  );
  say(
    `  p50 ${ms(percentile(figures.pieces, 0.5))}, p99 ${ms(percentile(figures.pieces, 0.99))}, p99.9 ${ms(percentile(figures.pieces, 0.999))}, longest ${ms(figures.pieces.reduce((most, piece) => Math.max(most, piece), 0))}`,
  );
  say(
    `inserting: ${first.toFixed(1)} µs of processor a tick in the first turns, ${last.toFixed(1)} µs in the last (× ${(last / first).toFixed(2)})`,
  );
  const sizes = figures.sizes.map((size) => (size / 1e6).toFixed(1));
  say(`file size by day, MB: ${sizes.join(' ')}`);
  Object.assign(results, {
    ticks: figures.ticks,
    compaction_us_per_tick: perTickUs,
    compaction_piece_p99_ms: percentile(figures.pieces, 0.99),
    insert_us_first: first,
    insert_us_last: last,
    insert_ratio: last / first,
    size_by_day_mb: sizes.map(Number),
  });
}

/** Hosts of which the server knows only the latest tick. */
async function addSilentHosts(directory: string, count: number, nowMs: number): Promise<FilledHost[]> {
  const writer = new Writer({ ...systemRuntime, nowMs: () => nowMs }, log);
  const identities = new TokenIdentities(writer);
  await writer.attach(openStore(directory, nowMs), fail);
  const hosts: FilledHost[] = [];
  for (let index = 0; index < count; index += 1) {
    const host = await addHost(writer, 100_000 + index, nowMs - INTERVAL_MS);
    hosts.push(host);
    const { fleet } = writer.attached().state;
    const identity = identities.identify(host.token, nowMs);
    if (identity?.kind !== 'agent' || fleet.hostCount === 0) fail();
    const said = {
      recordedAtMs: nowMs - INTERVAL_MS,
      facts: NO_FACTS,
      agent: null,
      metrics: host.next.metrics,
      containers: null,
    };
    const tick = packTick(said, (text) => text);
    await writer.submit({ kind: 'report_tick', identity, tick, nowMs });
  }
  await writer.close();
  return hosts;
}

async function startServer(directory: string): Promise<{ child: ChildProcess; url: string }> {
  const args = ['bin/nexus.ts', 'serve', '--data', directory, '--listen', '127.0.0.1:0', '--agent-rate-limit', '0'];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { NEXUS_LOG_LEVEL: 'warn' },
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`nexus serve ended with ${code}`)));
    if (child.stdout === null) return;
    createInterface(child.stdout).once('line', (line) => resolve(line.replace('nexus listening on ', '')));
  });
  return { child, url };
}

function bodyOf(host: FilledHost, atMs: number): string {
  const tick = host.next;
  host.next = host.generator.next();
  const containers = tick.containers.map(({ key, kind, metrics }) => {
    return {
      container_id: key,
      name: `${kind}-${key}`,
      image: `registry.example/${kind}`,
      image_tag: '1.0',
      state: 'running',
      metrics,
    };
  });
  return JSON.stringify({ recorded_at: formatInstant(atMs), host: { metrics: tick.metrics }, containers });
}

/** Posts at a fixed rate, each host in turn; the latency of each post is kept. */
function startPosting(
  url: string,
  hosts: readonly FilledHost[],
  rate: number,
): { stop(): Promise<number[]>; mark(): number[] } {
  const agent = new Agent({ connections: 32 });
  const latencies: number[] = [];
  let marked = 0;
  let turn = 0;
  let open = 0;
  let failed = 0;
  const startedAt = performance.now();
  const post = async (): Promise<void> => {
    const host = hosts[turn % hosts.length];
    turn += 1;
    if (host === undefined) return;
    open += 1;
    const body = bodyOf(host, Date.now());
    const postedAt = performance.now();
    const headers = { authorization: `Bearer ${host.token}`, 'content-type': 'application/json' };
    const answer = await request(`${url}/agent/telemetry`, { method: 'POST', headers, body, dispatcher: agent });
    await answer.body.dump();
    latencies.push(performance.now() - postedAt);
    if (answer.statusCode !== 204) failed += 1;
    open -= 1;
  };
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1000) * rate;
    while (turn < due && open < 200) {
      post().catch((error: unknown) => {
        open -= 1;
        failed += 1;
        process.stderr.write(`a post failed: ${String(error)}\n`);
      });
    }
  }, 4);
  return {
    mark() {
      const since = latencies.slice(marked);
      marked = latencies.length;
      return since;
    },
    async stop() {
      clearInterval(timer);
      for (let waits = 0; open > 0 && waits < 100; waits += 1) await new Promise((resolve) => setTimeout(resolve, 20));
      await agent.close();
      if (failed > 0) say(`${failed} posts were not taken`);
      return latencies;
    },
  };
}

/** Queries of each kind that are not counted. */
const WARM_UP = 30;

async function timeQueries(agent: Agent, what: string, paths: readonly string[], limitMs: number): Promise<void> {
  const took: number[] = [];
  let answered = '';
  // The first ones compile, of a server that runs for months.
  for (const one of [...paths.slice(0, WARM_UP), ...paths]) {
    const startedAt = performance.now();
    const answer = await request(`http://localhost${one}`, { dispatcher: agent });
    const text = await answer.body.text();
    took.push(performance.now() - startedAt);
    if (answer.statusCode !== 200) throw new Error(`${one} answered ${answer.statusCode}: ${text}`);
    const body = JSON.parse(text) as { tier?: string; points?: unknown[]; hosts?: unknown[] };
    answered =
      body.points === undefined ? `${body.hosts?.length} hosts` : `${body.points.length} points, tier ${body.tier}`;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  took.splice(0, WARM_UP);
  const p50 = percentile(took, 0.5);
  results[`query_${what.replaceAll(/[^a-z0-9]+/gi, '_')}_p50_ms`] = p50;
  say(
    `${what.padEnd(42)} p50 ${ms(p50)}  p99 ${ms(percentile(took, 0.99))}  (to reach: p50 ${limitMs} ms; ${answered})`,
  );
}

/** Of the containers that run, the one that has run for the longest time. */
function longestRunning(host: FilledHost): string {
  const numberOf = (key: string): number => host.numbers.get(key) ?? Number.POSITIVE_INFINITY;
  const keys = host.next.containers.map((container) => container.key);
  return keys.reduce((oldest, key) => (numberOf(key) < numberOf(oldest) ? key : oldest));
}

async function measureQueries(
  directory: string,
  filled: readonly FilledHost[],
  fleet: number,
  rate: number,
): Promise<void> {
  const nowMs = Date.now();
  const silent = await addSilentHosts(directory, Math.max(0, fleet - filled.length), nowMs);
  const { child, url } = await startServer(directory);
  const local = new Agent({ connect: { socketPath: path.join(directory, 'nexus.sock') } });
  try {
    const posting = startPosting(url, [...silent, ...filled], rate);
    // The first seconds compile; the first second of the server's life is before compaction begins.
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    posting.mark();
    const to = Date.now();
    const day = `from=${formatInstant(to - DAY_MS)}&step_seconds=60`;
    const month = `from=${formatInstant(to - 30 * DAY_MS)}&step_seconds=3600`;
    const turn = <T>(items: readonly T[], index: number): T => items[index % items.length] as T;
    const paths = (of: (host: FilledHost) => string) =>
      Array.from({ length: 100 }, (_, index) => of(turn(filled, index)));
    const running = filled.map((host) => longestRunning(host));
    const path24h = (index: number): string => {
      const host = turn(filled, index);
      return `/v1/hosts/${host.name}/containers/${turn(running, index)}/metrics?${day}`;
    };
    say(`\nqueries, while ${rate} posts a second of ${CONTAINERS} containers are taken:`);
    await timeQueries(
      local,
      "a container's last 24 h at 1 min",
      Array.from({ length: 100 }, (_, index) => path24h(index)),
      10,
    );
    await timeQueries(
      local,
      "a host's last 24 h at 1 min",
      paths((host) => `/v1/hosts/${host.name}/metrics?${day}`),
      10,
    );
    await timeQueries(
      local,
      "a host's 30 days at 1 h",
      paths((host) => `/v1/hosts/${host.name}/metrics?${month}`),
      20,
    );
    await timeQueries(
      local,
      `overview of ${fleet} hosts`,
      Array.from({ length: 100 }, () => '/v1/hosts?limit=10000'),
      30,
    );
    const under = posting.mark();
    say(`posts meanwhile: p50 ${ms(percentile(under, 0.5))}, p99 ${ms(percentile(under, 0.99))} of ${under.length}`);
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    const alone = posting.mark();
    say(`posts alone:     p50 ${ms(percentile(alone, 0.5))}, p99 ${ms(percentile(alone, 0.99))} of ${alone.length}`);
    // A backlog of a day, so that the compactor is at work all the time.
    await backFillForCompaction(url, filled);
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    posting.mark();
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    const compacting = posting.mark();
    say(
      `posts while the compactor works: p50 ${ms(percentile(compacting, 0.5))}, p99 ${ms(percentile(compacting, 0.99))} of ${compacting.length}`,
    );
    Object.assign(results, {
      post_p99_alone_ms: percentile(alone, 0.99),
      post_p99_compacting_ms: percentile(compacting, 0.99),
      post_p99_under_queries_ms: percentile(under, 0.99),
    });
    await posting.stop();
  } finally {
    await local.close();
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
  }
}

/** Ticks between the stored ones, so that every span of the last days is compacted once more. */
async function backFillForCompaction(url: string, hosts: readonly FilledHost[]): Promise<void> {
  const agent = new Agent({ connections: 4 });
  for (const host of hosts) {
    const ticks = Array.from(
      { length: 80 },
      (_, index) => JSON.parse(bodyOf(host, Date.now() - DAY_MS * 6 + index * 6_100_000 + 1)) as unknown,
    );
    const headers = { authorization: `Bearer ${host.token}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ ticks });
    const answer = await request(`${url}/agent/telemetry/batch`, { method: 'POST', headers, body, dispatcher: agent });
    if (answer.statusCode !== 204)
      process.stderr.write(`back-filling answered ${answer.statusCode}: ${await answer.body.text()}\n`);
    else await answer.body.dump();
  }
  await agent.close();
}

async function measureGenerated(): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'nexus-bench-history-'));
  try {
    const endMs = Date.now();
    const startMs = endMs - DAYS * DAY_MS;
    say(`node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, ${directory}`);
    const { hosts, figures } = await fill(directory, startMs, endMs);
    reportFill(figures);
    say('');
    for (const measure of [measureChunks, measureRows, measureFile]) {
      Object.assign(results, measure(directory, endMs, say));
    }
    if (!flags['skip-queries']) await measureQueries(directory, hosts, Number(flags.fleet), Number(flags.rate));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (flags.lab === undefined) await measureGenerated();
else Object.assign(results, await measureLab(Number(flags.lab), CONTAINERS, say));
if (flags.json) process.stdout.write(`${JSON.stringify(results)}\n`);
