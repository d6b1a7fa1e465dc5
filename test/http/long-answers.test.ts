/** Answers with thousands of points: written as they are read, the same JSON as short ones, and let go with their reader. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { formatInstant } from '../../src/domain/instant.ts';
import { jsonList } from '../../src/http/json-list.ts';
import { writePieces } from '../../src/http/write-pieces.ts';
import { hostHistoryBodySchema } from '../../src/wire/operator.ts';
import { waitUntil } from '../runtime/wait-until.ts';
import { bareTick, containerBody } from '../wire/telemetry-body.ts';
import { FleetServer } from './fleet-server.ts';
import type { Target } from './http-client.ts';

const NOON_MS = Date.UTC(2026, 2, 1, 12);
const SECONDS = 9_000;
const SPAN = '?from=2026-03-01T09:00:00Z&to=2026-03-01T12:00:00Z';
const HOST = `/v1/hosts/web-1/metrics${SPAN}`;

/** A host with a tick a second. */
async function startWithHistory(t: TestContext): Promise<FleetServer> {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  for (let at = 0; at < SECONDS; at += 100) {
    const ticks = Array.from({ length: 100 }, (_, index) => {
      const containers = [containerBody({ container_id: 'c', metrics: { cpu_percent: index } })];
      const time = formatInstant(NOON_MS - (SECONDS - at - index) * 1000);
      return bareTick(time, { host: { metrics: { cpu_percent: index } }, containers });
    });
    assert.equal(await server.backFill(token, ticks), 204);
  }
  return server;
}

/** The answer's head, with its body still to be read. */
async function begin(target: Target, path: string, method = 'GET'): Promise<IncomingMessage> {
  const asked = request({ ...target, path, method, agent: false });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return response;
}

test('a long answer is the JSON that a short one would be, whoever is asked', async (t) => {
  const server = await startWithHistory(t);
  const long = await server.operator.send('GET', HOST);
  assert.equal(long.status, 200);
  assert.equal(long.headers['content-type'], 'application/json');
  assert.equal(long.headers['content-length'], undefined);
  const body = hostHistoryBodySchema.parse(JSON.parse(long.body));
  assert.deepEqual(Object.keys(JSON.parse(long.body) as object), ['step_seconds', 'tier', 'points']);
  assert.equal(body.points.length, SECONDS);

  const shorter: unknown[] = [];
  for (let from = NOON_MS - SECONDS * 1000; from < NOON_MS; from += 1_500_000) {
    const span = `?from=${formatInstant(from)}&to=${formatInstant(from + 1_499_000)}`;
    const reply = await server.operator.send('GET', `/v1/hosts/web-1/metrics${span}`);
    assert.notEqual(reply.headers['content-length'], undefined);
    shorter.push(...(JSON.parse(reply.body) as { points: unknown[] }).points);
  }
  assert.deepEqual((JSON.parse(long.body) as { points: unknown[] }).points, shorter);

  const container = await server.operator.containerHistory('web-1', 'c', SPAN);
  assert.equal(container.points.length, SECONDS);
  const spread = await server.operator.history('web-1', `${SPAN}&step_seconds=1&spread=true`);
  assert.equal(spread.points[99]?.max?.['cpu_percent'], 99);
});

async function joined(pieces: Iterable<string> | AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const piece of pieces) text += piece;
  return text;
}

test('blocks put together are what one JSON text would be', async () => {
  for (const length of [0, 1, 2_000, 2_001, 2_304, 2_305]) {
    const items = Array.from({ length }, (_, index) => index);
    const { body, pieces } = jsonList({ a: null, b: ']}' }, 'items', items, (item) => ({ item }));
    const text = pieces === undefined ? String(body) : await joined(pieces);
    assert.equal(text, JSON.stringify({ a: null, b: ']}', items: items.map((item) => ({ item })) }), String(length));
    assert.equal(pieces === undefined, length <= 2_000);
  }
});

test('HEAD gets the head alone, and what is refused gets a problem with its status', async (t) => {
  const server = await startWithHistory(t);
  const head = await server.operator.send('HEAD', HOST);
  assert.deepEqual([head.status, head.headers['content-type'], head.body], [200, 'application/json', '']);
  const rows: ReadonlyArray<readonly [path: string, status: number]> = [
    ['/v1/hosts/nobody/metrics', 404],
    [`/v1/hosts/web-1/metrics${SPAN}&step_seconds=0`, 422],
  ];
  for (const [path, status] of rows) {
    const reply = await server.operator.send('GET', path);
    assert.equal(reply.status, status);
    assert.equal(reply.headers['content-type'], 'application/problem+json');
    assert.equal((await server.operator.send('HEAD', path)).status, status);
  }
  // On the same connections as before.
  assert.equal((await server.operator.history('web-1', SPAN)).points.length, SECONDS);
});

test('a slow reader gets all of it, and others are answered meanwhile', async (t) => {
  const server = await startWithHistory(t);
  const response = await begin(server.operator.client.target, HOST);
  response.pause();
  for (let index = 0; index < 3; index += 1) assert.equal((await server.operator.host('web-1')).name, 'web-1');
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    text += chunk as string;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.equal(hostHistoryBodySchema.parse(JSON.parse(text)).points.length, SECONDS);
});

test('a client that hangs up in the middle leaves nothing behind', async (t) => {
  const server = await startWithHistory(t);
  for (let index = 0; index < 5; index += 1) {
    const response = await begin(server.operator.client.target, HOST);
    await once(response, 'data');
    response.destroy();
  }
  assert.equal((await server.operator.history('web-1', SPAN)).points.length, SECONDS);
  assert.deepEqual(server.log.said('a request failed because of a defect in the server'), []);
});

interface Written {
  /** Pieces made so far. */
  made: number;
  hasEnded: boolean;
  failures: unknown[];
}

const PIECE = 'x'.repeat(64 * 1024);
const PIECES = 2_000;

/** Answers everything with 125 MB, in pieces that are counted as they are made; fails at one of them if told. */
async function serveSlowly(t: TestContext, failsAt = PIECES): Promise<{ target: Target; written: Written }> {
  const written: Written = { made: 0, hasEnded: false, failures: [] };
  function* pieces(): Generator<string> {
    try {
      for (; written.made < PIECES; written.made += 1) {
        if (written.made === failsAt) throw new Error('no more');
        yield PIECE;
      }
    } finally {
      written.hasEnded = true;
    }
  }
  const server = createServer((_, response) => {
    response.writeHead(200);
    void writePieces(response, pieces(), (error) => written.failures.push(error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  t.after(() => server.closeAllConnections());
  return { target: { host: '127.0.0.1', port: (server.address() as AddressInfo).port }, written };
}

test('no more is made than the reader takes', async (t) => {
  const { target, written } = await serveSlowly(t);
  const response = await begin(target, '/');
  response.pause();
  let before = -1;
  await waitUntil('the sockets to be full', () => {
    const isFull = written.made === before;
    before = written.made;
    return isFull;
  });
  assert.ok(written.made < PIECES / 4, `${written.made} of ${PIECES} pieces were made for a reader that takes none`);
  let length = 0;
  for await (const chunk of response) length += (chunk as Buffer).length;
  assert.equal(length, PIECES * PIECE.length);
  assert.deepEqual([written.hasEnded, written.failures], [true, []]);
});

test('nothing more is made for a reader that has gone', async (t) => {
  const { target, written } = await serveSlowly(t);
  const response = await begin(target, '/');
  await once(response, 'data');
  response.destroy();
  await waitUntil('the pieces to end', () => written.hasEnded);
  assert.ok(written.made < PIECES);
  assert.deepEqual(written.failures, [], 'a reader may leave');
});

test('an answer that fails in the middle is cut, so that a part is not taken for the whole', async (t) => {
  const { target, written } = await serveSlowly(t, 3);
  const response = await begin(target, '/');
  await assert.rejects(response.toArray(), { code: 'ECONNRESET' });
  assert.deepEqual(written.failures.map(String), ['Error: no more']);
});
