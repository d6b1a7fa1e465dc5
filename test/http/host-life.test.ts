import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bareTick, telemetryBody } from '../wire/telemetry-body.ts';
import { FleetServer } from './fleet-server.ts';

/** Sets the clock and lets the ticker look at it. */
async function passTo(server: FleetServer, time: string): Promise<void> {
  server.clock.set(time);
  await server.tick();
}

async function statusOf(server: FleetServer, name: string): Promise<string> {
  return (await server.operator.host(name)).status;
}

/** The log without the host's and its tokens' own beginnings. */
async function lifeEvents(server: FleetServer): Promise<Array<[string, string | null, string]>> {
  const events = await server.operator.events();
  return events
    .filter((event) => event.kind.startsWith('host_') && event.kind !== 'host_added')
    .map((event) => [event.kind, event.host, event.at]);
}

test('a host is pending until its first tick, which makes it online and says nothing in the log', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  assert.equal(await statusOf(server, 'web-1'), 'pending');
  assert.equal(await server.report(token, telemetryBody()), 204);
  const host = await server.operator.host('web-1');
  assert.equal(host.status, 'online');
  assert.equal(host.last_seen_at, '2026-03-01T12:00:00.000Z');
  assert.deepEqual(await lifeEvents(server), []);
});

test('a host that has never reported stays pending however long it takes', async (t) => {
  const server = await FleetServer.start(t);
  await server.operator.addHost('web-1');
  await passTo(server, '2026-03-09T12:00:00Z');
  assert.equal(await statusOf(server, 'web-1'), 'pending');
  assert.deepEqual(await lifeEvents(server), []);
});

test('a host goes offline after 120 s of silence, once, and comes back with its next tick', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await server.report(token, bareTick('2026-03-01T12:00:00Z'));

  await passTo(server, '2026-03-01T12:01:59Z');
  assert.equal(await statusOf(server, 'web-1'), 'online');
  await passTo(server, '2026-03-01T12:02:00Z');
  assert.equal(await statusOf(server, 'web-1'), 'offline');
  await passTo(server, '2026-03-01T12:30:00Z');
  assert.deepEqual(await lifeEvents(server), [['host_offline', 'web-1', '2026-03-01T12:02:00.000Z']]);

  await server.report(token, bareTick('2026-03-01T12:30:00Z'));
  assert.equal(await statusOf(server, 'web-1'), 'online');
  await server.report(token, bareTick('2026-03-01T12:30:10Z'));
  assert.deepEqual(await lifeEvents(server), [
    ['host_offline', 'web-1', '2026-03-01T12:02:00.000Z'],
    ['host_recovered', 'web-1', '2026-03-01T12:30:00.000Z'],
  ]);

  await passTo(server, '2026-03-01T12:32:00Z');
  assert.equal(await statusOf(server, 'web-1'), 'offline');
});

test('the log says how long an offline host was silent, and how long it may be', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await server.report(token, bareTick('2026-03-01T12:00:00Z'));
  await passTo(server, '2026-03-01T12:02:05Z');
  const [event] = (await server.operator.events()).filter((entry) => entry.kind === 'host_offline');
  assert.deepEqual(event?.data, { silent_ms: 125_000, offline_after_seconds: 120 });
});

test('the silence is measured by the clock of the server, wherever that of the agent is', async (t) => {
  const server = await FleetServer.start(t);
  const ahead = await server.operator.addHost('ahead');
  const behind = await server.operator.addHost('behind');
  await server.report(ahead.token, bareTick('2026-03-01T12:05:00Z'));
  await server.report(behind.token, bareTick('2026-03-01T11:00:00Z'));
  assert.equal((await server.operator.host('ahead')).clock_skew_ms, 300_000);
  assert.equal((await server.operator.host('behind')).clock_skew_ms, -3_600_000);
  assert.equal((await server.operator.host('ahead')).last_seen_at, '2026-03-01T12:00:00.000Z');
  await passTo(server, '2026-03-01T12:01:59Z');
  assert.equal(await statusOf(server, 'ahead'), 'online');
  assert.equal(await statusOf(server, 'behind'), 'online');
  await passTo(server, '2026-03-01T12:02:00Z');
  assert.equal(await statusOf(server, 'ahead'), 'offline');
  assert.equal(await statusOf(server, 'behind'), 'offline');
});

test('how much silence a host may keep is its own setting, and can be changed', async (t) => {
  const server = await FleetServer.start(t);
  const brief = await server.operator.addHost('brief', { offline_after_seconds: 10 });
  const patient = await server.operator.addHost('patient', { offline_after_seconds: 600 });
  const changed = await server.operator.addHost('changed');
  for (const { token } of [brief, patient, changed]) await server.report(token, bareTick('2026-03-01T12:00:00Z'));
  assert.equal((await server.operator.patchHost('changed', { offline_after_seconds: 300 })).offline_after_seconds, 300);

  await passTo(server, '2026-03-01T12:00:10Z');
  assert.equal(await statusOf(server, 'brief'), 'offline');
  await passTo(server, '2026-03-01T12:04:59Z');
  assert.equal(await statusOf(server, 'changed'), 'online');
  await passTo(server, '2026-03-01T12:05:00Z');
  assert.equal(await statusOf(server, 'changed'), 'offline');
  await passTo(server, '2026-03-01T12:09:59Z');
  assert.equal(await statusOf(server, 'patient'), 'online');
  await passTo(server, '2026-03-01T12:10:00Z');
  assert.equal(await statusOf(server, 'patient'), 'offline');
});

test('the silence of one host says nothing of another', async (t) => {
  const server = await FleetServer.start(t);
  const one = await server.operator.addHost('web-1');
  const two = await server.operator.addHost('web-2');
  await server.report(one.token, bareTick('2026-03-01T12:00:00Z'));
  await server.report(two.token, bareTick('2026-03-01T12:00:00Z'));
  server.clock.set('2026-03-01T12:01:30Z');
  await server.report(two.token, bareTick('2026-03-01T12:01:30Z'));
  await passTo(server, '2026-03-01T12:02:30Z');
  assert.equal(await statusOf(server, 'web-1'), 'offline');
  assert.equal(await statusOf(server, 'web-2'), 'online');
});

test('the absence of the server is no evidence against a host', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await server.report(token, bareTick('2026-03-01T12:00:00Z'));
  await server.stop();
  server.clock.set('2026-03-01T14:00:00Z');
  await server.restart();
  await server.tick();
  assert.equal(await statusOf(server, 'web-1'), 'online');
  await passTo(server, '2026-03-01T14:01:59Z');
  assert.equal(await statusOf(server, 'web-1'), 'online');
  await passTo(server, '2026-03-01T14:02:00Z');
  assert.equal(await statusOf(server, 'web-1'), 'offline');
  assert.deepEqual(await lifeEvents(server), [['host_offline', 'web-1', '2026-03-01T14:02:00.000Z']]);
});

test('a tick that comes late shows that its host is alive', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await server.report(token, bareTick('2026-03-01T12:00:00Z'));
  await passTo(server, '2026-03-01T12:02:00Z');
  assert.equal(await server.report(token, bareTick('2026-03-01T11:59:00Z')), 204);
  assert.equal(await statusOf(server, 'web-1'), 'online');
  await passTo(server, '2026-03-01T12:03:59Z');
  assert.equal(await statusOf(server, 'web-1'), 'online');
  await passTo(server, '2026-03-01T12:04:00Z');
  assert.equal(await statusOf(server, 'web-1'), 'offline');
});

test('a back-fill makes no host online', async (t) => {
  const server = await FleetServer.start(t);
  const pending = await server.operator.addHost('pending');
  const offline = await server.operator.addHost('offline');
  await server.report(offline.token, bareTick('2026-03-01T12:00:00Z'));
  await passTo(server, '2026-03-01T12:02:00Z');
  for (const { token } of [pending, offline]) {
    assert.equal(
      await server.backFill(token, [bareTick('2026-03-01T12:01:00Z'), bareTick('2026-03-01T12:02:00Z')]),
      204,
    );
  }
  assert.equal(await statusOf(server, 'pending'), 'pending');
  assert.equal((await server.operator.host('pending')).last_seen_at, null);
  assert.equal(await statusOf(server, 'offline'), 'offline');
  assert.equal((await server.operator.host('offline')).last_seen_at, '2026-03-01T12:00:00.000Z');
});

test('an archived host stays archived, refuses its agent, and keeps its name and its history', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await server.report(token, telemetryBody());
  const archived = await server.operator.archiveHost('web-1');
  assert.equal(archived.status, 'archived');
  assert.equal(archived.archived_at, '2026-03-01T12:00:00.000Z');
  assert.equal(await server.report(token, bareTick('2026-03-01T12:00:10Z')), 401);
  await passTo(server, '2026-03-01T12:10:00Z');

  assert.equal(await statusOf(server, 'web-1'), 'archived');
  assert.equal((await server.operator.history('web-1')).points.length, 1);
  assert.equal((await server.operator.containers('web-1')).length, 1);
  assert.equal((await server.operator.archiveHost('web-1')).archived_at, '2026-03-01T12:00:00.000Z');
  assert.equal((await server.operator.send('POST', '/v1/hosts', { name: 'web-1' })).status, 409);
  assert.equal((await server.operator.send('PATCH', '/v1/hosts/web-1', { labels: { a: 'b' } })).status, 409);
  assert.equal((await server.operator.send('POST', '/v1/hosts/web-1/tokens', {})).status, 409);
  assert.deepEqual(await lifeEvents(server), [['host_archived', 'web-1', '2026-03-01T12:00:00.000Z']]);
});
