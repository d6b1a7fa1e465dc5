/** What was acknowledged survives the process: killed at any moment, or asked to end under load. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import type { NexusClient } from '../../src/client/nexus-client.ts';
import { chooseSeed, SeededRandom } from '../domain/seeded-random.ts';
import { unlessHung, waitUntil } from '../runtime/wait-until.ts';
import { afterwards } from './support/afterwards.ts';
import { HostLedger } from './support/host-ledger.ts';
import { launchServer, NexusServer, scratchDirectory } from './support/nexus-server.ts';
import { OperatorTraffic } from './support/operator-traffic.ts';
import { countAcknowledged, SimulatedAgent } from './support/simulated-agent.ts';

const AGENTS = 8;
const FULL_CHECK_EVERY = 10;
/** Long enough that several commits are under way, short enough that a hundred cycles are a matter of minutes. */
const LOAD_MS = { min: 30, max: 450 };

function readCycles(): number {
  const text = process.env['NEXUS_KILL_CYCLES'] ?? (process.env['CI'] === undefined ? '10' : '100');
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new Error(`NEXUS_KILL_CYCLES is '${text}': give a whole number from 1`);
  return Number(text);
}

async function addAgents(operator: NexusClient, count: number, random: SeededRandom): Promise<SimulatedAgent[]> {
  const agents: SimulatedAgent[] = [];
  for (let number = 1; number <= count; number += 1) {
    const { host, token } = await operator.createHost({ name: `host-${number}`, token: true });
    assert.ok(token !== undefined, 'a token was asked for');
    agents.push(new SimulatedAgent(new HostLedger(host.name, token.token), new SeededRandom(random.between(0, 1e9))));
  }
  return agents;
}

/** Checks a copy, so that recovery after the crash stays the server's own work. */
function checkIntegrity(test: TestContext, dataDir: string): void {
  const copyDir = path.join(scratchDirectory(test), 'copy');
  mkdirSync(copyDir);
  for (const name of ['nexus.db', 'nexus.db-wal']) {
    if (existsSync(path.join(dataDir, name))) cpSync(path.join(dataDir, name), path.join(copyDir, name));
  }
  const database = new Database(path.join(copyDir, 'nexus.db'));
  try {
    assert.deepEqual(database.pragma('integrity_check'), [{ integrity_check: 'ok' }]);
    assert.deepEqual(database.pragma('foreign_key_check'), []);
  } finally {
    database.close();
  }
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN);
}

test('nothing acknowledged is lost or doubled when the server is killed at random moments under load', async (t) => {
  const cycles = readCycles();
  const seed = chooseSeed();
  t.diagnostic(`NEXUS_SEED=${seed}, ${cycles} cycles`);
  const random = new SeededRandom(seed);
  const dataDir = path.join(scratchDirectory(t), 'data');
  const operators = new OperatorTraffic(new SeededRandom(random.between(0, 1e9)));
  const readyMs: number[] = [];
  const startedAtMs = performance.now();
  let agents: SimulatedAgent[] = [];
  let requests = 0;

  for (let cycle = 1; cycle <= cycles; cycle += 1) {
    const server = await NexusServer.start(t, { dataDir });
    readyMs.push(await server.waitUntilReady());
    const operator = server.operator(t);
    if (cycle === 1) agents = await addAgents(operator, AGENTS, random);
    await verify(operator, server.url, cycle % FULL_CHECK_EVERY === 0);

    const stop = new AbortController();
    const traffic = Promise.all([
      operators.run(operator, stop.signal),
      ...agents.map(async (agent) => {
        const acknowledged = await agent.run(server.url, stop.signal);
        requests += acknowledged;
      }),
    ]);
    await Promise.all([
      sleep(random.between(LOAD_MS.min, LOAD_MS.max)),
      waitUntil('posts to be acknowledged', () => countAcknowledged(agents) >= cycle * AGENTS),
    ]);
    // The signal comes first: the agents find out by themselves, each in the middle of whatever it was doing.
    const killed = server.kill();
    stop.abort();
    await unlessHung('the agents to notice', Promise.all([killed, traffic]));
    await operator.close();
    assert.deepEqual(
      server.log().filter((line) => line.level === 'error' || line.level === 'fatal'),
      [],
    );
    if (cycle % FULL_CHECK_EVERY === 0) checkIntegrity(t, dataDir);
  }

  const server = await NexusServer.start(t, { dataDir });
  readyMs.push(await server.waitUntilReady());
  await verify(server.operator(t), server.url, true);
  assert.deepEqual(await exitOf(server), { code: 0, signal: null });
  checkIntegrity(t, dataDir);

  const seconds = Math.round((performance.now() - startedAtMs) / 1000);
  t.diagnostic(
    `ready after p50 ${percentile(readyMs, 0.5)} ms, p95 ${percentile(readyMs, 0.95)} ms, max ${percentile(readyMs, 1)} ms; ` +
      `${countAcknowledged(agents)} ticks in ${requests} requests acknowledged, ${operators.hostCount} hosts added, ${seconds} s`,
  );

  async function verify(operator: NexusClient, url: string, everything: boolean): Promise<void> {
    for (const { ledger } of agents) await (everything ? ledger.verifyAll(operator) : ledger.verifyFresh(operator));
    await operators.verify(operator, url, everything);
  }
});

async function exitOf(server: NexusServer): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  const { code, signal } = await server.stop();
  return { code, signal };
}

test('a server killed at any moment of its first start comes up the next time', async (t) => {
  const seed = chooseSeed();
  t.diagnostic(`NEXUS_SEED=${seed}`);
  const random = new SeededRandom(seed);
  for (let round = 1; round <= 8; round += 1) {
    const dataDir = path.join(scratchDirectory(t), 'data');
    const launch = launchServer(t, { dataDir });
    // Until the directory appears the process only loads its program; what follows is over within milliseconds.
    await waitUntil('the data directory to appear', () => existsSync(dataDir));
    await sleep(random.between(0, 30));
    launch.child.kill('SIGKILL');
    await launch.exited;

    const server = await NexusServer.start(t, { dataDir });
    await server.waitUntilReady();
    const operator = server.operator(t);
    await operator.createHost({ name: 'web-1' });
    await operator.close();
    assert.deepEqual(await exitOf(server), { code: 0, signal: null });
    checkIntegrity(t, dataDir);
  }
});

test('SIGTERM under load finishes what was taken: the history is exactly what got its 204', async (t) => {
  const seed = chooseSeed();
  t.diagnostic(`NEXUS_SEED=${seed}`);
  const random = new SeededRandom(seed);
  const dataDir = path.join(scratchDirectory(t), 'data');
  const server = await NexusServer.start(t, { dataDir });
  const agents = await addAgents(server.operator(t), AGENTS, random);
  const stop = new AbortController();
  const traffic = Promise.all(agents.map((agent) => agent.run(server.url, stop.signal)));
  await waitUntil('every agent to be under way', () => agents.every(({ ledger }) => ledger.acknowledgedCount > 20));
  const { code, signal, tookMs } = await server.stop();
  stop.abort();
  await unlessHung('the agents to notice', traffic);
  assert.deepEqual({ code, signal }, { code: 0, signal: null });
  t.diagnostic(`ended ${Math.round(tookMs)} ms after SIGTERM`);
  assert.equal(existsSync(path.join(dataDir, 'nexus.db-wal')), false, 'the log is folded into the database');

  const restarted = await NexusServer.start(t, { dataDir });
  await restarted.waitUntilReady();
  const operator = restarted.operator(t);
  for (const { ledger } of agents) {
    // A request that was taken was answered, so one without an answer has left no trace.
    for (const tick of ledger.unsettled()) tick.doubtful = false;
    await ledger.verifyAll(operator);
  }
  assert.deepEqual(await exitOf(restarted), { code: 0, signal: null });
  checkIntegrity(t, dataDir);
});

test('a client that stalls in the middle of a request cannot hold up the end for long', async (t) => {
  const server = await NexusServer.start(t, { dataDir: path.join(scratchDirectory(t), 'data') });
  await server.waitUntilReady();
  const { hostname, port } = new URL(server.url);
  const stalled = connect(Number(port), hostname);
  afterwards(t, () => stalled.destroy());
  await unlessHung('the connection', once(stalled, 'connect'));
  const ended = once(stalled, 'close');
  stalled.on('error', () => {});
  stalled.write('POST /agent/telemetry HTTP/1.1\r\nhost: nexus\r\ncontent-le');
  // Another request that is answered on its own connection shows that the server has read what came before it.
  assert.equal(await server.isAlive(), true);
  let received = '';
  stalled.setEncoding('utf8').on('data', (text: string) => {
    received += text;
  });
  const { code, tookMs } = await server.stop();
  assert.equal(code, 0);
  await unlessHung('the stalled connection to be cut', ended);
  // A server that lets it be answers 408 in the end; by then `docker stop` would have sent SIGKILL.
  assert.equal(received, '', 'it is cut, not waited for');
  t.diagnostic(`ended ${Math.round(tookMs)} ms after SIGTERM`);
});
