import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { openAppliance } from '../../src/main.ts';
import { RecordingLog } from '../domain/recording-log.ts';
import { SettableRuntime } from '../domain/settable-runtime.ts';
import { bareTick, containerBody, telemetryBody } from '../wire/telemetry-body.ts';
import { FleetServer } from './fleet-server.ts';
import { HttpClient, targetOf } from './http-client.ts';
import { Operator } from './operator.ts';

/** All that an operator can see. */
async function readAll(server: FleetServer, names: readonly string[]): Promise<unknown> {
  const read = async (requestPath: string): Promise<unknown> =>
    JSON.parse((await server.operator.send('GET', requestPath)).body);
  const all: Record<string, unknown> = { hosts: await read('/v1/hosts'), events: await read('/v1/events') };
  for (const name of names) {
    all[`${name} tokens`] = await read(`/v1/hosts/${name}/tokens`);
    all[`${name} containers`] = await read(`/v1/hosts/${name}/containers`);
    all[`${name} history`] = await read(`/v1/hosts/${name}/metrics`);
  }
  return all;
}

test('a restart keeps hosts, latest values, containers and their marks, tokens, history and the log', async (t) => {
  const server = await FleetServer.start(t);
  const online = await server.operator.addHost('online', { labels: { role: 'web' }, offline_after_seconds: 600 });
  const spare = await server.operator.createToken('online', { name: 'spare', expires_in_seconds: 86_400 });
  const offline = await server.operator.addHost('offline');
  const archived = await server.operator.addHost('archived');
  await server.operator.addHost('pending');
  const web = containerBody({ container_id: 'c-web', health_status: 'unhealthy' });
  const database = containerBody({ container_id: 'c-db', name: 'db' });
  const worker = containerBody({ container_id: 'c-worker', name: 'worker' });

  const reportAt = async (token: string, time: string, containers?: unknown): Promise<void> => {
    server.clock.set(time);
    const fields = containers === undefined ? {} : { containers };
    assert.equal(
      await server.report(token, { ...telemetryBody({ recorded_at: time, containers: undefined }), ...fields }),
      204,
    );
  };
  await reportAt(offline.token, '2026-03-01T12:00:00Z');
  await reportAt(archived.token, '2026-03-01T12:00:00Z', [web]);
  await reportAt(online.token, '2026-03-01T12:00:00Z', [web, database, worker]);
  await reportAt(online.token, '2026-03-01T12:01:00Z', [web, database]);
  await reportAt(online.token, '2026-03-01T12:06:00Z', [web, database]);
  await reportAt(online.token, '2026-03-01T12:07:00Z', [web]);
  await reportAt(spare.token, '2026-03-01T12:08:00Z', [web]);
  await reportAt(spare.token, '2026-03-01T12:09:00Z');
  await server.operator.archiveHost('archived');
  await server.tick();

  const names = ['online', 'offline', 'archived', 'pending'];
  const before = await readAll(server, names);
  await server.restart();
  assert.deepEqual(await readAll(server, names), before);
  const host = await server.operator.host('online');
  assert.deepEqual([host.status, host.container_count, host.metrics?.cpu_percent], ['online', 1, 37.25]);
});

test('an absence that began before a restart goes on after it', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  const reportAt = async (time: string, containers: unknown): Promise<void> => {
    server.clock.set(time);
    assert.equal(await server.report(token, bareTick(time, { containers })), 204);
  };
  await reportAt('2026-03-01T12:00:00Z', [containerBody()]);
  await reportAt('2026-03-01T12:01:00Z', []);
  await server.restart();
  await reportAt('2026-03-01T12:05:59Z', []);
  assert.equal((await server.operator.containers('web-1'))[0]?.removed_at, null);
  await server.restart();
  await reportAt('2026-03-01T12:06:00Z', []);
  assert.equal((await server.operator.containers('web-1'))[0]?.removed_at, '2026-03-01T12:06:00.000Z');
});

test('an illness that began before a restart is told once', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  const sick = containerBody({ health_status: 'unhealthy' });
  await server.report(token, bareTick('2026-03-01T12:00:00Z', { containers: [sick] }));
  await server.restart();
  await server.report(token, bareTick('2026-03-01T12:00:30Z', { containers: [{ ...sick, name: 'renamed' }] }));
  await server.report(token, bareTick('2026-03-01T12:01:00Z', { containers: [containerBody()] }));
  assert.deepEqual(
    (await server.operator.events()).map((event) => event.kind).filter((kind) => kind.startsWith('container_')),
    ['container_unhealthy', 'container_recovered'],
  );
});

test('a duplicate is known after a restart', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await server.report(token, telemetryBody());
  await server.backFill(token, [bareTick('2026-03-01T09:00:00Z')]);
  await server.restart();
  await server.report(token, telemetryBody());
  await server.backFill(token, [bareTick('2026-03-01T09:00:00Z')]);
  assert.equal((await server.operator.history('web-1', '?from=2026-03-01T08:00:00Z')).points.length, 2);
});

test('a steady tick after a restart changes no container and tells nothing', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await server.report(token, telemetryBody());
  await server.restart();
  const events = await server.operator.events();
  await server.report(token, telemetryBody({ recorded_at: '2026-03-01T12:00:30Z' }));
  assert.deepEqual(await server.operator.events(), events);
  assert.equal((await server.operator.containers('web-1'))[0]?.last_seen_at, '2026-03-01T12:00:30.000Z');
});

test('every last use of a token survives a restart', async (t) => {
  const server = await FleetServer.start(t);
  const live = await server.operator.addHost('web-1');
  const replaced = await server.operator.createToken('web-1', { name: 'replaced' });
  const filler = await server.operator.createToken('web-1', { name: 'filler' });
  const admin = await server.operator.createAdminToken();
  server.clock.set('2026-03-01T12:00:10Z');
  await server.report(replaced.token, bareTick('2026-03-01T12:00:10Z'));
  server.clock.set('2026-03-01T12:00:20Z');
  await server.report(live.token, bareTick('2026-03-01T12:00:20Z'));
  server.clock.set('2026-03-01T12:00:30Z');
  await server.backFill(filler.token, [bareTick('2026-03-01T09:00:00Z')]);
  server.clock.set('2026-03-01T12:00:40Z');
  await server.operatorOverTcp('GET', '/v1/hosts', admin.token);

  const lastUses = async () => {
    const admins = JSON.parse((await server.operator.send('GET', '/v1/tokens')).body) as {
      tokens: Array<{ name: string; last_used_at: string | null }>;
    };
    const tokens = [...(await server.operator.tokens('web-1')), ...admins.tokens];
    return Object.fromEntries(tokens.map((token) => [token.name, token.last_used_at]));
  };
  const expected = {
    agent: '2026-03-01T12:00:20.000Z',
    replaced: '2026-03-01T12:00:10.000Z',
    filler: '2026-03-01T12:00:30.000Z',
    admin: '2026-03-01T12:00:40.000Z',
  };
  assert.deepEqual(await lastUses(), expected);
  await server.restart();
  assert.deepEqual(await lastUses(), expected);
});

test('the whole appliance closes, opens again on the same directory, and knows its fleet', async (t) => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'nexus-appliance-'));
  const clock = new SettableRuntime('2026-03-01T12:00:00Z');
  const config = { dataDir, listen: { host: '127.0.0.1', port: 0 }, agentRateLimit: 60 };
  const clients: HttpClient[] = [];
  t.after(() => {
    for (const client of clients) client.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const open = async () => {
    const appliance = await openAppliance(config, clock, new RecordingLog());
    const agent = new HttpClient(targetOf(appliance.url));
    const local = new HttpClient({ socketPath: appliance.socketPath });
    clients.push(agent, local);
    return { appliance, agent, operator: new Operator(local) };
  };
  const first = await open();
  const { token } = await first.operator.addHost('web-1');
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const call = { method: 'POST', path: '/agent/telemetry', headers };
  assert.equal((await first.agent.send({ ...call, body: JSON.stringify(telemetryBody()) })).status, 204);
  await first.appliance.close();

  const second = await open();
  t.after(() => second.appliance.close());
  const host = await second.operator.host('web-1');
  assert.deepEqual([host.status, host.last_seen_at], ['online', '2026-03-01T12:00:00.000Z']);
  const tick = JSON.stringify(bareTick('2026-03-01T12:00:30Z'));
  assert.equal((await second.agent.send({ ...call, body: tick })).status, 204);
});

test('the ticker of the whole appliance marks a silent host offline', async (t) => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'nexus-appliance-'));
  const clock = new SettableRuntime('2026-03-01T12:00:00Z');
  const config = { dataDir, listen: { host: '127.0.0.1', port: 0 }, agentRateLimit: 60 };
  const appliance = await openAppliance(config, clock, new RecordingLog());
  const agent = new HttpClient(targetOf(appliance.url));
  const local = new HttpClient({ socketPath: appliance.socketPath });
  t.after(async () => {
    agent.close();
    local.close();
    await appliance.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const operator = new Operator(local);
  const { token } = await operator.addHost('web-1');
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  await agent.send({ method: 'POST', path: '/agent/telemetry', headers, body: JSON.stringify(telemetryBody()) });
  assert.equal((await operator.host('web-1')).status, 'online');
  clock.set('2026-03-01T12:02:00Z');
  while ((await operator.host('web-1')).status !== 'offline') await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual((await operator.events()).at(-1)?.kind, 'host_offline');
});
