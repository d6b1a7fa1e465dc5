/** `GET /v1/stream` over real sockets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NexusClient } from '../../src/client/nexus-client.ts';
import { NexusError } from '../../src/domain/errors.ts';
import { systemRuntime } from '../../src/runtime/system-runtime.ts';
import { FleetServer } from './fleet-server.ts';

function clientOf(server: FleetServer): NexusClient {
  return new NexusClient({ socketPath: `${server.dataDir}/nexus.sock` }, { runtime: systemRuntime });
}

test('entries come in order, each once, from the position asked for and as they are committed', async (t) => {
  const server = await FleetServer.start(t);
  await server.operator.addHost('web-1');
  await server.operator.addHost('web-2');
  const client = clientOf(server);
  t.after(() => client.close());
  const kinds: string[] = [];
  let isOpen = false;
  for await (const { id, kind, host } of client.followEvents({ after: 1 }, () => {
    isOpen = true;
  })) {
    assert.equal(isOpen, true);
    kinds.push(`${id} ${kind} ${host}`);
    if (kinds.length === 3) void server.operator.addHost('web-3');
    if (kinds.length === 5) break;
  }
  assert.deepEqual(kinds, [
    '2 token_created web-1',
    '3 host_added web-2',
    '4 token_created web-2',
    '5 host_added web-3',
    '6 token_created web-3',
  ]);
});

test('a stream of one host tells of that host alone', async (t) => {
  const server = await FleetServer.start(t);
  await server.operator.addHost('web-1');
  await server.operator.addHost('web-2');
  const client = clientOf(server);
  t.after(() => client.close());
  for await (const { id, host } of client.followEvents({ after: 0, host: 'web-2' }, () => {})) {
    assert.deepEqual([id, host], [3, 'web-2']);
    break;
  }
});

test('Last-Event-ID takes the place of the position, and a wrong one is refused', async (t) => {
  const server = await FleetServer.start(t);
  const wrong = await server.operator.send('GET', '/v1/stream', undefined, { 'last-event-id': 'x' });
  assert.equal(wrong.status, 422);
  assert.match(wrong.body, /must be the id of an entry of the log/);
});

test('a server that stops ends its streams and does not wait for them', async (t) => {
  const server = await FleetServer.start(t);
  const client = clientOf(server);
  t.after(() => client.close());
  const ended = (async () => {
    for await (const _entry of client.followEvents({ after: 0 }, () => void server.stop()));
  })();
  await ended;
});

test('an aborted stream ends at once, as unreachable', async (t) => {
  const server = await FleetServer.start(t);
  const client = clientOf(server);
  t.after(() => client.close());
  const abort = new AbortController();
  const follow = async (): Promise<void> => {
    const span = { after: 0, signal: abort.signal };
    for await (const _entry of client.followEvents(span, () => abort.abort()));
  };
  await assert.rejects(follow(), (error) => error instanceof NexusError && error.code === 'unreachable');
});

test('without the right to read there is no stream', async (t) => {
  const server = await FleetServer.start(t);
  assert.equal((await server.operatorOverTcp('GET', '/v1/stream')).status, 401);
  const { token } = await server.operator.addHost('web-1');
  assert.equal((await server.operatorOverTcp('GET', '/v1/stream', token)).status, 403);
});
