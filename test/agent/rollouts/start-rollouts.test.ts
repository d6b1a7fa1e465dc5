import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DockerClient } from '../../../agent/docker/docker-client.ts';
import { hostRolloutParts } from '../../../agent/rollouts/host-rollout-parts.ts';
import { type Rollouts, startRollouts } from '../../../agent/rollouts/start-rollouts.ts';
import { SelfReport } from '../../../agent/self-report.ts';
import { HttpClient } from '../../../agent/server/http-client.ts';
import { systemRuntime } from '../../../src/runtime/system-runtime.ts';
import { waitUntil } from '../../runtime/wait-until.ts';
import { FailingFileSystem } from '../disk/failing-file-system.ts';
import { FAKE_TOKEN, FakeServer } from './fake-server.ts';
import { MemoryLog, V1, V2 } from './sample.ts';

/** An engine on which nothing runs. */
async function startEmptyEngine(t: TestContext, socketPath: string): Promise<void> {
  const server = createServer((request, response) => {
    const body = request.url === '/version' ? { Version: '26.1.5', ApiVersion: '1.45', MinAPIVersion: '1.24' } : [];
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  t.after(() => server.close());
  t.after(() => server.closeAllConnections());
}

async function bench(t: TestContext, token = FAKE_TOKEN) {
  const folder = mkdtempSync(join(tmpdir(), 'rollouts-'));
  const server = await FakeServer.start(t);
  const log = new MemoryLog();
  const files = new FailingFileSystem();
  const socketPath = join(folder, 'engine.sock');
  const stateDir = join(folder, 'state');
  const started: Rollouts[] = [];
  const transport = await HttpClient.open({ url: server.url, token, authorityPem: null }, systemRuntime);
  const docker = new DockerClient(socketPath, systemRuntime);
  const self = new SelfReport('boot-1', { rollouts: true });
  const start = () => {
    const parts = { server: transport, files, log, runtime: systemRuntime, onSoak: () => {} };
    const rollouts = startRollouts({
      ...parts,
      ...hostRolloutParts({
        ...parts,
        docker,
        dockerSocketPath: socketPath,
        stateDir,
        // Nothing that could really be run.
        env: { NEXUS_AGENT_DOCKER_CLI: join(folder, 'no-docker') },
        bootId: 'boot-1',
        self,
      }),
    });
    started.push(rollouts);
    return rollouts;
  };
  t.after(async () => {
    for (const rollouts of started) await rollouts.stop();
    transport.close();
    docker.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const recordOf = (stack: string): unknown =>
    JSON.parse(readFileSync(join(stateDir, 'stacks', stack, 'stack.json'), 'utf8'));
  return { self, server, files, log, start, folder, stateDir, socketPath, recordOf };
}

test('a dispatch with an older epoch is refused, reported once, and never acknowledged', async (t) => {
  const { self, server, log, start, socketPath, recordOf } = await bench(t);
  await startEmptyEngine(t, socketPath);
  start();
  const newer = server.offer({ id: 'r9', stack: 'shop', release: V2, soakSeconds: 1, epoch: 9 });
  await waitUntil('the newer one to be over', () => newer.state === 'reverted');
  const older = server.offer({ id: 'r8', stack: 'shop', release: V1, soakSeconds: 1, epoch: 8 });
  const refusals = (): number => log.lines.filter((line) => line === 'warn a dispatch is refused').length;
  await waitUntil('the older one to be refused', () => refusals() > 0);
  // It goes on being offered meanwhile.
  await sleep(2_500);
  assert.equal(refusals(), 1);
  const detail = 'its epoch 8 is lower than 9, that of rollout r9, which this host has already taken up';
  assert.deepEqual(older.events, [{ type: 'dispatch_refused', seq: 1, reason: 'epoch', detail, agent_epoch: 9 }]);
  await self.complete;
  const { capabilities, composeVersion, bootId, epochs } = self.current();
  assert.deepEqual([capabilities, composeVersion, bootId, epochs], [['rollouts'], null, 'boot-1', { shop: 9 }]);
  const { taken } = recordOf('shop') as { taken: unknown };
  assert.deepEqual(taken, { rolloutId: 'r9', epoch: 9 });
});

test('a release that the server does not have fails, and nothing was touched', async (t) => {
  const { server, start, socketPath } = await bench(t);
  await startEmptyEngine(t, socketPath);
  start();
  const rollout = server.offer({ id: 'r1', stack: 'shop', release: V2, soakSeconds: 1, epoch: 1 });
  await waitUntil('it to be over', () => rollout.state === 'reverted');
  assert.deepEqual(
    rollout.events.map(({ type }) => type),
    ['dispatch_ack', 'activation_started', 'activation_failed', 'rollback_completed'],
  );
  const failed = rollout.events[2];
  assert.match(
    failed?.type === 'activation_failed' ? failed.stderr_tail : '',
    /answers 404 to GET \/v1\/releases\/sha256:2+: it does not have that release for this host/,
  );
});

test('a manifest that was tampered with is not used', async (t) => {
  const { server, start, socketPath } = await bench(t);
  await startEmptyEngine(t, socketPath);
  const release = server.publish({
    kind: 'nexus.release/1',
    stack: 'shop',
    version: '1',
    compose: 'services: {a: {}}',
  });
  server.tamper(release, Buffer.from('{"compose":"services: {a: {image: evil}}"}'));
  start();
  const rollout = server.offer({ id: 'r1', stack: 'shop', release, soakSeconds: 1, epoch: 1 });
  await waitUntil('it to be over', () => rollout.state === 'reverted');
  const failed = rollout.events[2];
  assert.match(failed?.type === 'activation_failed' ? failed.stderr_tail : '', /it was changed in transit/);
});

test('without an engine nothing is acknowledged, as nobody knows what runs', async (t) => {
  const { server, start, socketPath, log } = await bench(t);
  const rollouts = start();
  const rollout = server.offer({ id: 'r1', stack: 'shop', release: V2, soakSeconds: 1, epoch: 1 });
  await waitUntil('it to be said', () => log.lines.includes('error a dispatch cannot be taken up now'));
  assert.deepEqual(rollout.events, []);
  await startEmptyEngine(t, socketPath);
  await waitUntil('it to be acknowledged', () => rollout.events.length > 0);
  await rollouts.stop();
});

test('a token that is refused ends it, and says so', async (t) => {
  const { start } = await bench(t, 'nxa_revoked12345');
  const rollouts = start();
  assert.equal(await rollouts.ended, 'unauthorized');
  await rollouts.stop();
});

test('it stops at once, also while it waits for something to do', async (t) => {
  const { server, start, socketPath } = await bench(t);
  await startEmptyEngine(t, socketPath);
  const rollouts = start();
  const rollout = server.offer({ id: 'r1', stack: 'shop', release: V2, soakSeconds: 1, epoch: 1 });
  await waitUntil('it to be at work', () => rollout.state === 'reverted');
  await waitUntil('it to wait for more', () => server.waitingPolls > 0);
  const answered = server.emptyAnswers;
  await rollouts.stop();
  assert.equal(await rollouts.ended, 'stopped');
  assert.equal(server.emptyAnswers, answered, 'it did not wait until the server had nothing for it');
});

test('a state directory that cannot be used is said; once it can, work begins', async (t) => {
  const { server, start, socketPath, stateDir, log } = await bench(t);
  await startEmptyEngine(t, socketPath);
  writeFileSync(stateDir, 'in the way');
  const rollouts = start();
  await waitUntil('it to be said', () => log.lines.some((line) => /the state directory cannot be/.test(line)));
  const rollout = server.offer({ id: 'r1', stack: 'shop', release: V2, soakSeconds: 1, epoch: 1 });
  await rollouts.stop();
  assert.deepEqual(rollout.events, []);
  rmSync(stateDir);
  start();
  await waitUntil('it to be taken up', () => rollout.events.length > 0);
});

const UNREADABLE = /^warn the record of this stack cannot be read from the disk/;

test('a record that the disk does not give out is tried again, and no restart is needed', async (t) => {
  const { server, start, socketPath, files, log } = await bench(t);
  await startEmptyEngine(t, socketPath);
  files.failOn = /^readFile stack\.json$/;
  // Under way for the server, which does not dispatch it again: only what the server knows can open this stack.
  const rollout = server.offer({ id: 'r1', stack: 'shop', release: V2, soakSeconds: 1, epoch: 1 });
  rollout.state = 'activating';
  rollout.lastSeq = 1;
  const rollouts = start();
  await waitUntil('it to be logged', () => log.lines.some((line) => UNREADABLE.test(line)));
  files.failOn = null;
  await waitUntil('the rollout to go on', () => rollout.events.length > 0);
  await rollouts.stop();
  assert.equal(await rollouts.ended, 'stopped');
  assert.deepEqual(
    log.lines.filter((line) => line.startsWith('error')),
    [],
  );
});

test('a stack whose record cannot be read holds up no other stack', async (t) => {
  const { server, start, socketPath, stateDir, log } = await bench(t);
  await startEmptyEngine(t, socketPath);
  const inTheWay = join(stateDir, 'stacks', 'blog', 'stack.json');
  mkdirSync(inTheWay, { recursive: true });
  start();
  const shop = server.offer({ id: 'r1', stack: 'shop', release: V2, soakSeconds: 1, epoch: 1 });
  await waitUntil('the other stack to be at work', () => shop.events.length > 0);
  assert.equal(log.lines.filter((line) => UNREADABLE.test(line)).length, 1);
  rmSync(inTheWay, { recursive: true });
  await waitUntil('it to be read', () => log.lines.includes('info the record of this stack can be read again'));
});

test('a server that was away is asked what has become of every stack', async (t) => {
  const { server, log, start, socketPath } = await bench(t);
  await startEmptyEngine(t, socketPath);
  start();
  const rollout = server.offer({ id: 'r1', stack: 'shop', release: V2, soakSeconds: 1, epoch: 1 });
  await waitUntil('it to be over', () => rollout.state === 'reverted');
  await waitUntil('the next poll', () => server.waitingPolls === 1);
  let asked = 0;
  server.intercept = (_method, path) => {
    if (path === '/v1/agent/state') asked += 1;
    return undefined;
  };
  server.cut();
  await waitUntil('its absence to be noticed', () =>
    log.lines.some((line) => /cannot be asked for releases/.test(line)),
  );
  server.weather = 'up';
  await waitUntil('the question', () => asked === 1);
});

test('a host that the server has given up in its activation goes back once a poll says so', async (t) => {
  const { server, start, socketPath } = await bench(t);
  await startEmptyEngine(t, socketPath);
  server.intercept = (_method, path) => (path.startsWith('/v1/releases/') ? 503 : undefined);
  start();
  const rollout = server.offer({ id: 'r1', stack: 'shop', release: V2, soakSeconds: 1, epoch: 1 });
  await waitUntil('the activation to begin', () => rollout.events.length >= 2);
  await waitUntil('the next poll', () => server.waitingPolls === 1);
  Object.assign(rollout, { state: 'failed', regressed: 'offline for too long' });
  server.wake();
  await waitUntil('the way back', () => rollout.state === 'reverted');
});
