import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import type { ApiTarget } from '../../src/client/api-target.ts';
import { NexusClient } from '../../src/client/nexus-client.ts';
import { type ErrorCode, NexusError } from '../../src/domain/errors.ts';
import { HandDrivenRuntime } from '../domain/hand-driven-runtime.ts';
import { type FakeAnswer, type FakeApi, type SeenRequest, startFakeApi } from './fake-api.ts';
import { pendingHost, sampleHost, sampleToken } from './sample-answers.ts';

const runtime = new HandDrivenRuntime();
const directory = mkdtempSync(join(tmpdir(), 'nexus-client-'));
after(() => rmSync(directory, { recursive: true, force: true }));

async function fakeApi(t: TestContext, answer: (request: SeenRequest) => FakeAnswer | null): Promise<FakeApi> {
  const api = await startFakeApi(answer);
  t.after(() => api.close());
  return api;
}

/** Time does not pass for this client unless the test lets it. */
function clientOf(t: TestContext, target: ApiTarget, runtime = new HandDrivenRuntime()): NexusClient {
  const client = new NexusClient(target, { runtime });
  t.after(() => client.close());
  return client;
}

async function failureOf(work: Promise<unknown>): Promise<NexusError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof NexusError, `not a NexusError: ${String(error)}`);
    return error;
  }
  return assert.fail('it did not fail');
}

describe('NexusClient asks', () => {
  it('over the Unix socket without a token', async (t) => {
    const socketPath = join(directory, 'asks.sock');
    const api = await startFakeApi(() => ({ body: sampleHost() }), socketPath);
    t.after(() => api.close());
    const host = await clientOf(t, { socketPath }).getHost('web-1');
    assert.deepEqual(host, sampleHost());
    assert.deepEqual(api.seen, [
      { method: 'GET', path: '/v1/hosts/web-1', authorization: undefined, contentType: undefined, body: undefined },
    ]);
  });

  it('over TCP with the token, under the path of the URL', async (t) => {
    const api = await fakeApi(t, () => ({ status: 201, body: { host: pendingHost('db-1') } }));
    const client = clientOf(t, { url: `${api.url}/nexus/`, token: 'nxo_secret' });
    const created = await client.createHost({ name: 'db-1', labels: { role: 'db' } });
    assert.deepEqual(created, { host: pendingHost('db-1') });
    assert.deepEqual(api.seen, [
      {
        method: 'POST',
        path: '/nexus/v1/hosts',
        authorization: 'Bearer nxo_secret',
        contentType: 'application/json',
        body: { name: 'db-1', labels: { role: 'db' } },
      },
    ]);
  });

  const calls: Array<[string, (client: NexusClient) => Promise<unknown>, string, string, unknown, unknown]> = [
    [
      'updateHost',
      (c) => c.updateHost('a', { labels: { x: null } }),
      'PATCH',
      '/v1/hosts/a',
      { labels: { x: null } },
      sampleHost(),
    ],
    ['archiveHost', (c) => c.archiveHost('a'), 'DELETE', '/v1/hosts/a', undefined, sampleHost()],
    ['a name that needs encoding', (c) => c.getHost('a/../b'), 'GET', '/v1/hosts/a%2F..%2Fb', undefined, sampleHost()],
    [
      'createAgentToken',
      (c) => c.createAgentToken('a', { name: 'n' }),
      'POST',
      '/v1/hosts/a/tokens',
      { name: 'n' },
      { id: 't', name: 'n', token: 'p' },
    ],
    [
      'createAdminToken',
      (c) => c.createAdminToken({ expires_in_seconds: 60 }),
      'POST',
      '/v1/tokens',
      { kind: 'admin', expires_in_seconds: 60 },
      { id: 't', name: 'n', token: 'p' },
    ],
    [
      'rotateToken',
      (c) => c.rotateToken('t'),
      'POST',
      '/v1/tokens/t/rotate',
      undefined,
      { id: 't', name: 'n', token: 'p' },
    ],
    ['revokeToken', (c) => c.revokeToken('t'), 'DELETE', '/v1/tokens/t', undefined, sampleToken()],
    [
      'readEvents',
      (c) => c.readEvents({ after: 7, limit: 2, host: 'a' }),
      'GET',
      '/v1/events?after=7&limit=2&host=a',
      undefined,
      { events: [], next: 7 },
    ],
    [
      'hostHistory',
      (c) => c.hostHistory('a', { from: '2026-05-01T00:00:00.000Z', stepSeconds: 60 }),
      'GET',
      '/v1/hosts/a/metrics?from=2026-05-01T00%3A00%3A00.000Z&step_seconds=60',
      undefined,
      { step_seconds: 60, points: [] },
    ],
    [
      'containerHistory',
      (c) => c.containerHistory('a', 'f00'),
      'GET',
      '/v1/hosts/a/containers/f00/metrics',
      undefined,
      { step_seconds: null, points: [] },
    ],
  ];
  for (const [name, call, method, path, body, answer] of calls) {
    it(`${name}: ${method} ${path}`, async (t) => {
      const api = await fakeApi(t, () => ({ body: answer }));
      assert.deepEqual(await call(clientOf(t, { url: api.url })), answer);
      const [seen] = api.seen;
      assert.deepEqual([seen?.method, seen?.path, seen?.body], [method, path, body]);
    });
  }

  it('for every page of a list', async (t) => {
    const api = await fakeApi(t, ({ path }) =>
      path.includes('cursor=web-1')
        ? { body: { hosts: [pendingHost('web-2')], next_cursor: null } }
        : { body: { hosts: [pendingHost('web-1')], next_cursor: 'web-1' } },
    );
    const list = await clientOf(t, { url: api.url }).listHosts();
    assert.deepEqual(list, { hosts: [pendingHost('web-1'), pendingHost('web-2')], next_cursor: null });
    assert.deepEqual(
      api.seen.map((request) => request.path),
      ['/v1/hosts?limit=1000', '/v1/hosts?limit=1000&cursor=web-1'],
    );
  });

  it('no further when the server repeats a cursor', async (t) => {
    const api = await fakeApi(t, () => ({ body: { tokens: [], next_cursor: 'again' } }));
    const error = await failureOf(clientOf(t, { url: api.url }).listAdminTokens());
    assert.equal(error.code, 'internal');
    assert.equal(api.seen.length, 2);
  });
});

describe('NexusClient translates refusals', () => {
  const statuses: Array<[number, ErrorCode]> = [
    [400, 'invalid'],
    [401, 'unauthorized'],
    [403, 'forbidden'],
    [404, 'not_found'],
    [409, 'conflict'],
    [413, 'invalid'],
    [415, 'invalid'],
    [422, 'invalid'],
    [429, 'overloaded'],
    [500, 'internal'],
    [503, 'overloaded'],
  ];
  for (const [status, code] of statuses) {
    it(`${status} is ${code}, its detail the message`, async (t) => {
      const body = { type: 'about:blank', title: 'Title', status, detail: 'what happened' };
      const api = await fakeApi(t, () => ({ status, body, headers: { 'content-type': 'application/problem+json' } }));
      const error = await failureOf(clientOf(t, { url: api.url, token: 't' }).getHost('a'));
      assert.deepEqual([error.code, error.message], [code, 'what happened']);
    });
  }

  it('keeps the nearest name, the broken rules and Retry-After', async (t) => {
    const api = await fakeApi(t, () => ({
      status: 422,
      headers: { 'retry-after': '7' },
      body: {
        type: 'about:blank',
        title: 'Unprocessable Content',
        status: 422,
        detail: 'no',
        did_you_mean: 'web-1',
        errors: [{ path: 'name', message: 'bad' }],
      },
    }));
    const error = await failureOf(clientOf(t, { url: api.url }).getHost('web1'));
    assert.deepEqual(error.details, {
      status: 422,
      did_you_mean: 'web-1',
      errors: [{ path: 'name', message: 'bad' }],
      retry_after_seconds: 7,
    });
  });

  it('explains a 401 without a body', async (t) => {
    const api = await fakeApi(t, () => ({ status: 401 }));
    const error = await failureOf(clientOf(t, { url: api.url, token: 'wrong' }).getHost('a'));
    assert.equal(error.code, 'unauthorized');
    assert.match(error.message, /NEXUS_ADMIN_TOKEN.*nexus token create --admin/);
  });

  it('does not follow a redirect, and does not send the token there', async (t) => {
    const other = await fakeApi(t, () => ({ body: sampleHost() }));
    const api = await fakeApi(t, () => ({ status: 302, headers: { location: `${other.url}/` } }));
    const error = await failureOf(clientOf(t, { url: api.url, token: 't' }).getHost('a'));
    assert.match(error.message, new RegExp(`redirects to ${other.url}/.*--url`));
    assert.equal(other.seen.length, 0);
  });

  for (const [what, answer] of [
    ['HTML', { body: '<html>Welcome to nginx</html>' }],
    ['JSON of another shape', { body: { hello: 'world' } }],
  ] satisfies Array<[string, FakeAnswer]>) {
    it(`does not take ${what} for a Nexus server`, async (t) => {
      const api = await fakeApi(t, () => answer);
      const error = await failureOf(clientOf(t, { url: api.url }).getHost('a'));
      assert.equal(error.code, 'internal');
      assert.match(error.message, /Check that it is a Nexus server/);
    });
  }
});

describe('NexusClient says what to do when no answer comes', () => {
  it('names the data directory where nothing serves', async (t) => {
    const error = await failureOf(clientOf(t, { socketPath: join(directory, 'absent', 'nexus.sock') }).listHosts());
    assert.equal(error.code, 'unreachable');
    assert.match(
      error.message,
      new RegExp(`not running on the data directory ${directory}/absent.*nexus serve --data ${directory}/absent`),
    );
    assert.match(error.message, /--url URL/);
  });

  it('says the same for a socket that a dead server left', async (t) => {
    const socketPath = join(directory, 'stale.sock');
    const api = await startFakeApi(() => ({}), join(directory, 'moved.sock'));
    const { linkSync } = await import('node:fs');
    linkSync(join(directory, 'moved.sock'), socketPath);
    await api.close();
    const error = await failureOf(clientOf(t, { socketPath }).listHosts());
    assert.match(error.message, /not running on the data directory/);
  });

  it('refuses a socket path that the system would cut off', () => {
    const socketPath = `/${'d'.repeat(95)}/nexus.sock`;
    assert.equal(socketPath.length, 107);
    assert.doesNotThrow(() => new NexusClient({ socketPath }, { runtime }));
    assert.throws(
      () => new NexusClient({ socketPath: `/d${socketPath}` }, { runtime }),
      (error) => error instanceof NexusError && error.code === 'usage' && /109 bytes.*107/.test(error.message),
    );
  });

  it('names the address where nothing listens', async (t) => {
    const api = await startFakeApi(() => ({}));
    await api.close();
    const error = await failureOf(clientOf(t, { url: api.url }).listHosts());
    assert.equal(error.code, 'unreachable');
    assert.match(error.message, new RegExp(`nothing listens at ${api.url}`));
  });

  it('gives up on a server that does not answer', async (t) => {
    const own = new HandDrivenRuntime();
    const asked = Promise.withResolvers<void>();
    const api = await fakeApi(t, () => {
      asked.resolve();
      return null;
    });
    const failure = failureOf(clientOf(t, { url: api.url }, own).listHosts());
    await asked.promise;
    await own.advance(30_000);
    const error = await failure;
    assert.equal(error.code, 'unreachable');
    assert.match(error.message, /did not answer within 30 s/);
  });

  it('recognises a peer that speaks something else', async (t) => {
    const peer = createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    await new Promise<void>((resolve) => peer.listen(0, '127.0.0.1', resolve));
    t.after(() => peer.close());
    const address = peer.address();
    assert.ok(address !== null && typeof address === 'object');
    const error = await failureOf(clientOf(t, { url: `http://127.0.0.1:${address.port}` }).listHosts());
    assert.match(error.message, /not in HTTP/);
  });

  const badUrls: Array<[string, RegExp]> = [
    ['127.0.0.1:8470', /write for example http:\/\/127\.0\.0\.1:8470/],
    ['ftp://example.org', /not the URL of a server/],
    ['http://me:pw@example.org', /NEXUS_ADMIN_TOKEN/],
  ];
  for (const [url, expected] of badUrls) {
    it(`refuses ${url} as wrong usage`, () => {
      assert.throws(
        () => new NexusClient({ url }, { runtime }),
        (error) => error instanceof NexusError && error.code === 'usage' && expected.test(error.message),
      );
    });
  }

  it('refuses a token that no header can carry', () => {
    assert.throws(
      () => new NexusClient({ url: 'http://127.0.0.1', token: 'two words' }, { runtime }),
      (error) => error instanceof NexusError && error.code === 'usage' && !error.message.includes('two words'),
    );
  });
});
