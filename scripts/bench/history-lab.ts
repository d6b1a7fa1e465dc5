/**
 * `npm run bench:history -- --lab 5`: what the figures of real agents take. A Docker Engine of its own runs containers
 * that do varied work, the agent of these sources reports them every second, a real server takes that for as many
 * minutes; then the compactor ages it with its clock moved on. Root on Linux.
 *
 * Measured twice: as the ticks came, and spread to one in 30 s, as agents report by default, with counters that grow
 * at the same rate (thirty times as much a tick). Minutes make few points of the coarser tiers: see the points.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { Retention } from '../../src/domain/history.ts';
import type { Log } from '../../src/domain/log.ts';
import type { StoredHost, StoredTick } from '../../src/domain/records.ts';
import { COUNTER_METRICS, NO_FACTS } from '../../src/domain/telemetry.ts';
import { systemRuntime } from '../../src/runtime/system-runtime.ts';
import { HistoryMaintenance } from '../../src/server/history/history-maintenance.ts';
import { Writer } from '../../src/server/writer.ts';
import { openStore } from '../../src/sqlite/open-store.ts';
import { decodeSample, encodeSample } from '../../src/telemetry/sample-codec.ts';
import {
  BUSYBOX_IMAGE,
  type Engine as DockerEngine,
  importBusybox,
  skipWithoutLab,
  startEngine,
} from '../lab/engine.ts';
import { ChildServer } from './support/child-server.ts';
import { measureChunks, measureFile, measureRows } from './support/history-sizes.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const PROGRAM = path.join(ROOT, 'bin', 'nexus.ts');
const DEFAULT_INTERVAL_SECONDS = 30;
const DAY_MS = 86_400_000;
/** Later than any span's end and the wait for late ticks. */
const AGED_MS = 20 * DAY_MS;
const KEEP_ALL: Retention = { raw: 730 * DAY_MS, '1m': 730 * DAY_MS, '10m': 730 * DAY_MS, '1h': 730 * DAY_MS };

const NETWORK = 'bench';

/** Shell programs; `turn` differs among containers of the same work. */
const WORK: ReadonlyArray<readonly [name: string, program: (turn: number) => string]> = [
  ['idle', () => 'exec sleep 100000'],
  [
    'bursts',
    (turn) =>
      `while :; do n=0; while [ $n -lt ${20_000 * (turn + 1)} ]; do n=$((n+1)); done; sleep 0.${3 + turn}; done`,
  ],
  [
    'writer',
    (turn) =>
      `while :; do dd if=/dev/urandom of=/tmp/data bs=${16 + 48 * turn}k count=4 conv=fsync 2>/dev/null; sleep 1; done`,
  ],
  [
    'grows',
    (turn) =>
      `while :; do head -c ${200_000 * (turn + 1)} /dev/urandom >> /dev/shm/grown; [ $(wc -c < /dev/shm/grown) -gt 40000000 ] && : > /dev/shm/grown; sleep 1; done`,
  ],
  ['web', (turn) => `mkdir /www; head -c ${30_000 * (turn + 1)} /dev/urandom > /www/page; exec httpd -f -p 80 -h /www`],
  [
    'fetcher',
    (turn) =>
      `while :; do n=0; while [ $n -lt $((RANDOM % 7)) ]; do wget -q -O /dev/null http://web-${turn}/page; n=$((n+1)); done; sleep 0.5; done`,
  ],
  ['ends', (turn) => `sleep ${40 + 25 * turn}; exit 1`],
];

async function runWork(engine: DockerEngine, count: number): Promise<void> {
  await importBusybox(engine);
  await engine.docker(['network', 'create', NETWORK]);
  for (let index = 0; index < count; index += 1) {
    const [name, program] = WORK[index % WORK.length] ?? ['idle', () => 'exec sleep 100000'];
    const turn = Math.floor(index / WORK.length);
    const options = ['--detach', '--name', `${name}-${turn}`, '--network', NETWORK, '--restart', 'always'];
    if (turn % 2 === 0) options.push('--memory', '256m');
    await engine.docker(['run', ...options, BUSYBOX_IMAGE, 'sh', '-c', program(turn)]);
  }
}

/** Through the operators' socket; returns the host's token. */
async function addHost(dataDir: string): Promise<string> {
  const dispatcher = new Agent({ connect: { socketPath: path.join(dataDir, 'nexus.sock') } });
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ name: 'lab', token: true });
  const answer = await request('http://localhost/v1/hosts', { method: 'POST', headers, body, dispatcher });
  const { token } = (await answer.body.json()) as { token?: { token: string } };
  await dispatcher.close();
  if (token === undefined) throw new Error(`adding a host was answered with ${answer.statusCode}`);
  return token.token;
}

/** Runs containers, agent and server for so many minutes; the server's directory holds the ticks afterwards. */
async function collect(folder: string, minutes: number, containers: number): Promise<string> {
  const dataDir = path.join(folder, 'data');
  const engine = await startEngine();
  let agent: ChildProcess | undefined;
  let server: ChildServer | undefined;
  try {
    await runWork(engine, containers);
    // The server compacts nothing within its first two hours, so the ticks are found as they came.
    const serve = [PROGRAM, 'serve', '--data', dataDir, '--listen', '127.0.0.1:0', '--agent-rate-limit', '0'];
    server = await ChildServer.start(process.execPath, serve, path.join(folder, 'server.log'));
    const report = [PROGRAM, 'agent', '--interval-seconds', '1', '--docker-host', engine.dockerHost];
    const settings = {
      NEXUS_URL: server.url,
      NEXUS_AGENT_TOKEN: await addHost(dataDir),
      NEXUS_AGENT_STATE_DIR: path.join(folder, 'agent'),
    };
    const env = { ...process.env, ...settings };
    agent = spawn(process.execPath, report, { env, stdio: ['ignore', 'ignore', 'inherit'] });
    await sleep(minutes * 60_000);
    return dataDir;
  } finally {
    if (agent !== undefined && agent.exitCode === null) {
      agent.kill('SIGTERM');
      await once(agent, 'exit');
    }
    await server?.stop();
    await engine.stop();
  }
}

function readTicks(dataDir: string): StoredTick[] {
  const store = openStore(dataDir, Date.now());
  const ticks = store
    .hosts()
    .flatMap((host) => [...store.history.ticks.rows(host.id, 0, Number.MAX_SAFE_INTEGER, 'values')]);
  store.close();
  return ticks;
}

function scaleCounters<M extends Readonly<Record<string, number | null>>>(metrics: M, factor: number): M {
  const scaled = Object.entries(metrics).map(([name, value]) => {
    return [name, value !== null && COUNTER_METRICS.has(name) ? value * factor : value] as const;
  });
  return Object.fromEntries(scaled) as M;
}

/** The same ticks `factor` times as far apart, ending where they ended, their counters growing at the same rate. */
function spread(ticks: readonly StoredTick[], factor: number): StoredTick[] {
  const endMs = ticks.at(-1)?.recordedAtMs ?? 0;
  return ticks.map((tick) => {
    const { metrics, containers } = decodeSample(tick.sample);
    const sample = encodeSample({
      metrics: scaleCounters(metrics, factor),
      containers: containers?.map((one) => ({ ...one, metrics: scaleCounters(one.metrics, factor) })) ?? null,
    });
    const atMs = endMs - (endMs - tick.recordedAtMs) * factor;
    return { ...tick, recordedAtMs: atMs, receivedAtMs: atMs, sample };
  });
}

function fail(): never {
  throw new Error('the store failed');
}

async function compactAll(dataDir: string, atMs: number): Promise<void> {
  const warn: Log['warn'] = (fields, message) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
  const log: Log = { debug: () => {}, info: () => {}, warn, error: warn };
  const runtime = { ...systemRuntime, nowMs: () => atMs };
  const writer = new Writer(runtime, log);
  const maintenance = new HistoryMaintenance(writer, runtime, log, KEEP_ALL);
  await writer.attach(openStore(dataDir, atMs), fail);
  while (maintenance.work(() => false));
  await writer.close();
}

/** What the ticks take in a store that the compactor has worked on; the host's latest one stays a row. */
async function measureAged(
  directory: string,
  ticks: readonly StoredTick[],
  say: (text: string) => void,
): Promise<Record<string, number>> {
  const endMs = (ticks.at(-1)?.recordedAtMs ?? 0) + AGED_MS;
  const store = openStore(directory, endMs);
  await store.commit([
    { kind: 'insert_host', host: labHost(endMs) },
    ...ticks.map((tick) => ({ kind: 'insert_tick', ...tick, hostId: 1 }) as const),
  ]);
  store.close();
  const rows = measureRows(directory, endMs, say);
  await compactAll(directory, endMs);
  return { ...rows, ...measureChunks(directory, endMs, say), ...measureFile(directory, endMs, say) };
}

function labHost(nowMs: number): StoredHost {
  return {
    id: 1,
    name: 'lab',
    status: 'online',
    labels: {},
    offlineAfterSeconds: 604_800,
    createdAtMs: nowMs,
    archivedAtMs: null,
    facts: NO_FACTS,
    agent: null,
  };
}

/** Prints and returns the figures. Throws where there is no Docker Engine to measure on. */
export async function measureLab(
  minutes: number,
  containers: number,
  say: (text: string) => void,
): Promise<Record<string, unknown>> {
  const unavailable = await skipWithoutLab();
  if (unavailable !== false) throw new Error(`there is no Docker Engine to measure on: ${unavailable}`);
  const folder = mkdtempSync(path.join(tmpdir(), 'nexus-bench-lab-'));
  try {
    const ticks = readTicks(await collect(folder, minutes, containers));
    say(`${ticks.length} ticks of a real agent beside a Docker Engine with ${containers} containers, one a second`);
    const asTheyCame = await measureAged(path.join(folder, 'aged'), ticks, say);
    say(`\nthe same, one in ${DEFAULT_INTERVAL_SECONDS} s:`);
    const spreadOut = await measureAged(path.join(folder, 'spread'), spread(ticks, DEFAULT_INTERVAL_SECONDS), say);
    return { ticks: ticks.length, every_second: asTheyCame, every_30_seconds: spreadOut };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
