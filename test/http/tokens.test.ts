import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tokenListBodySchema } from '../../src/wire/operator.ts';
import { bareTick, telemetryBody } from '../wire/telemetry-body.ts';
import { FleetServer } from './fleet-server.ts';
import { HttpClient } from './http-client.ts';

/** Ends the credential of a connection while it stays open; returns the credential that is good afterwards, if any. */
const ENDINGS: ReadonlyArray<{
  readonly name: string;
  readonly end: (server: FleetServer, id: string) => Promise<string | undefined>;
}> = [
  {
    name: 'revoked',
    end: async (server, id) => {
      await server.operator.revokeToken(id);
      return undefined;
    },
  },
  { name: 'rotated', end: async (server, id) => (await server.operator.rotateToken(id)).token },
  {
    name: 'archived with its host',
    end: async (server) => {
      await server.operator.archiveHost('web-1');
      return undefined;
    },
  },
];

for (const { name, end } of ENDINGS) {
  test(`a token that is ${name} is refused from the very next request of its open connection`, async (t) => {
    const server = await FleetServer.start(t);
    const { id, token } = await server.operator.addHost('web-1');
    const agent = new HttpClient(server.agents.target, { maxSockets: 1 });
    t.after(() => agent.close());
    const postWith = (presented: string, time: string) =>
      agent.send({
        method: 'POST',
        path: '/agent/telemetry',
        headers: { authorization: `Bearer ${presented}`, 'content-type': 'application/json' },
        body: JSON.stringify(bareTick(time)),
      });

    const first = await postWith(token, '2026-03-01T12:00:00Z');
    const successor = await end(server, id);
    const second = await postWith(token, '2026-03-01T12:00:01Z');
    assert.equal(first.status, 204);
    assert.equal(second.status, 401);
    assert.equal(second.body, '');
    assert.equal(second.localPort, first.localPort, 'the same connection');
    if (successor !== undefined) {
      const third = await postWith(successor, '2026-03-01T12:00:02Z');
      assert.equal(third.status, 204);
      assert.equal(third.localPort, first.localPort, 'the same connection');
    }
  });
}

test('a token is shown once: in the answer that makes it, and in no other', async (t) => {
  const server = await FleetServer.start(t);
  const minted = await server.operator.addHost('web-1');
  assert.match(minted.token, /^nxa_[0-9A-Za-z]{36}$/);
  assert.match(minted.id, /^tok_[0-9A-Za-z]{16}$/);
  assert.equal(minted.name, 'agent');
  await server.report(minted.token, telemetryBody());
  for (const path of ['/v1/hosts', '/v1/hosts/web-1', '/v1/hosts/web-1/tokens', '/v1/events', '/metrics']) {
    const reply = await server.operator.send('GET', path);
    assert.equal(reply.status, 200);
    assert.equal(reply.body.includes(minted.token), false, path);
  }
  assert.equal(JSON.stringify(server.log.lines).includes(minted.token), false);
});

test('tokens are listed with their names and times, and without what they are', async (t) => {
  const server = await FleetServer.start(t);
  const first = await server.operator.addHost('web-1');
  const second = await server.operator.createToken('web-1', { name: 'spare', expires_in_seconds: 3600 });
  await server.operator.revokeToken(second.id);
  const reply = await server.operator.send('GET', '/v1/hosts/web-1/tokens');
  assert.deepEqual(JSON.parse(reply.body), {
    tokens: [
      {
        id: first.id,
        kind: 'agent',
        scope: null,
        name: 'agent',
        created_at: '2026-03-01T12:00:00.000Z',
        expires_at: null,
        last_used_at: null,
        revoked_at: null,
      },
      {
        id: second.id,
        kind: 'agent',
        scope: null,
        name: 'spare',
        created_at: '2026-03-01T12:00:00.000Z',
        expires_at: '2026-03-01T13:00:00.000Z',
        last_used_at: null,
        revoked_at: '2026-03-01T12:00:00.000Z',
      },
    ],
    next_cursor: null,
  });
});

test('a token is made without a body as well', async (t) => {
  const server = await FleetServer.start(t);
  await server.operator.addHost('web-1');
  const reply = await server.operator.send('POST', '/v1/hosts/web-1/tokens');
  assert.equal(reply.status, 201);
  const { token } = JSON.parse(reply.body) as { token: string };
  assert.equal(await server.report(token, telemetryBody()), 204);
});

test('a rotated token has a successor of the same name and the same length of life', async (t) => {
  const server = await FleetServer.start(t);
  await server.operator.addHost('web-1');
  const old = await server.operator.createToken('web-1', { name: 'spare', expires_in_seconds: 3600 });
  server.clock.set('2026-03-01T12:30:00Z');
  const successor = await server.operator.rotateToken(old.id);
  assert.equal(successor.name, 'spare');
  assert.notEqual(successor.id, old.id);
  const listed = (await server.operator.tokens('web-1')).find((token) => token.id === successor.id);
  assert.equal(listed?.expires_at, '2026-03-01T13:30:00.000Z');
  assert.equal((await server.operator.send('POST', `/v1/tokens/${old.id}/rotate`)).status, 409);
});

test('a token that does not exist is neither rotated nor revoked', async (t) => {
  const server = await FleetServer.start(t);
  assert.equal((await server.operator.send('POST', '/v1/tokens/tok_none/rotate')).status, 404);
  assert.equal((await server.operator.send('DELETE', '/v1/tokens/tok_none')).status, 404);
});

test('a token that is revoked twice is revoked and logged once', async (t) => {
  const server = await FleetServer.start(t);
  const { id } = await server.operator.addHost('web-1');
  await server.operator.revokeToken(id);
  server.clock.set('2026-03-01T13:00:00Z');
  await server.operator.revokeToken(id);
  assert.equal((await server.operator.tokens('web-1'))[0]?.revoked_at, '2026-03-01T12:00:00.000Z');
  assert.equal((await server.operator.events()).filter((event) => event.kind === 'token_revoked').length, 1);
});

test('what is asked of a token is checked', async (t) => {
  const server = await FleetServer.start(t);
  await server.operator.addHost('web-1');
  const rows: ReadonlyArray<readonly [path: string, body: unknown, status: number]> = [
    ['/v1/hosts/web-1/tokens', { name: '' }, 422],
    ['/v1/hosts/web-1/tokens', { name: 'x'.repeat(80) }, 201],
    ['/v1/hosts/web-1/tokens', { name: 'x'.repeat(81) }, 422],
    ['/v1/hosts/web-1/tokens', { expires_in_seconds: 59 }, 422],
    ['/v1/hosts/web-1/tokens', { expires_in_seconds: 60 }, 201],
    ['/v1/hosts/web-1/tokens', { expires_in_seconds: 60.5 }, 422],
    ['/v1/hosts/web-1/tokens', { scope: 'all' }, 422],
    ['/v1/hosts/web-2/tokens', {}, 404],
    ['/v1/tokens', {}, 422],
    ['/v1/tokens', { kind: 'agent' }, 422],
    ['/v1/tokens', { kind: 'admin', name: 'ci' }, 201],
    ['/v1/tokens', { kind: 'admin', scope: 'deploy' }, 201],
    ['/v1/tokens', { kind: 'admin', scope: 'root' }, 422],
  ];
  for (const [path, body, status] of rows) {
    const reply = await server.operator.send('POST', path, body);
    assert.equal(reply.status, status, `${path} ${JSON.stringify(body)}`);
  }
});

test('tokens of a host and of operators come in pages, in the order in which they were made', async (t) => {
  const server = await FleetServer.start(t);
  const first = await server.operator.addHost('web-1');
  await server.operator.addHost('web-2');
  const made = [first.id];
  for (let index = 0; index < 4; index += 1) made.push((await server.operator.createToken('web-1')).id);
  const admins: string[] = [];
  for (let index = 0; index < 2; index += 1) admins.push((await server.operator.createAdminToken()).id);
  const page = async (path: string, query: string) => {
    const reply = await server.operator.send('GET', `${path}?${query}`);
    assert.equal(reply.status, 200, reply.body);
    const { tokens, next_cursor: cursor } = tokenListBodySchema.parse(JSON.parse(reply.body));
    return { ids: tokens.map((token) => token.id), cursor };
  };
  for (const [path, ids] of [
    ['/v1/hosts/web-1/tokens', made],
    ['/v1/tokens', admins],
  ] as const) {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const next: Awaited<ReturnType<typeof page>> = await page(
        path,
        cursor === null ? 'limit=2' : `limit=2&cursor=${cursor}`,
      );
      assert.ok(next.ids.length <= 2);
      seen.push(...next.ids);
      cursor = next.cursor;
    } while (cursor !== null);
    assert.deepEqual(seen, ids);
    assert.deepEqual(await page(path, ''), { ids, cursor: null });
  }
  for (const cursor of ['nonsense', admins[0]]) {
    const reply = await server.operator.send('GET', `/v1/hosts/web-1/tokens?cursor=${cursor}`);
    assert.equal(reply.status, 422, 'it is of no page of this list');
  }
  assert.equal((await server.operator.send('GET', '/v1/tokens?limit=0')).status, 422);
});
