/** Who may ask for what, and what the surface says of itself. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { type TestContext, test } from 'node:test';
import { ADMIN_SCOPES, type AdminScope } from '../../src/domain/token.ts';
import { bareTick, telemetryBody } from '../wire/telemetry-body.ts';
import { FleetServer } from './fleet-server.ts';

const OPERATOR_PATHS: ReadonlyArray<readonly [method: string, path: string]> = [
  ['GET', '/v1/hosts'],
  ['POST', '/v1/hosts'],
  ['GET', '/v1/hosts/web-1'],
  ['PATCH', '/v1/hosts/web-1'],
  ['DELETE', '/v1/hosts/web-1'],
  ['POST', '/v1/hosts/web-1/tokens'],
  ['GET', '/v1/hosts/web-1/tokens'],
  ['GET', '/v1/hosts/web-1/containers'],
  ['GET', '/v1/hosts/web-1/metrics'],
  ['GET', '/v1/hosts/web-1/containers/c/metrics'],
  ['POST', '/v1/tokens'],
  ['GET', '/v1/tokens'],
  ['POST', '/v1/tokens/tok_x/rotate'],
  ['DELETE', '/v1/tokens/tok_x'],
  ['GET', '/v1/budgets'],
  ['PUT', '/v1/budgets/rack=a'],
  ['GET', '/v1/budgets/rack=a'],
  ['DELETE', '/v1/budgets/rack=a'],
  ['GET', '/v1/events'],
  ['GET', '/metrics'],
];

test('over TCP every operator path needs an admin token, and an agent token is not one', async (t) => {
  const server = await FleetServer.start(t);
  const agent = await server.operator.addHost('web-1');
  for (const [method, path] of OPERATOR_PATHS) {
    const nobody = await server.operatorOverTcp(method, path);
    assert.equal(nobody.status, 401, `${method} ${path}`);
    assert.equal(nobody.headers['content-type'], 'application/problem+json');
    assert.equal(nobody.headers['www-authenticate'], 'Bearer realm="nexus"');
    const forbidden = await server.operatorOverTcp(method, path, agent.token);
    assert.equal(forbidden.status, 403, `${method} ${path}`);
    assert.equal(forbidden.headers['content-type'], 'application/problem+json');
  }
  assert.equal((await server.operator.host('web-1')).status, 'pending');
});

test('an admin token opens the operator API over TCP, until it is revoked', async (t) => {
  const server = await FleetServer.start(t);
  const admin = await server.operator.createAdminToken();
  assert.match(admin.token, /^nxo_[0-9A-Za-z]{36}$/);
  assert.equal((await server.operatorOverTcp('POST', '/v1/hosts', admin.token, { name: 'web-1' })).status, 201);
  assert.equal((await server.operatorOverTcp('GET', '/v1/hosts/web-1', admin.token)).status, 200);
  assert.equal((await server.operatorOverTcp('DELETE', `/v1/tokens/${admin.id}`, admin.token)).status, 200);
  assert.equal((await server.operatorOverTcp('GET', '/v1/hosts/web-1', admin.token)).status, 401);
});

/** Which scopes may ask for what, the least one first; a refusal comes before anything is looked up. */
const LEAST_SCOPES: ReadonlyArray<readonly [scope: AdminScope, method: string, path: string, body?: object]> = [
  ['metrics', 'GET', '/metrics'],
  ['read', 'GET', '/v1/hosts'],
  ['read', 'GET', '/v1/hosts/web-1'],
  ['read', 'GET', '/v1/hosts/web-1/tokens'],
  ['read', 'GET', '/v1/hosts/web-1/containers'],
  ['read', 'GET', '/v1/hosts/web-1/metrics'],
  ['read', 'GET', '/v1/hosts/web-1/containers/c/metrics'],
  ['read', 'GET', '/v1/tokens'],
  ['read', 'GET', '/v1/events'],
  // Refused for its query, as it would not end.
  ['read', 'GET', '/v1/stream?after=x'],
  ['read', 'GET', '/v1/releases'],
  ['read', 'GET', '/v1/releases/sha256:0'],
  ['read', 'GET', '/v1/releases/sha256:0/quarantine'],
  ['read', 'GET', '/v1/rollouts'],
  ['read', 'GET', '/v1/rollouts/r'],
  ['read', 'GET', '/v1/rollouts/r/events'],
  ['read', 'POST', '/v1/rollouts/plan'],
  ['read', 'POST', '/v1/rollouts/r/replay'],
  ['read', 'GET', '/v1/stacks'],
  ['read', 'GET', '/v1/stacks/web'],
  ['read', 'GET', '/v1/hosts/web-1/stacks'],
  ['read', 'GET', '/v1/budgets'],
  ['read', 'GET', '/v1/budgets/rack=a'],
  ['deploy', 'POST', '/v1/releases'],
  ['deploy', 'POST', '/v1/releases/sha256:0/lift'],
  ['deploy', 'DELETE', '/v1/releases/sha256:0'],
  ['deploy', 'POST', '/v1/stacks/web/undo'],
  ['deploy', 'POST', '/v1/rollouts'],
  ['deploy', 'POST', '/v1/rollouts/r/pause'],
  ['deploy', 'POST', '/v1/rollouts/r/resume'],
  ['deploy', 'POST', '/v1/rollouts/r/abort'],
  ['deploy', 'PATCH', '/v1/hosts/web-1', { labels: { role: 'web' } }],
  ['admin', 'PATCH', '/v1/hosts/web-1', { offline_after_seconds: 300 }],
  ['admin', 'PUT', '/v1/budgets/rack=a'],
  ['admin', 'DELETE', '/v1/budgets/rack=a'],
  ['admin', 'POST', '/v1/hosts', { name: 'web-2' }],
  ['admin', 'DELETE', '/v1/hosts/web-3'],
  ['admin', 'POST', '/v1/hosts/web-1/tokens'],
  ['admin', 'POST', '/v1/tokens', { kind: 'admin' }],
  ['admin', 'POST', '/v1/tokens/tok_x/rotate'],
  ['admin', 'DELETE', '/v1/tokens/tok_x'],
];

test('a scope includes what its name says and everything before it, and nothing else', async (t) => {
  const server = await FleetServer.start(t);
  await server.operator.addHost('web-1');
  const tokens = new Map<AdminScope, string>();
  for (const scope of ADMIN_SCOPES) tokens.set(scope, (await server.operator.createAdminToken({ scope })).token);
  for (const [least, method, path, body] of LEAST_SCOPES) {
    const refused: string[] = [];
    for (const scope of ADMIN_SCOPES) {
      const reply = await server.operatorOverTcp(method, path, tokens.get(scope), body);
      assert.notEqual(reply.status, 401);
      if (reply.status !== 403) continue;
      refused.push(scope);
      const { detail } = JSON.parse(reply.body) as { detail: string };
      assert.match(detail, new RegExp(`^the scope of this token is '${scope}', and this needs '\\w+': create a token`));
    }
    assert.deepEqual(refused, ADMIN_SCOPES.slice(0, ADMIN_SCOPES.indexOf(least)), `${method} ${path}`);
  }
});

test('the table of scopes names every operator route', async (t) => {
  const server = await FleetServer.start(t);
  const { paths } = JSON.parse((await server.operator.send('GET', '/openapi.json')).body) as {
    paths: Record<string, Record<string, { security: Array<{ adminToken?: string[] }> }>>;
  };
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { security }]) =>
      security.flatMap(({ adminToken = [] }) => adminToken.map((scope) => `${scope} ${method.toUpperCase()} ${path}`)),
    ),
  );
  const patterns = described.map((line) => new RegExp(`^${line.replaceAll(/\{\w+\}/g, '[^/]+')}$`));
  const unnamed = patterns.filter(
    (pattern) => !LEAST_SCOPES.some((row) => pattern.test(row.slice(0, 3).join(' ').split('?', 1)[0] ?? '')),
  );
  assert.deepEqual(unnamed, []);
  assert.equal(described.length, 40);
});

test('a rotated token keeps its scope, and the log names it', async (t) => {
  const server = await FleetServer.start(t);
  const reader = await server.operator.createAdminToken({ scope: 'read' });
  const next = await server.operator.rotateToken(reader.id);
  assert.equal((await server.operatorOverTcp('GET', '/v1/hosts', next.token)).status, 200);
  assert.equal((await server.operatorOverTcp('POST', '/v1/hosts', next.token, { name: 'web-1' })).status, 403);
  const { tokens } = JSON.parse((await server.operator.send('GET', '/v1/tokens')).body) as {
    tokens: Array<{ scope: string | null }>;
  };
  assert.deepEqual(
    tokens.map(({ scope }) => scope),
    ['read', 'read'],
  );
  const { events } = JSON.parse((await server.operator.send('GET', '/v1/events')).body) as {
    events: Array<{ kind: string; data: Record<string, unknown> }>;
  };
  assert.deepEqual(
    events.map(({ kind, data }) => [kind, data['scope']]),
    [
      ['token_created', 'read'],
      ['token_rotated', 'read'],
    ],
  );
});

test('the last use of an admin token moves on success only', async (t) => {
  const server = await FleetServer.start(t);
  const admin = await server.operator.createAdminToken();
  const lastUsed = async (): Promise<unknown> => {
    const { tokens } = JSON.parse((await server.operator.send('GET', '/v1/tokens')).body) as {
      tokens: Array<{ last_used_at: string | null }>;
    };
    return tokens[0]?.last_used_at;
  };
  await server.operatorOverTcp('GET', '/v1/hosts/nobody', admin.token);
  assert.equal(await lastUsed(), null);
  await server.operatorOverTcp('GET', '/v1/hosts', admin.token);
  assert.equal(await lastUsed(), '2026-03-01T12:00:00.000Z');
});

test('the Unix socket needs no token', async (t) => {
  const server = await FleetServer.start(t);
  assert.equal((await server.operator.send('GET', '/v1/hosts')).status, 200);
  assert.equal((await server.operator.send('GET', '/metrics')).status, 200);
});

test('a path that is not there is 404, and a method that a path does not take is 405', async (t) => {
  const server = await FleetServer.start(t);
  const rows: ReadonlyArray<readonly [method: string, path: string, status: number, allow?: string]> = [
    ['GET', '/', 404],
    ['GET', '/v1', 404],
    ['GET', '/v1/hosts/', 404],
    ['GET', '/v1/hosts/web-1/', 404],
    ['GET', '/v1/hosts/%zz', 404],
    ['GET', `/v1/hosts/${'x'.repeat(400)}`, 404],
    ['GET', '/v1/hosts/..%2f..%2fetc%2fpasswd', 404],
    ['GET', '/favicon.ico', 404],
    ['PUT', '/nowhere', 404],
    ['PUT', '/v1/hosts', 405, 'GET, POST'],
    ['DELETE', '/v1/hosts', 405, 'GET, POST'],
    ['POST', '/v1/hosts/web-1', 405, 'GET, PATCH, DELETE'],
    ['PROPFIND', '/v1/hosts/web-1', 405, 'GET, PATCH, DELETE'],
    ['POST', '/healthz', 405, 'GET'],
    ['GET', '/agent/telemetry', 405, 'POST'],
  ];
  for (const [method, path, status, allow] of rows) {
    const reply = await server.operator.send(method, path);
    assert.equal(reply.status, status, `${method} ${path}`);
    assert.equal(reply.headers.allow, allow, `${method} ${path}`);
    assert.equal(reply.headers['content-type'], 'application/problem+json');
  }
});

test('HEAD answers as GET does, without the body', async (t) => {
  const server = await FleetServer.start(t);
  const got = await server.operator.send('GET', '/v1/hosts');
  const head = await server.operator.send('HEAD', '/v1/hosts');
  assert.equal(head.status, 200);
  assert.equal(head.body, '');
  assert.equal(head.headers['content-length'], got.headers['content-length']);
});

test('health, readiness and the description are open to everybody', async (t) => {
  const server = await FleetServer.start(t);
  const health = await server.operatorOverTcp('GET', '/healthz');
  assert.deepEqual([health.status, JSON.parse(health.body)], [200, { alive: true }]);
  const ready = await server.operatorOverTcp('GET', '/readyz');
  assert.deepEqual([ready.status, JSON.parse(ready.body)], [200, { ready: true, reason: null }]);
  assert.equal((await server.operatorOverTcp('GET', '/openapi.json')).status, 200);
});

// ── The log of rejected identities ──

/** Posts as nobody from an address of the loopback network. */
function knockFrom(server: FleetServer, localAddress: string, authorization?: string): Promise<number> {
  const headers = { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) };
  return new Promise((resolve, reject) => {
    const knock = request(
      { ...server.agents.target, localAddress, agent: false, method: 'POST', path: '/agent/telemetry', headers },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      },
    );
    knock.on('error', reject);
    knock.end(JSON.stringify(telemetryBody()));
  });
}

function rejections(server: FleetServer): unknown[] {
  return server.log.said('the identity of a client was rejected').map(({ level, fields }) => ({ level, ...fields }));
}

test('a rejected identity is logged once per address and minute, with how many there were', async (t: TestContext) => {
  const server = await FleetServer.start(t);
  const malformed = 'malformed, unknown, expired or revoked token';
  for (let times = 0; times < 5; times += 1) assert.equal(await knockFrom(server, '127.0.0.1', 'Bearer secret-1'), 401);
  assert.equal(await knockFrom(server, '127.0.0.2'), 401);
  assert.deepEqual(rejections(server), [
    { level: 'warn', remote_address: '127.0.0.1', reason: malformed, unlogged: 0 },
    { level: 'warn', remote_address: '127.0.0.2', reason: 'no Authorization header', unlogged: 0 },
  ]);
  server.clock.set('2026-03-01T12:00:59.999Z');
  await knockFrom(server, '127.0.0.1', 'Bearer secret-2');
  assert.equal(rejections(server).length, 2);
  server.clock.set('2026-03-01T12:01:00Z');
  await knockFrom(server, '127.0.0.1', 'Bearer secret-3');
  assert.deepEqual(rejections(server)[2], {
    level: 'warn',
    remote_address: '127.0.0.1',
    reason: malformed,
    unlogged: 5,
  });
  assert.equal(JSON.stringify(server.log.lines).includes('secret'), false);
});

test('a good request is not logged as rejected', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await server.report(token, bareTick('2026-03-01T12:00:00Z'));
  assert.deepEqual(rejections(server), []);
});
