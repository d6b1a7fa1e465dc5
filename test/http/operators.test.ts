/** Hosts, labels, lists and the log, as operators manage them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerBody, telemetryBody } from '../wire/telemetry-body.ts';
import { FleetServer } from './fleet-server.ts';

test('a new host reads as the contract says', async (t) => {
  const server = await FleetServer.start(t);
  const reply = await server.operator.send('POST', '/v1/hosts', { name: 'web-1', labels: { role: 'web' } });
  assert.equal(reply.status, 201);
  assert.equal(reply.headers['content-type'], 'application/json');
  assert.deepEqual(JSON.parse(reply.body), {
    host: {
      name: 'web-1',
      status: 'pending',
      labels: { role: 'web' },
      last_seen_at: null,
      clock_skew_ms: null,
      created_at: '2026-03-01T12:00:00.000Z',
      archived_at: null,
      offline_after_seconds: 120,
      facts: { cpu_count: null, memory_total_mb: null, disk_total_gb: null, os: null, docker_version: null },
      agent: null,
      metrics: null,
      container_count: 0,
    },
  });
});

test('what is asked of a new host is checked', async (t) => {
  const server = await FleetServer.start(t);
  await server.operator.addHost('taken');
  const labels = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`label-${index}`, 'x']));
  const rows: ReadonlyArray<readonly [body: unknown, status: number]> = [
    [{ name: 'web-1' }, 201],
    [{ name: 'a' }, 201],
    [{ name: 'web-2.example.org' }, 201],
    [{ name: 'taken' }, 409],
    [{ name: 'Web-3' }, 422],
    [{ name: 'web_3' }, 422],
    [{ name: '-web' }, 422],
    [{ name: '' }, 422],
    [{ name: 7 }, 422],
    [{}, 422],
    [[], 422],
    [{ name: 'web-4', token: 'yes' }, 422],
    [{ name: 'web-4', nickname: 'x' }, 422],
    [{ name: 'web-4', labels: { role: 1 } }, 422],
    [{ name: 'web-4', labels: { '': 'x' } }, 422],
    [{ name: 'web-4', labels: { 'a b': 'x' } }, 422],
    [{ name: 'web-4', labels: { __proto__x: 'x' } }, 422],
    [{ name: 'web-4', labels: { role: 'x'.repeat(256) } }, 422],
    [{ name: 'web-4', labels: labels(65) }, 422],
    [{ name: 'web-4', labels: labels(64) }, 201],
    [{ name: 'web-5', offline_after_seconds: 9 }, 422],
    [{ name: 'web-5', offline_after_seconds: 10 }, 201],
    [{ name: 'web-6', offline_after_seconds: 604_801 }, 422],
    [{ name: 'web-6', labels: { role: 'x'.repeat(255) }, offline_after_seconds: 604_800 }, 201],
  ];
  for (const [body, status] of rows) {
    const reply = await server.operator.send('POST', '/v1/hosts', body);
    assert.equal(reply.status, status, `${JSON.stringify(body).slice(0, 200)} ${reply.body}`);
  }
});

test('labels merge: a value sets, null deletes, what is not named stays', async (t) => {
  const server = await FleetServer.start(t);
  await server.operator.addHost('web-1', { labels: { role: 'web', zone: 'a' } });
  const rows: ReadonlyArray<readonly [change: unknown, labels: Record<string, string>]> = [
    [{ labels: { tier: '1' } }, { role: 'web', tier: '1', zone: 'a' }],
    [{ labels: { zone: 'b' } }, { role: 'web', tier: '1', zone: 'b' }],
    [{ labels: { tier: null } }, { role: 'web', zone: 'b' }],
    [{ labels: { nothing: null } }, { role: 'web', zone: 'b' }],
    [{ labels: {} }, { role: 'web', zone: 'b' }],
    [{ offline_after_seconds: 60 }, { role: 'web', zone: 'b' }],
    [{ labels: { role: null, zone: null, constructor: 'x' } }, { constructor: 'x' }],
    [{}, { constructor: 'x' }],
  ];
  for (const [change, labels] of rows) {
    assert.deepEqual((await server.operator.patchHost('web-1', change)).labels, labels, JSON.stringify(change));
  }
  assert.equal((await server.operator.host('web-1')).offline_after_seconds, 60);
});

test('a host never carries more than 64 labels, however they come', async (t) => {
  const server = await FleetServer.start(t);
  await server.operator.addHost('web-1');
  const labels = (from: number, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`label-${from + index}`, 'x']));
  assert.equal((await server.operator.send('PATCH', '/v1/hosts/web-1', { labels: labels(0, 64) })).status, 200);
  assert.equal((await server.operator.send('PATCH', '/v1/hosts/web-1', { labels: labels(64, 1) })).status, 422);
  const swap = { labels: { ...labels(64, 1), 'label-0': null } };
  assert.equal((await server.operator.send('PATCH', '/v1/hosts/web-1', swap)).status, 200);
});

test('a patch that breaks a rule changes nothing', async (t) => {
  const server = await FleetServer.start(t);
  await server.operator.addHost('web-1', { labels: { role: 'web' } });
  const before = await server.operator.host('web-1');
  const rows: ReadonlyArray<readonly [body: unknown, status: number]> = [
    [{ labels: { role: 1 } }, 422],
    [{ labels: { zone: 'b', 'a b': 'x' } }, 422],
    [{ labels: { zone: 'b' }, offline_after_seconds: 5 }, 422],
    [{ name: 'web-2' }, 422],
    [{ status: 'online' }, 422],
    [null, 422],
  ];
  for (const [body, status] of rows) {
    assert.equal((await server.operator.send('PATCH', '/v1/hosts/web-1', body)).status, status, JSON.stringify(body));
  }
  assert.deepEqual(await server.operator.host('web-1'), before);
});

test('an unknown host is answered with the nearest name there is', async (t) => {
  const server = await FleetServer.start(t);
  await server.operator.addHost('web-1');
  const near = await server.operator.send('GET', '/v1/hosts/wbe-1');
  assert.equal(near.status, 404);
  assert.equal((JSON.parse(near.body) as { did_you_mean: string }).did_you_mean, 'web-1');
  const far = await server.operator.send('GET', '/v1/hosts/database');
  assert.equal(far.status, 404);
  assert.equal('did_you_mean' in JSON.parse(far.body), false);
});

test('hosts are listed by name, page by page', async (t) => {
  const server = await FleetServer.start(t);
  for (const name of ['c', 'a', 'e', 'b', 'd']) await server.operator.addHost(name);
  const page = async (query: string) => {
    const reply = await server.operator.send('GET', `/v1/hosts${query}`);
    assert.equal(reply.status, 200, reply.body);
    const body = JSON.parse(reply.body) as { hosts: Array<{ name: string }>; next_cursor: string | null };
    return [body.hosts.map((host) => host.name).join(''), body.next_cursor];
  };
  assert.deepEqual(await page(''), ['abcde', null]);
  assert.deepEqual(await page('?limit=2'), ['ab', 'b']);
  assert.deepEqual(await page('?limit=2&cursor=b'), ['cd', 'd']);
  assert.deepEqual(await page('?limit=2&cursor=d'), ['e', null]);
  assert.deepEqual(await page('?cursor=zzz'), ['', null]);
  assert.equal((await server.operator.send('GET', '/v1/hosts?limit=0')).status, 422);
  assert.equal((await server.operator.send('GET', '/v1/hosts?limit=10001')).status, 422);
  assert.equal((await server.operator.send('GET', '/v1/hosts?limit=many')).status, 422);
});

test('containers are listed in the order they came, page by page', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  const containers = ['e', 'c', 'a', 'd', 'b'].map((id) => containerBody({ container_id: id, name: id }));
  await server.report(token, telemetryBody({ containers }));
  const names: string[] = [];
  let cursor: string | null = '';
  let pages = 0;
  while (cursor !== null) {
    const after = cursor === '' ? '' : `&cursor=${cursor}`;
    const reply = await server.operator.send('GET', `/v1/hosts/web-1/containers?limit=2${after}`);
    const body = JSON.parse(reply.body) as { containers: Array<{ name: string }>; next_cursor: string | null };
    names.push(...body.containers.map((container) => container.name));
    cursor = body.next_cursor;
    pages += 1;
  }
  assert.deepEqual([names.join(''), pages], ['ecadb', 3]);
  assert.equal((await server.operator.send('GET', '/v1/hosts/web-1/containers?cursor=x')).status, 422);
});

test('the log holds what changed, in order, and is read on from where one stopped', async (t) => {
  const server = await FleetServer.start(t);
  const one = await server.operator.addHost('web-1');
  await server.operator.addHost('web-2');
  await server.operator.patchHost('web-1', { labels: { role: 'web' } });
  const successor = await server.operator.rotateToken(one.id);
  await server.operator.revokeToken(successor.id);
  await server.operator.archiveHost('web-2');
  const read = async (query: string) => {
    const reply = await server.operator.send('GET', `/v1/events${query}`);
    assert.equal(reply.status, 200, reply.body);
    const body = JSON.parse(reply.body) as { events: Array<{ id: number; kind: string; host: string }>; next: number };
    return { ...body, kinds: body.events.map((event) => `${event.id} ${event.kind} ${event.host}`) };
  };
  const all = [
    '1 host_added web-1',
    '2 token_created web-1',
    '3 host_added web-2',
    '4 token_created web-2',
    '5 host_labelled web-1',
    '6 token_rotated web-1',
    '7 token_revoked web-1',
    '8 host_archived web-2',
  ];
  const everything = await read('');
  assert.deepEqual([everything.kinds, everything.next], [all, 8]);
  const first = await read('?limit=4');
  assert.deepEqual([first.kinds, first.next], [all.slice(0, 4), 4]);
  const rest = await read('?after=4&limit=4');
  assert.deepEqual([rest.kinds, rest.next], [all.slice(4), 8]);
  const nothing = await read('?after=8');
  assert.deepEqual([nothing.kinds, nothing.next], [[], 8]);
  const ofOne = await read('?host=web-2');
  assert.deepEqual(
    [ofOne.kinds, ofOne.next],
    [['3 host_added web-2', '4 token_created web-2', '8 host_archived web-2'], 8],
  );
  assert.equal((await server.operator.send('GET', '/v1/events?after=-1')).status, 422);
  assert.equal((await server.operator.send('GET', '/v1/events?after=x')).status, 422);
});

test('an entry of the log reads as the contract says', async (t) => {
  const server = await FleetServer.start(t);
  await server.operator.addHost('web-1', { labels: { role: 'web' } });
  const reply = await server.operator.send('GET', '/v1/events?limit=1');
  assert.deepEqual(JSON.parse(reply.body), {
    events: [
      {
        id: 1,
        at: '2026-03-01T12:00:00.000Z',
        kind: 'host_added',
        host: 'web-1',
        rollout_id: null,
        data: { labels: { role: 'web' } },
      },
    ],
    next: 1,
  });
});
