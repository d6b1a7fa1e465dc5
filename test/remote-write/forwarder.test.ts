import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { snappyUncompress } from 'hyparquet/src/snappy.js';
import { formatInstant } from '../../src/domain/instant.ts';
import { Forwarder, type ForwarderParts } from '../../src/remote-write/forwarder.ts';
import { ByteReader } from '../../src/telemetry/bytes.ts';
import { FleetServer } from '../http/fleet-server.ts';
import { skipWithoutTool } from '../optional-tool.ts';
import { unlessHung, waitUntil } from '../runtime/wait-until.ts';
import { telemetryBody } from '../wire/telemetry-body.ts';

/** Of `telemetryBody`: eight of the host, seven of its container. */
const SAMPLES_PER_TICK = 15;

interface Received {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly atMs: number;
}

function* fields(reader: ByteReader): Generator<{ number: number; bytes: Uint8Array; varint: number }> {
  while (reader.left > 0) {
    const tag = reader.varint();
    const [number, type] = [tag >> 3, tag & 7];
    if (type === 2) yield { number, bytes: reader.bytes(reader.varint()), varint: 0 };
    else if (type === 1) yield { number, bytes: reader.bytes(8), varint: 0 };
    else yield { number, bytes: new Uint8Array(0), varint: reader.varint() };
  }
}

/** Reads a request as the specification describes it. */
function decode(body: Buffer): Received[] {
  let shift = 0;
  let length = 0;
  for (const byte of body) {
    length |= (byte & 127) << shift;
    shift += 7;
    if (byte < 128) break;
  }
  const plain = new Uint8Array(length);
  snappyUncompress(body, plain);
  const samples: Received[] = [];
  const text = new TextDecoder();
  for (const series of fields(new ByteReader(plain, Error))) {
    const labels: Record<string, string> = {};
    for (const { number, bytes } of fields(new ByteReader(series.bytes, Error))) {
      const parts = [...fields(new ByteReader(bytes, Error))];
      if (number === 1) labels[text.decode(parts[0]?.bytes)] = text.decode(parts[1]?.bytes);
      else {
        const value = parts[0]?.bytes ?? new Uint8Array(8);
        samples.push({
          labels,
          value: new DataView(value.buffer, value.byteOffset, 8).getFloat64(0, true),
          atMs: parts[1]?.varint ?? 0,
        });
      }
    }
  }
  return samples;
}

class Receiver {
  readonly samples: Received[] = [];
  requests = 0;
  /** What it answers; below 300 it keeps what it was sent. */
  status = 204;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#take(request).then((status) => response.writeHead(status).end(status < 300 ? undefined : 'no'));
    });
  }

  static async start(t: TestContext): Promise<Receiver> {
    const receiver = new Receiver();
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    t.after(() => receiver.#server.closeAllConnections());
    t.after(() => receiver.#server.close());
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/api/v1/write`;
  }

  async #take(request: IncomingMessage): Promise<number> {
    const body = Buffer.concat(await request.toArray());
    assert.equal(request.headers['content-encoding'], 'snappy');
    assert.equal(request.headers['content-type'], 'application/x-protobuf');
    this.requests += 1;
    if (this.status < 300) this.samples.push(...decode(body));
    return this.status;
  }
}

const QUICK = { idleMs: 5, gatherMs: 1, minBackOffMs: 5, maxBackOffMs: 40 };

function forward(t: TestContext, server: FleetServer, url: string, limits: ForwarderParts['limits'] = {}): Forwarder {
  const forwarder = new Forwarder({
    authorization: null,
    url,
    store: () => server.store,
    // Never wakes it: these tests wait for what it does by itself.
    feed: { followTicks: () => {} },
    runtime: server.clock,
    log: server.log,
    limits: { ...QUICK, ...limits },
  });
  forwarder.start();
  t.after(() => forwarder.stop());
  return forwarder;
}

async function report(server: FleetServer, token: string, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    server.clock.advance(30);
    const body = telemetryBody({ recorded_at: formatInstant(server.clock.nowMs()) });
    assert.equal(await server.report(token, body), 204);
  }
}

const instants = (receiver: Receiver): Set<number> => new Set(receiver.samples.map((sample) => sample.atMs));

test('every sample is forwarded with its labels, in base units, once', async (t) => {
  const server = await FleetServer.start(t);
  const receiver = await Receiver.start(t);
  const { token } = await server.operator.addHost('web-1');
  await report(server, token, 3);
  forward(t, server, receiver.url);
  await waitUntil('three ticks', () => receiver.samples.length >= 3 * SAMPLES_PER_TICK);
  await report(server, token, 2);
  await waitUntil('two more', () => receiver.samples.length >= 5 * SAMPLES_PER_TICK);
  assert.equal(receiver.samples.length, 5 * SAMPLES_PER_TICK);
  const of = (name: string) => receiver.samples.find((sample) => sample.labels['__name__'] === name);
  assert.deepEqual(of('nexus_host_memory_used_bytes'), {
    labels: { __name__: 'nexus_host_memory_used_bytes', host: 'web-1' },
    value: 2048 * 1024 * 1024,
    atMs: Date.UTC(2026, 2, 1, 12, 0, 30),
  });
  assert.deepEqual(of('nexus_container_network_receive_bytes_total')?.labels, {
    __name__: 'nexus_container_network_receive_bytes_total',
    container: 'shop-web-1',
    container_id: 'c0ffee',
    host: 'web-1',
  });
});

test('what a store does not take waits, over restarts and compaction, and is sent when it does', async (t) => {
  const server = await FleetServer.start(t);
  const receiver = await Receiver.start(t);
  const { token } = await server.operator.addHost('web-1');
  receiver.status = 503;
  const forwarder = forward(t, server, receiver.url);
  await report(server, token, 400);
  await waitUntil('the oldest to be put off', () => server.store.forwarding.first() !== undefined);
  server.clock.advance(6 * 3600);
  await waitUntil('everything to be put off', () => {
    const { forwarding } = server.store;
    return forwarding.pending(1) === null;
  });
  await server.compact();
  assert.equal(receiver.samples.length, 0);
  await forwarder.stop();
  await server.restart();
  receiver.status = 204;
  forward(t, server, receiver.url);
  await waitUntil('all of them', () => instants(receiver).size === 400);
  await waitUntil('an empty queue', () => server.store.forwarding.first() === undefined);
  assert.equal(receiver.samples.length, 400 * SAMPLES_PER_TICK);
  assert.equal(server.log.said('the remote store does not accept samples: they are kept and sent later').length, 1);
});

test('what a store refuses is dropped with a log line, and the rest goes on', async (t) => {
  const server = await FleetServer.start(t);
  const receiver = await Receiver.start(t);
  const { token } = await server.operator.addHost('web-1');
  receiver.status = 400;
  forward(t, server, receiver.url);
  await report(server, token, 1);
  await waitUntil('a refusal', () =>
    server.log
      .said('the remote store refused samples, which are now dropped')
      .some((line) => line.fields['reason'] === '400 no'),
  );
  receiver.status = 204;
  await report(server, token, 1);
  await waitUntil('the next tick', () => receiver.samples.length === SAMPLES_PER_TICK);
  assert.deepEqual([...instants(receiver)], [Date.UTC(2026, 2, 1, 12, 1)]);
});

test('the queue is bounded by size and by age: the oldest goes, with a log line', async (t) => {
  const server = await FleetServer.start(t);
  const receiver = await Receiver.start(t);
  const { token } = await server.operator.addHost('web-1');
  receiver.status = 503;
  const limits = { putOffAfterMs: 0, maxTicks: 1, maxQueueBytes: 4_000 };
  forward(t, server, receiver.url, limits);
  await report(server, token, 50);
  const dropped = 'the queue for the remote store was too long or too old, so the oldest requests were dropped';
  await waitUntil('requests to be dropped', () => server.log.said(dropped).length > 0);
  await waitUntil('the rows to be put off', () => {
    const { forwarding } = server.store;
    return forwarding.pending(1) === null;
  });
  receiver.status = 204;
  await waitUntil('an empty queue', () => server.store.forwarding.first() === undefined);
  const got = [...instants(receiver)].sort((a, b) => a - b);
  assert.ok(got.length > 0 && got.length < 20, `${got.length} of 50`);
  assert.equal(got.at(-1), server.clock.nowMs(), 'the newest are kept');
});

test('what became of requests is counted, and what waits can be seen', async (t) => {
  const server = await FleetServer.start(t);
  const receiver = await Receiver.start(t);
  const { token } = await server.operator.addHost('web-1');
  receiver.status = 503;
  const forwarder = forward(t, server, receiver.url, { maxTicks: 1 });
  assert.deepEqual(forwarder.figures().backlog, { requests: 0, requestBytes: 0, ticks: 0, oldestAtMs: null });
  await report(server, token, 10);
  const firstAtMs = Date.UTC(2026, 2, 1, 12, 0, 30);
  await waitUntil('a failure', () => forwarder.figures().requests.failed > 0);
  assert.deepEqual(forwarder.figures().backlog, { requests: 0, requestBytes: 0, ticks: 10, oldestAtMs: firstAtMs });
  server.clock.advance(3600);
  await waitUntil('everything to be put off', () => forwarder.figures().backlog.ticks === 0);
  const { requests, requestBytes, oldestAtMs } = forwarder.figures().backlog;
  assert.deepEqual([requests, oldestAtMs], [10, firstAtMs]);
  assert.ok(requestBytes > 1_000);
  receiver.status = 400;
  await waitUntil('a refusal', () => forwarder.figures().requests.refused > 0);
  receiver.status = 204;
  await waitUntil('nothing to wait', () => forwarder.figures().backlog.oldestAtMs === null);
  const { sent, refused, dropped } = forwarder.figures().requests;
  assert.deepEqual([sent + refused, dropped], [10, 0]);
});

test('a store that does not answer in time is asked again, and does not hold up the end', async (t) => {
  const server = await FleetServer.start(t);
  const { token } = await server.operator.addHost('web-1');
  await report(server, token, 1);
  let asked = 0;
  const silent = createServer(() => {
    asked += 1;
  });
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => silent.close());
  t.after(() => silent.closeAllConnections());
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
  // Every signal that it makes of one that lives as long as the server would stay for as long.
  const any = t.mock.method(AbortSignal, 'any');
  const forwarder = forward(t, server, url, { requestLimitMs: 50 });
  await waitUntil('three attempts', () => asked >= 3);
  assert.equal(any.mock.callCount(), 0);
  const [line] = server.log.said('the remote store does not accept samples: they are kept and sent later');
  assert.match(String(line?.fields['reason']), /no answer within 50 ms/);

  await forwarder.stop();
  const patient = forward(t, server, url, { requestLimitMs: 3_600_000 });
  const before = asked;
  await waitUntil('a request', () => asked > before);
  await unlessHung('it to stop without waiting for the answer', patient.stop());
});

interface Writer {
  readonly name: 'victoria-metrics' | 'prometheus';
  readonly command: (directory: string, port: number) => readonly [file: string, ...args: string[]];
  readonly write: string;
}

const ENGINES: readonly Writer[] = [
  {
    name: 'victoria-metrics',
    command: (directory, port) => [
      'victoria-metrics',
      `-storageDataPath=${directory}`,
      `-httpListenAddr=127.0.0.1:${port}`,
      '-search.latencyOffset=0s',
    ],
    write: '/api/v1/write',
  },
  {
    name: 'prometheus',
    command: (directory, port) => {
      const config = path.join(directory, 'prometheus.yml');
      writeFileSync(config, 'global: {}\n');
      const listen = `--web.listen-address=127.0.0.1:${port}`;
      const storage = `--storage.tsdb.path=${path.join(directory, 'data')}`;
      return ['prometheus', `--config.file=${config}`, storage, listen, '--web.enable-remote-write-receiver'];
    },
    write: '/api/v1/write',
  },
];

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

function end(child: ChildProcess): Promise<unknown> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  child.kill('SIGKILL');
  return once(child, 'exit');
}

for (const engine of ENGINES) {
  const skip = skipWithoutTool(engine.name);

  test(`${engine.name} takes what is forwarded, and what waited while it was away`, { skip }, async (t) => {
    const directory = mkdtempSync(path.join(tmpdir(), 'nexus-remote-'));
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const [file, ...args] = engine.command(directory, port);
    const launch = (): ChildProcess => spawn(file, args, { stdio: 'ignore' });
    const server = await FleetServer.start(t);
    // The engines refuse samples of long ago, so this test runs by the real clock.
    server.clock.set(formatInstant(Date.now() - 600_000));
    const { token } = await server.operator.addHost('web-1');
    await report(server, token, 3);
    const forwarder = forward(t, server, `${url}${engine.write}`);
    await waitUntil(
      'a failed attempt',
      () => server.log.said('the remote store does not accept samples: they are kept and sent later').length > 0,
    );
    const child = launch();
    t.after(async () => {
      await forwarder.stop();
      await end(child);
      rmSync(directory, { recursive: true, force: true });
    });
    await report(server, token, 4);
    const span = `start=${(Date.now() - 900_000) / 1000}&end=${Date.now() / 1000}&step=30`;
    const query = async (text: string): Promise<Array<[number, string]>> => {
      const answer = await fetch(
        `${url}/api/v1/query?query=${encodeURIComponent(`${text}[15m]`)}&time=${Date.now() / 1000}&${span}`,
      );
      const body = (await answer.json()) as { data: { result: Array<{ values: Array<[number, string]> }> } };
      return body.data.result[0]?.values ?? [];
    };
    const values = await waitUntil(`seven samples in ${engine.name}`, async () => {
      const found = await query('nexus_host_network_receive_bytes_total{host="web-1"}');
      return found.length === 7 ? found : undefined;
    });
    assert.deepEqual(new Set(values.map(([, value]) => value)), new Set(['123456789']));
    assert.deepEqual(
      values.map(([seconds]) => Math.round(seconds * 1000)),
      Array.from({ length: 7 }, (_, index) => server.clock.nowMs() - (6 - index) * 30_000),
    );
    const container = await query(
      'nexus_container_memory_usage_bytes{host="web-1",container="shop-web-1",container_id="c0ffee"}',
    );
    assert.deepEqual(new Set(container.map(([, value]) => Number(value))), new Set([256 * 1024 * 1024]));
  });
}
