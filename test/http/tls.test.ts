/** The appliance on TLS, with the clients that it is shipped with. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectPlain, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Duplex, PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import tls from 'node:tls';
import { HttpClient as AgentClient } from '../../agent/server/http-client.ts';
import { NexusClient } from '../../src/client/nexus-client.ts';
import { NexusError } from '../../src/domain/errors.ts';
import type { Timer, TimerOptions } from '../../src/domain/runtime.ts';
import { type Appliance, openAppliance } from '../../src/main.ts';
import { issueAuthority } from '../../src/pki/authority.ts';
import { makeP256Key, privateKeyPem } from '../../src/pki/private-key.ts';
import { systemRuntime } from '../../src/runtime/system-runtime.ts';
import { RecordingLog } from '../domain/recording-log.ts';
import { SettableRuntime } from '../domain/settable-runtime.ts';
import { waitUntil } from '../runtime/wait-until.ts';
import { bareTick } from '../wire/telemetry-body.ts';
import { HttpClient } from './http-client.ts';
import { Operator } from './operator.ts';

interface Served {
  readonly appliance: Appliance;
  readonly authorityPem: string;
  readonly operator: Operator;
  readonly port: number;
}

async function serve(t: TestContext): Promise<Served> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'nexus-tls-'));
  const listen = { host: '127.0.0.1', port: 0 };
  const config = { dataDir, listen, agentRateLimit: 60, tls: { kind: 'own', names: [] } } as const;
  const appliance = await openAppliance(config, systemRuntime, new RecordingLog());
  const local = new HttpClient({ socketPath: appliance.socketPath });
  t.after(async () => {
    local.close();
    await appliance.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  assert.match(appliance.url, /^https:\/\/127\.0\.0\.1:\d+$/);
  const authorityPem = readFileSync(appliance.authorityFile ?? '', 'utf8');
  return { appliance, authorityPem, operator: new Operator(local), port: Number(new URL(appliance.url).port) };
}

/** The first bytes of a TLS client. */
async function clientHello(): Promise<Buffer> {
  const pipe = new PassThrough();
  const written: Buffer[] = [];
  const wire = new Duplex({
    read: () => {},
    write: (piece: Buffer, _encoding, done) => {
      written.push(piece);
      pipe.write(piece);
      done();
    },
  });
  const client = tls.connect({ socket: wire });
  await once(pipe, 'data');
  client.destroy();
  return Buffer.concat(written);
}

/** A CA that nobody here knows. */
function strangerPem(): string {
  return issueAuthority(privateKeyPem(makeP256Key(systemRuntime)), systemRuntime);
}

test('an agent reports over TLS to the server whose CA it was given, and to no other', async (t) => {
  const { appliance, authorityPem, operator } = await serve(t);
  const { token } = await operator.addHost('web-1');
  const report = async (caPem: string | null, url = appliance.url) => {
    const address = { url: new URL(url), token, authorityPem: caPem };
    const client = await AgentClient.open(address, systemRuntime);
    t.after(() => client.close());
    const bytes = Buffer.from(JSON.stringify(bareTick(new Date().toISOString())));
    const body = { bytes, gzipped: false };
    return client.call({ lane: 'telemetry', method: 'POST', path: '/agent/telemetry', body, timeoutMs: 30_000 });
  };
  for (const caPem of [null, strangerPem()]) {
    assert.deepEqual(await report(caPem), { kind: 'silence', reason: 'self-signed certificate in certificate chain' });
    assert.equal((await operator.host('web-1')).last_seen_at, null);
  }
  // Not taken for a refusal of the tick, which would drop it.
  assert.deepEqual(await report(null, appliance.url.replace('https', 'http')), {
    kind: 'silence',
    reason: 'the server speaks TLS: write https:// in NEXUS_URL',
  });
  const reply = await report(authorityPem);
  assert.equal(reply.kind === 'answer' && reply.status, 204);
  assert.equal((await operator.host('web-1')).status, 'online');
});

test('an operator is told what to do about a CA that is not known, and about http://', async (t) => {
  const { appliance, authorityPem, operator, port } = await serve(t);
  const minted = JSON.parse((await operator.send('POST', '/v1/tokens', { kind: 'admin' })).body) as { token: string };
  const ask = async (url: string, caPem?: string): Promise<unknown> => {
    const client = new NexusClient({ url, token: minted.token, authorityPem: caPem }, { runtime: systemRuntime });
    try {
      return await client.listHosts();
    } catch (error) {
      return error instanceof NexusError ? `${error.code}: ${error.message}` : error;
    } finally {
      await client.close();
    }
  };
  const untrusted = /^unreachable: the certificate of https:.* is not from a CA that this machine trusts\. Copy pki/;
  assert.match(String(await ask(appliance.url)), untrusted);
  assert.match(String(await ask(appliance.url, strangerPem())), untrusted);
  assert.match(String(await ask(`http://127.0.0.1:${port}`)), /this port speaks TLS: write https:\/\//);
  assert.deepEqual(await ask(appliance.url, authorityPem), { hosts: [], next_cursor: null });
});

test('plain HTTP to the port of TLS is answered once, in plain HTTP', async (t) => {
  const { port } = await serve(t);
  const socket = connectPlain(port, '127.0.0.1');
  t.after(() => socket.destroy());
  const pieces: Buffer[] = [];
  socket.on('data', (piece: Buffer) => pieces.push(piece));
  socket.write('GET /v1/hosts HTTP/1.1\r\nhost: nexus.test\r\nauthorization: Bearer nxo_x\r\n\r\n');
  await once(socket, 'end');
  const [head = '', body = ''] = Buffer.concat(pieces).toString().split('\r\n\r\n');
  assert.match(head, /^HTTP\/1\.1 400 Bad Request\r\n/);
  assert.match(head, /\r\nconnection: close(?:\r\n|$)/);
  assert.deepEqual(JSON.parse(body), {
    type: 'about:blank',
    title: 'Bad Request',
    status: 400,
    detail: 'this port speaks TLS: write https:// in the address of the server',
    code: 'tls_required',
  });
});

test('TLS 1.2 is refused, and TLS 1.3 is spoken', async (t) => {
  const { authorityPem, port } = await serve(t);
  const connect = (options: tls.ConnectionOptions): tls.TLSSocket => {
    const socket = tls.connect({ host: '127.0.0.1', port, ca: authorityPem, ...options });
    t.after(() => socket.destroy());
    return socket;
  };
  const old = connect({ maxVersion: 'TLSv1.2' });
  const [error] = (await once(old, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  const current = connect({});
  await once(current, 'secureConnect');
  assert.equal(current.getProtocol(), 'TLSv1.3');
});

test('a handshake that comes in two pieces is a handshake', async (t) => {
  const { port } = await serve(t);
  const hello = await clientHello();
  const socket = connectPlain({ port, host: '127.0.0.1', noDelay: true });
  t.after(() => socket.destroy());
  socket.write(hello.subarray(0, 1));
  await setImmediate();
  socket.write(hello.subarray(1));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  // A handshake record (RFC 8446 section 5.1) with a ServerHello.
  assert.deepEqual([answer[0], answer[5]], [0x16, 2]);
});

test('a server on TLS closes while a handshake is under way', async (t) => {
  const { appliance, port } = await serve(t);
  const hello = await clientHello();
  const sockets = [connectPlain(port, '127.0.0.1'), connectPlain(port, '127.0.0.1')];
  for (const socket of sockets) {
    t.after(() => socket.destroy());
    await once(socket, 'connect');
  }
  sockets[0]?.write(hello);
  await once(sockets[0] as Socket, 'data');
  await Promise.all([appliance.close(), ...sockets.map((socket) => once(socket, 'close'))]);
});

/** A runtime of which the test itself ends the waits of a minute. */
class MinuteRuntime extends SettableRuntime {
  #onMinute: () => void = () => {};

  override setTimer(delayMs: number, callback: () => void, options?: TimerOptions): Timer {
    if (delayMs !== 60_000) return super.setTimer(delayMs, callback, options);
    this.#onMinute = callback;
    return { cancel: () => {} };
  }

  endMinute(): void {
    this.#onMinute();
  }
}

test('a renewed certificate is presented to the next connection, and the open one goes on', async (t) => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'nexus-tls-'));
  const runtime = new MinuteRuntime('2030-01-31T12:00:00Z');
  const log = new RecordingLog();
  const config = { dataDir, listen: { host: '127.0.0.1', port: 0 }, agentRateLimit: 60 };
  const appliance = await openAppliance({ ...config, tls: { kind: 'own', names: [] } }, runtime, log);
  t.after(async () => {
    await appliance.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const port = Number(new URL(appliance.url).port);
  const connect = async (): Promise<tls.TLSSocket> => {
    // The certificates of this test are of another time.
    const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    t.after(() => socket.destroy());
    await once(socket, 'secureConnect');
    return socket;
  };
  const validTo = (socket: tls.TLSSocket): string => socket.getPeerCertificate().valid_to;
  const before = await connect();
  assert.equal(validTo(before), 'May  1 12:00:00 2030 GMT');
  runtime.set('2030-04-02T12:00:00Z');
  runtime.endMinute();
  await waitUntil(
    'the renewed certificate',
    () => log.said('the server now presents a new TLS certificate').length === 1,
  );
  assert.equal(validTo(await connect()), 'Jul  1 12:00:00 2030 GMT');
  before.write('GET /readyz HTTP/1.1\r\nhost: nexus.test\r\n\r\n');
  const [piece] = (await once(before, 'data')) as [Buffer];
  assert.match(piece.toString(), /^HTTP\/1\.1 200 OK/);
});
