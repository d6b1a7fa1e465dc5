/** A 204 leaves only after the disk has the data: seen in the system calls, and on the disk when the power goes. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'undici';
import { chooseSeed, SeededRandom } from '../domain/seeded-random.ts';
import { skipWithoutTool } from '../optional-tool.ts';
import { unlessHung, waitUntil } from '../runtime/wait-until.ts';
import { HostLedger } from './support/host-ledger.ts';
import { NexusServer, scratchDirectory } from './support/nexus-server.ts';
import { countAcknowledged, SimulatedAgent } from './support/simulated-agent.ts';
import { SmallDisk, skipWithoutSmallDisks } from './support/small-disk.ts';
import { failingSyncs, isTraceComplete, readSystemCalls, type SystemCall, straceInto } from './support/system-calls.ts';

const AGENTS = 6;
const TICKS_EACH = 15;
const POWER_CUTS = 4;
/** At the least, before each. */
const POSTS_A_CUT = 25;
const DISK_MB = 48;
/** Of the calls of the writing thread: the first ones are those of a start. */
const FIRST_FAILING_SYNC = 30;
const FAILING_SYNCS = 3;

async function addAgents(
  server: NexusServer,
  operator: ReturnType<NexusServer['operator']>,
  prefix: string,
  seed: number,
) {
  return await Promise.all(
    Array.from({ length: AGENTS }, async (_, number) => {
      const { host, token } = await operator.createHost({ name: `${prefix}-${number}`, token: true });
      assert.ok(token !== undefined, `${server.url} was asked for a token`);
      return new SimulatedAgent(new HostLedger(host.name, token.token), new SeededRandom(seed + number));
    }),
  );
}

/**
 * Follows the calls as the kernel saw them: what is read from a socket is owed to the disk until the write-ahead log has
 * been synced after it. Returns how many 204 were checked.
 */
function requireSyncBeforeAnswers(calls: readonly SystemCall[]): number {
  const owed = new Set<number>();
  let isLogSynced = true;
  let answers = 0;
  for (const call of calls) {
    const isLog = call.target.endsWith('nexus.db-wal');
    if (call.name === 'read' && call.target.startsWith('socket:') && call.result > 0) owed.add(call.descriptor);
    if (call.name === 'pwrite64' && isLog) isLogSynced = false;
    if ((call.name === 'fsync' || call.name === 'fdatasync') && isLog && call.result === 0) {
      isLogSynced = true;
      owed.clear();
    }
    if (!call.shown.includes('HTTP/1.1 204')) continue;
    answers += 1;
    assert.ok(isLogSynced, 'a 204 left while the write-ahead log was not synced');
    assert.ok(!owed.has(call.descriptor), 'a 204 left without a sync since its request was read');
  }
  return answers;
}

test('between the reading of a post and the writing of its 204 the log is synced', {
  skip: skipWithoutTool('strace'),
}, async (t) => {
  const trace = path.join(scratchDirectory(t), 'trace');
  const dataDir = path.join(scratchDirectory(t), 'data');
  const server = await NexusServer.start(t, { dataDir, under: straceInto(trace) });
  await server.waitUntilReady();
  const operator = server.operator(t);
  const agents = await addAgents(server, operator, 'host', 1);
  // All at once, so that group commit has groups; new ticks only, for a repeated one has nothing left to sync.
  await Promise.all(
    agents.map(async (agent, number) => {
      const client = new Client(server.url);
      for (let count = 0; count < TICKS_EACH; count += 1) {
        assert.equal(await agent.send(client, [agent.ledger.nextTick(number)]), 'acknowledged');
      }
      assert.equal(await agent.send(client, [agent.ledger.nextBackFill(1)], true), 'acknowledged');
      await client.destroy();
    }),
  );
  await operator.close();
  const { code } = await server.stop();
  assert.equal(code, 0);
  await waitUntil('the trace to be complete', () => isTraceComplete(trace, server.pid));

  const calls = readSystemCalls(trace, server.pid);
  assert.equal(requireSyncBeforeAnswers(calls), AGENTS * (TICKS_EACH + 1));
  const syncs = calls.filter((call) => call.target.endsWith('nexus.db-wal') && call.name.endsWith('sync')).length;
  t.diagnostic(`${AGENTS * (TICKS_EACH + 1)} answers, ${syncs} syncs of the log`);
});

test('the check of the system calls finds an answer that leaves too early', () => {
  const socket = { target: 'socket:[1]', descriptor: 30, result: 1 };
  const log = { target: '/data/nexus.db-wal', descriptor: 27, shown: '' };
  const request: SystemCall = { ...socket, name: 'read', shown: ', "POST /agent/telemetry HTTP/1.1' };
  const answer: SystemCall = { ...socket, name: 'write', shown: ', "HTTP/1.1 204 No Content' };
  const write: SystemCall = { ...log, name: 'pwrite64', result: 24 };
  const sync: SystemCall = { ...log, name: 'fsync', result: 0 };
  assert.equal(requireSyncBeforeAnswers([request, write, sync, answer]), 1);
  assert.throws(() => requireSyncBeforeAnswers([request, answer]), /without a sync/);
  assert.throws(() => requireSyncBeforeAnswers([write, sync, request, answer]), /without a sync/);
  assert.throws(() => requireSyncBeforeAnswers([request, sync, write, answer]), /not synced/);
  assert.throws(() => requireSyncBeforeAnswers([request, write, { ...sync, result: -1 }, answer]), /not synced/);
});

test('a sync of the log that fails is answered 503, and the server goes on by itself', {
  skip: skipWithoutTool('strace'),
}, async (t) => {
  const dataDir = path.join(scratchDirectory(t), 'data');
  const server = await NexusServer.start(t, { dataDir, under: failingSyncs(FIRST_FAILING_SYNC, FAILING_SYNCS) });
  await server.waitUntilReady();
  const operator = server.operator(t);
  const { host, token } = await operator.createHost({ name: 'web-1', token: true });
  assert.ok(token !== undefined, 'a token was asked for');
  const agent = new SimulatedAgent(new HostLedger(host.name, token.token), new SeededRandom(1));
  const client = new Client(server.url);
  let refused = 0;
  for (let count = 0; count < FIRST_FAILING_SYNC + FAILING_SYNCS; count += 1) {
    const tick = agent.ledger.nextTick(2);
    while ((await agent.send(client, [tick])) !== 'acknowledged') {
      refused += 1;
      await server.waitUntilReady();
    }
  }
  await client.destroy();
  assert.ok(refused > 0, 'no sync failed while ticks were stored');
  assert.ok(refused <= FAILING_SYNCS, `${refused} ticks were refused for ${FAILING_SYNCS} syncs`);
  await agent.ledger.verifyAll(operator);
  await operator.close();
  assert.equal((await server.stop()).code, 0);
});

/** Freezes every thread of a process in the place where it is. */
async function freeze(server: NexusServer): Promise<void> {
  server.signal('SIGSTOP');
  const tasks = `/proc/${server.pid}/task`;
  await waitUntil('the server to stand still', () =>
    readdirSync(tasks).every((task) => /\) T /.test(readFileSync(`${tasks}/${task}/stat`, 'utf8'))),
  );
}

test('a power cut right after a 204 loses nothing', { skip: skipWithoutSmallDisks() }, async (t) => {
  const seed = chooseSeed();
  t.diagnostic(`NEXUS_SEED=${seed}`);
  const random = new SeededRandom(seed);
  let disk = SmallDisk.create(t, DISK_MB);
  let agents: SimulatedAgent[] = [];
  for (let cut = 1; cut <= POWER_CUTS; cut += 1) {
    const dataDir = path.join(disk.directory, 'data');
    const server = await NexusServer.start(t, { dataDir });
    await server.waitUntilReady();
    const operator = server.operator(t);
    // New hosts each time: what an operator was told is held to the same standard.
    agents = [...agents, ...(await addAgents(server, operator, `cut${cut}`, seed + cut))];
    const stop = new AbortController();
    const traffic = Promise.all(agents.map((agent) => agent.run(server.url, stop.signal)));
    const wanted = countAcknowledged(agents) + POSTS_A_CUT;
    await Promise.all([
      sleep(random.between(20, 500)),
      waitUntil('posts to be acknowledged', () => countAcknowledged(agents) >= wanted),
    ]);
    await freeze(server);
    // Shows that the copy is what a power cut leaves: this was written and never synced.
    writeFileSync(path.join(disk.directory, 'never-synced'), 'x'.repeat(5_000));
    const found = disk.afterPowerCut();
    await server.kill();
    stop.abort();
    await unlessHung('the agents to notice', traffic);
    const witness = path.join(found.directory, 'never-synced');
    assert.ok(!existsSync(witness) || statSync(witness).size === 0, 'the copy holds what was never synced');

    disk = found;
    const restarted = await NexusServer.start(t, { dataDir: path.join(disk.directory, 'data') });
    await restarted.waitUntilReady();
    const after = restarted.operator(t);
    for (const { ledger } of agents) await ledger.verifyAll(after);
    await after.close();
    assert.equal((await restarted.stop()).code, 0);
  }
  t.diagnostic(`${POWER_CUTS} power cuts, ${countAcknowledged(agents)} ticks acknowledged`);
});
