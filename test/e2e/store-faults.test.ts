/** What the operator of a broken disk sees: 503 and a sentence that says what to do; never a 204, never a lost one. */
import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { Client } from 'undici';
import type { NexusClient } from '../../src/client/nexus-client.ts';
import { formatInstant } from '../../src/domain/instant.ts';
import { SeededRandom } from '../domain/seeded-random.ts';
import { waitUntil } from '../runtime/wait-until.ts';
import { afterwards } from './support/afterwards.ts';
import { alterDatabase, damagePages, readPage, readTree } from './support/database-file.ts';
import { lockFromOutside } from './support/foreign-lock.ts';
import { bodyOf, HostLedger } from './support/host-ledger.ts';
import { NexusServer, scratchDirectory, serveToItsEnd } from './support/nexus-server.ts';
import { post, SimulatedAgent } from './support/simulated-agent.ts';
import { MountedDirectory, SmallDisk, setImmutable, skipWithoutSmallDisks } from './support/small-disk.ts';

const skip = skipWithoutSmallDisks();
const DISK_MB = 24;

/** A server with one host and its agent. */
interface Site {
  readonly server: NexusServer;
  readonly operator: NexusClient;
  readonly agent: SimulatedAgent;
}

/** Posts over a connection of its own. */
async function connect(t: TestContext, server: NexusServer): Promise<Client> {
  const client = new Client(server.url);
  afterwards(t, () => client.destroy());
  return client;
}

async function openSite(t: TestContext, dataDir: string): Promise<Site> {
  const server = await NexusServer.start(t, { dataDir });
  await server.waitUntilReady();
  const operator = server.operator(t);
  const { token } = await operator.createHost({ name: 'web-1', token: true });
  assert.ok(token !== undefined, 'a token was asked for');
  const agent = new SimulatedAgent(new HostLedger('web-1', token.token), new SeededRandom(1));
  return { server, operator, agent };
}

/** A directory that has been in use and was left in good order, with the agent that knows what it holds. */
async function leaveUsedDirectory(t: TestContext, dataDir: string, ticks = 20): Promise<SimulatedAgent> {
  const { server, agent } = await openSite(t, dataDir);
  await expectTaken(t, server, agent, ticks);
  await expectCleanEnd(server);
  return agent;
}

async function expectTaken(t: TestContext, server: NexusServer, agent: SimulatedAgent, ticks = 5): Promise<void> {
  const client = await connect(t, server);
  for (let count = 0; count < ticks; count += 1) {
    assert.equal(await agent.send(client, [agent.ledger.nextTick(3)]), 'acknowledged');
  }
}

/** Posts until the first one is refused; what was taken before counts. */
async function expectRefusal(t: TestContext, server: NexusServer, agent: SimulatedAgent): Promise<void> {
  const client = await connect(t, server);
  await waitUntil('a post to be refused', async () => {
    return (await agent.send(client, [agent.ledger.nextTick(12)])) === 'refused';
  });
}

/** Everything an outage looks like from outside, and that it is one of these words. */
async function expectOutage(t: TestContext, server: NexusServer, agent: SimulatedAgent, cause: RegExp): Promise<void> {
  assert.match(await server.waitUntilUnready(), cause);
  const client = await connect(t, server);
  const tick = agent.ledger.nextTick(2);
  const answer = await post(client, '/agent/telemetry', agent.ledger.token, bodyOf(tick));
  assert.equal(answer.status, 503);
  assert.match(answer.retryAfter ?? '', /^[1-9]\d*$/);
  assert.equal(answer.contentType, 'application/problem+json');
  assert.match(answer.text, cause);
  assert.equal(await agent.send(client, [tick, agent.ledger.nextTick(null)], true), 'refused');
  assert.equal(await server.isAlive(), true);
  assert.ok(server.isRunning(), 'the process goes on');
  const line = await server.waitForLog(cause);
  assert.equal(line.level, 'error');
}

/** All is well again by itself: ready, taking posts, and with everything that it ever acknowledged. */
async function expectRecovery(t: TestContext, server: NexusServer, agent: SimulatedAgent): Promise<void> {
  await server.waitUntilReady();
  await expectTaken(t, server, agent);
  await agent.ledger.verifyAll(server.operator(t));
  await server.waitForLog(/the store works again/);
}

async function expectCleanEnd(server: NexusServer): Promise<void> {
  assert.equal((await server.stop()).code, 0);
}

/** Everything acknowledged is there for the next server as well. */
async function expectKept(t: TestContext, dataDir: string, agent: SimulatedAgent): Promise<void> {
  const server = await NexusServer.start(t, { dataDir });
  await server.waitUntilReady();
  await agent.ledger.verifyAll(server.operator(t));
  await expectCleanEnd(server);
}

function databaseIn(dataDir: string): string {
  return path.join(dataDir, 'nexus.db');
}

function dataDirIn(t: TestContext): string {
  return path.join(scratchDirectory(t), 'data');
}

// ── Full disk ──

test('a disk that fills up under a running server', { skip }, async (t) => {
  const disk = SmallDisk.create(t, DISK_MB);
  const dataDir = path.join(disk.directory, 'data');
  const { server, agent } = await openSite(t, dataDir);
  await expectTaken(t, server, agent, 50);
  for (let time = 1; time <= 2; time += 1) {
    disk.fill();
    await expectRefusal(t, server, agent);
    await expectOutage(t, server, agent, /the disk is full: free some space|the disk reported an error.*free space/);
    disk.free();
    await expectRecovery(t, server, agent);
  }
  await expectCleanEnd(server);
  await expectKept(t, dataDir, agent);
});

test('a full disk under a server that is asked to end, and under its next start', { skip }, async (t) => {
  const disk = SmallDisk.create(t, DISK_MB);
  const dataDir = path.join(disk.directory, 'data');
  const { server, agent } = await openSite(t, dataDir);
  await expectTaken(t, server, agent, 50);
  disk.fill();
  await expectRefusal(t, server, agent);
  await expectCleanEnd(server);

  disk.fill();
  const next = await NexusServer.start(t, { dataDir });
  await expectOutage(t, next, agent, /the disk is full: free some space|the disk reported an error.*free space/);
  disk.free();
  await expectRecovery(t, next, agent);
  await expectCleanEnd(next);
  await expectKept(t, dataDir, agent);
});

test('a first start on a full disk begins by itself once there is room', { skip }, async (t) => {
  const disk = SmallDisk.create(t, DISK_MB);
  const dataDir = path.join(disk.directory, 'data');
  mkdirSync(dataDir);
  disk.fill();
  const server = await NexusServer.start(t, { dataDir });
  assert.match(await server.waitUntilUnready(), /free some space|free space/);
  assert.equal(await server.isAlive(), true);
  disk.free();
  await server.waitUntilReady();
  await server.operator(t).createHost({ name: 'web-1' });
  await expectCleanEnd(server);
});

// ── Read-only ──

test('a data directory on a read-only disk, and its lock after the disk is writable again', { skip }, async (t) => {
  const disk = SmallDisk.create(t, DISK_MB);
  const dataDir = path.join(disk.directory, 'data');
  const agent = await leaveUsedDirectory(t, dataDir);
  disk.remount('ro');
  const server = await NexusServer.start(t, { dataDir });
  await expectOutage(t, server, agent, /read-only|EROFS/);
  disk.remount('rw');
  await expectRecovery(t, server, agent);
  // The lock was asked for while nothing could be written: it must be a real one now.
  const second = await serveToItsEnd(t, { dataDir });
  assert.equal(second.code, 1);
  assert.match(second.stderr, /another nexus serve already uses/);
  await expectTaken(t, server, agent);
  await expectCleanEnd(server);
});

test('of two servers that wait for a read-only disk one gets the directory', { skip }, async (t) => {
  const disk = SmallDisk.create(t, DISK_MB);
  const dataDir = path.join(disk.directory, 'data');
  await leaveUsedDirectory(t, dataDir);
  disk.remount('ro');
  const servers = await Promise.all([NexusServer.start(t, { dataDir }), NexusServer.start(t, { dataDir })]);
  for (const server of servers) await server.waitUntilUnready();
  disk.remount('rw');
  const first = await waitUntil('one of the two to be ready', async () => {
    const [a, b] = await Promise.all(servers.map((server) => server.readiness()));
    assert.ok(a?.ready !== true || b?.ready !== true, 'both have the directory');
    if (a?.ready === true) return servers[0];
    return b?.ready === true && servers[1];
  });
  const second = servers.find((server) => server !== first);
  assert.ok(second !== undefined);
  await second.waitForLog(/another nexus serve already uses/);
  assert.match(await second.waitUntilUnready(), /another nexus serve already uses/);
  assert.equal((await first.readiness()).ready, true);
  await expectCleanEnd(second);
  await expectCleanEnd(first);
});

test('a read-only database file, at the start and at run time', { skip }, async (t) => {
  const disk = SmallDisk.create(t, DISK_MB);
  const dataDir = path.join(disk.directory, 'data');
  const agent = await leaveUsedDirectory(t, dataDir);
  const database = databaseIn(dataDir);
  afterwards(t, () => setImmutable(database, false));
  setImmutable(database, true);
  const server = await NexusServer.start(t, { dataDir });
  await expectOutage(t, server, agent, /read-only: make it writable/);
  setImmutable(database, false);
  await expectRecovery(t, server, agent);

  const log = `${database}-wal`;
  setImmutable(log, true);
  setImmutable(database, true);
  await expectRefusal(t, server, agent);
  await expectOutage(t, server, agent, /read-only|the disk reported an error/);
  setImmutable(log, false);
  setImmutable(database, false);
  await expectRecovery(t, server, agent);
  await expectCleanEnd(server);
  await expectKept(t, dataDir, agent);
});

test('a disk that fails under a running server', { skip }, async (t) => {
  const disk = SmallDisk.create(t, DISK_MB);
  const dataDir = path.join(disk.directory, 'data');
  const { server, agent } = await openSite(t, dataDir);
  await expectTaken(t, server, agent, 50);
  disk.breakDown();
  await expectRefusal(t, server, agent);
  await expectOutage(t, server, agent, /read-only|the disk reported an error/);
  await expectCleanEnd(server);
  disk.repair();
  await expectKept(t, dataDir, agent);
});

// ── Locks ──

test('a database that another program holds, at run time and at the start', async (t) => {
  const dataDir = dataDirIn(t);
  const { server, agent } = await openSite(t, dataDir);
  await expectTaken(t, server, agent);
  let other = await lockFromOutside(t, databaseIn(dataDir));
  await expectRefusal(t, server, agent);
  await expectOutage(t, server, agent, /another program has locked it/);
  await other.release();
  await expectRecovery(t, server, agent);
  await expectCleanEnd(server);

  other = await lockFromOutside(t, databaseIn(dataDir));
  const next = await NexusServer.start(t, { dataDir });
  await expectOutage(t, next, agent, /another program has locked it/);
  await other.release();
  await expectRecovery(t, next, agent);
  await expectCleanEnd(next);
});

test('a second server on the same directory is refused and the first one does not notice', async (t) => {
  const dataDir = dataDirIn(t);
  const { server, operator, agent } = await openSite(t, dataDir);
  const second = await serveToItsEnd(t, { dataDir });
  assert.equal(second.code, 1);
  assert.ok(second.stderr.includes(`another nexus serve already uses ${dataDir}`), second.stderr);
  await expectTaken(t, server, agent);
  await agent.ledger.verifyAll(operator);
  assert.equal((await operator.getHost('web-1')).status, 'online');
  await expectCleanEnd(server);
});

test('what a killed server leaves behind is no obstacle', async (t) => {
  const dataDir = dataDirIn(t);
  const { server, agent } = await openSite(t, dataDir);
  await expectTaken(t, server, agent);
  await server.kill();
  for (const left of ['nexus.sock', 'nexus.lock', 'nexus.db-wal']) {
    assert.ok(existsSync(path.join(dataDir, left)), `${left} is left behind`);
  }
  await expectKept(t, dataDir, agent);
});

// ── Damage ──

test('a database whose header is damaged is left as it is', async (t) => {
  const dataDir = dataDirIn(t);
  const agent = await leaveUsedDirectory(t, dataDir);
  const database = databaseIn(dataDir);
  const good = path.join(scratchDirectory(t), 'backup');
  copyFileSync(database, good);
  const damaged = readFileSync(database);
  damaged.fill('garbage ', 0, 4096);
  writeFileSync(database, damaged);

  const server = await NexusServer.start(t, { dataDir });
  await expectOutage(t, server, agent, /not a database, or is damaged: .*restore a backup/);
  await expectSteadyLog(server);
  assert.deepEqual(readFileSync(database), damaged);
  await expectCleanEnd(server);
  assert.deepEqual(readFileSync(database), damaged);

  const next = await NexusServer.start(t, { dataDir });
  await next.waitUntilUnready();
  // As one restores: the damaged file is kept, and a good one takes its place.
  renameSync(database, `${database}.damaged`);
  copyFileSync(good, database);
  await next.waitUntilReady();
  await agent.ledger.verifyAll(next.operator(t));
  await expectCleanEnd(next);
});

test('a damaged page that the start reads', async (t) => {
  const dataDir = dataDirIn(t);
  const agent = await leaveUsedDirectory(t, dataDir, 200);
  const database = databaseIn(dataDir);
  const { root } = readTree(database, 'ticks_by_host');
  damagePages(database, [root]);
  const sizeBytes = statSync(database).size;
  const damaged = readPage(database, root);

  const server = await NexusServer.start(t, { dataDir });
  await expectOutage(t, server, agent, /the file is damaged: .*restore a backup/);
  await expectSteadyLog(server);
  await expectCleanEnd(server);
  assert.deepEqual(readPage(database, root), damaged);
  assert.equal(statSync(database).size, sizeBytes);
});

/** Ways to meet damage that the start did not. */
const MEETINGS: Readonly<
  Record<string, (t: TestContext, server: NexusServer, agent: SimulatedAgent) => Promise<void>>
> = {
  async ticks(t, server) {
    const from = formatInstant(Date.now() - 3_000_000);
    await assert.rejects(server.operator(t).hostHistory('web-1', { from }), /the file is damaged/);
  },
  async ticks_by_host(t, server, agent) {
    const ticks = agent.ledger.acknowledgedLive();
    const again = ticks[Math.floor((ticks.length * 2) / 3)];
    assert.ok(again !== undefined);
    // It is stored already, but nobody can tell any more: no 204.
    assert.equal(await agent.send(await connect(t, server), [again]), 'refused');
  },
};

for (const [name, meet] of Object.entries(MEETINGS)) {
  test(`damage in the middle of ${name} ends the taking of posts once it is met`, async (t) => {
    const dataDir = dataDirIn(t);
    const agent = await leaveUsedDirectory(t, dataDir, 600);
    const database = databaseIn(dataDir);
    const middle = readTree(database, name).leaves.slice(1, -1);
    assert.ok(middle.length > 0, `${name} has no page in the middle`);
    damagePages(database, middle);
    const damaged = middle.map((page) => readPage(database, page));

    const server = await NexusServer.start(t, { dataDir });
    await server.waitUntilReady();
    await expectTaken(t, server, agent);
    await meet(t, server, agent);
    await expectOutage(t, server, agent, /the file is damaged: .*restore a backup/);
    await expectSteadyLog(server);
    await expectCleanEnd(server);
    assert.deepEqual(
      middle.map((page) => readPage(database, page)),
      damaged,
    );
  });
}

/** Trying again every second is not to fill the log, and not to answer posts in between. */
async function expectSteadyLog(server: NexusServer): Promise<void> {
  const lines = server.log().length;
  const due = performance.now() + 2_300;
  await waitUntil('some more attempts to open the database', async () => {
    assert.equal((await server.readiness()).status, 503);
    return performance.now() > due;
  });
  assert.ok(server.isRunning(), 'the process goes on');
  assert.ok(server.log().length - lines <= 1, `the log grew by ${server.log().length - lines} lines`);
}

// ── Lost ──

for (const [how, lose] of [
  ['deleted', (file: string) => rmSync(file)],
  ['emptied', (file: string) => truncateSync(file, 0)],
] as const) {
  test(`a database that was ${how} is never replaced by an empty one`, async (t) => {
    const dataDir = dataDirIn(t);
    const agent = await leaveUsedDirectory(t, dataDir);
    const database = databaseIn(dataDir);
    const backup = path.join(scratchDirectory(t), 'backup');
    copyFileSync(database, backup);
    lose(database);

    const server = await NexusServer.start(t, { dataDir });
    await expectOutage(t, server, agent, /missing or empty.*restore a backup.*delete .*nexus\.marker/);
    await expectSteadyLog(server);
    assert.equal(existsSync(database) ? statSync(database).size : 0, 0);
    copyFileSync(backup, database);
    await expectRecovery(t, server, agent);
    await expectCleanEnd(server);
  });

  test(`a database that is ${how} under a running server is noticed`, async (t) => {
    const dataDir = dataDirIn(t);
    const { server, agent } = await openSite(t, dataDir);
    await expectTaken(t, server, agent, 100);
    lose(databaseIn(dataDir));
    await expectOutage(t, server, agent, /was deleted, emptied or replaced while it was in use: .*restore a backup/);
    await expectSteadyLog(server);
    await expectCleanEnd(server);
  });
}

test('a disk that goes away under a running server is not begun anew in its place', { skip }, async (t) => {
  const disk = scratchDirectory(t);
  const mounted = new MountedDirectory(t, disk);
  const { server, agent } = await openSite(t, mounted.directory);
  await expectTaken(t, server, agent);
  mounted.detach();
  await expectOutage(t, server, agent, /was deleted, emptied or replaced .*check that its disk is mounted/);
  await expectSteadyLog(server);
  assert.deepEqual(readdirSync(mounted.directory), []);
  mounted.attach();
  await expectRecovery(t, server, agent);
  await expectCleanEnd(server);
});

test('data of a form that this version cannot read is an outage and not the end of the process', async (t) => {
  const dataDir = dataDirIn(t);
  const agent = await leaveUsedDirectory(t, dataDir);
  alterDatabase(databaseIn(dataDir), "UPDATE ticks SET sample = x'ff' WHERE rowid = (SELECT max(rowid) FROM ticks)");
  const server = await NexusServer.start(t, { dataDir });
  await expectOutage(t, server, agent, /cannot be read .*restore a backup/);
  await expectSteadyLog(server);
  await expectCleanEnd(server);
});

test('an empty database is begun on purpose by deleting the marker', async (t) => {
  const dataDir = dataDirIn(t);
  await leaveUsedDirectory(t, dataDir);
  rmSync(databaseIn(dataDir));
  const server = await NexusServer.start(t, { dataDir });
  await server.waitUntilUnready();
  rmSync(path.join(dataDir, 'nexus.marker'));
  await server.waitUntilReady();
  assert.deepEqual((await server.operator(t).listHosts()).hosts, []);
  await expectCleanEnd(server);
});

// ── Refusals ──

test('a database of a newer Nexus is refused and left as it is', async (t) => {
  const dataDir = dataDirIn(t);
  await leaveUsedDirectory(t, dataDir);
  const database = databaseIn(dataDir);
  alterDatabase(database, 'PRAGMA user_version = 999');
  const before = readFileSync(database);
  const refused = await serveToItsEnd(t, { dataDir });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /written by a newer Nexus \(schema 999; this one knows \d+\): start that newer version/);
  assert.deepEqual(readFileSync(database), before);
});

test('a database of another program is refused and left as it is', async (t) => {
  const dataDir = dataDirIn(t);
  mkdirSync(dataDir);
  const database = databaseIn(dataDir);
  writeFileSync(database, '');
  alterDatabase(database, 'CREATE TABLE recipes (name TEXT); PRAGMA user_version = 1');
  const before = readFileSync(database);
  const refused = await serveToItsEnd(t, { dataDir });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /belongs to another program: choose another data directory/);
  assert.deepEqual(readFileSync(database), before);
});

test('a data directory that cannot be created is said, and used as soon as it can', async (t) => {
  const scratch = scratchDirectory(t);
  const obstacle = path.join(scratch, 'file');
  writeFileSync(obstacle, '');
  const server = await NexusServer.start(t, { dataDir: path.join(obstacle, 'data') });
  assert.match(
    await server.waitUntilUnready(),
    /cannot create the data directory .*create it for this user or pass --data/,
  );
  assert.equal(await server.isAlive(), true);
  const line = await server.waitForLog(/cannot create the data directory/);
  assert.equal(line.level, 'error');
  rmSync(obstacle);
  await server.waitUntilReady();
  await expectCleanEnd(server);
});

test('a port that is taken is said with what to do, and the directory is free again', async (t) => {
  const holder = createServer().listen(0, '127.0.0.1');
  afterwards(t, () => new Promise((resolve) => holder.close(resolve)));
  await waitUntil('a port to be taken', () => holder.listening);
  const address = holder.address();
  assert.ok(address !== null && typeof address === 'object', 'a TCP address');
  const dataDir = dataDirIn(t);
  const refused = await serveToItsEnd(t, { dataDir, listen: `127.0.0.1:${address.port}` });
  assert.equal(refused.code, 1);
  assert.ok(refused.stderr.includes(`cannot listen on 127.0.0.1:${address.port}`), refused.stderr);
  assert.match(refused.stderr, /another program listens there: stop it, or choose another address with --listen/);
  await leaveUsedDirectory(t, dataDir);
});
