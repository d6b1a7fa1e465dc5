/** A registry as hosts meet it: the lab's real one behind a proxy that limits, refuses, hangs, drips and lies on demand. */
import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingMessage,
  type RequestOptions,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterwards } from '../support/afterwards.ts';

export type RegistryFault =
  /** Nothing listens: connections are refused. */
  | { readonly kind: 'away' }
  /** Requests are taken and never answered. */
  | { readonly kind: 'hangs' }
  /** Every request is answered so; 429 and 503 usually carry `retry-after`. */
  | { readonly kind: 'answers'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** Blobs arrive at this pace. */
  | { readonly kind: 'drips'; readonly bytesPerSecond: number }
  /** Blobs end after so many bytes with a reset connection. */
  | { readonly kind: 'breaks-off'; readonly afterBytes: number }
  /** The last byte of each blob is another one than the registry sent. */
  | { readonly kind: 'garbles' }
  /** HTTP basic authentication: others are answered 401. */
  | { readonly kind: 'wants-credentials'; readonly user: string; readonly password: string };

export interface RegistryRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number | null;
}

const PIECE_MS = 100;

export class RegistryProxy {
  /** `HOST:PORT`: the first part of the names of images. It stays the same while the registry is away. */
  readonly address: string;
  /** What was asked, in order; `status` is null for a request that got no answer. */
  readonly requests: RegistryRequest[] = [];
  readonly #upstream: RequestOptions;
  readonly #host: string;
  readonly #port: number;
  #server: Server;
  #fault: RegistryFault | null = null;

  private constructor(server: Server, upstream: string) {
    const { address, port } = server.address() as AddressInfo;
    const [host, upstreamPort] = upstream.split(':');
    this.#server = server;
    this.#host = address;
    this.#port = port;
    this.#upstream = { host, port: Number(upstreamPort), agent: new Agent({ keepAlive: true, maxSockets: 8 }) };
    this.address = `${address}:${port}`;
    this.#serve(server);
  }

  /** Listens on `listenHost` until the test is over; `upstream` is the real registry's `HOST:PORT`. */
  static async start(test: Pick<TestContext, 'after'>, listenHost: string, upstream: string): Promise<RegistryProxy> {
    const server = createServer().listen(0, listenHost);
    await once(server, 'listening');
    const proxy = new RegistryProxy(server, upstream);
    afterwards(test, async () => {
      await proxy.#close();
      if (proxy.#upstream.agent instanceof Agent) proxy.#upstream.agent.destroy();
    });
    return proxy;
  }

  /** From now on, until {@link recover}; takes the place of an earlier fault. */
  async fail(fault: RegistryFault): Promise<void> {
    await this.recover();
    this.#fault = fault;
    if (fault.kind === 'away') await this.#close();
    // A connection that lies idle would otherwise carry the next request past the fault.
    else this.#server.closeAllConnections();
  }

  async recover(): Promise<void> {
    this.#fault = null;
    if (this.#server.listening) return;
    this.#server = createServer().listen(this.#port, this.#host);
    this.#serve(this.#server);
    await once(this.#server, 'listening');
  }

  /** Whether any request had this in its path. */
  wasAskedFor(part: string): boolean {
    return this.requests.some(({ path }) => path.includes(part));
  }

  /** Requests for manifests of a repository, by digest or tag, that were answered 200. */
  manifestsServed(repository: string): string[] {
    const prefix = `/v2/${repository}/manifests/`;
    return this.requests.flatMap(({ path, status }) =>
      status === 200 && path.startsWith(prefix) ? path.slice(prefix.length) : [],
    );
  }

  #serve(server: Server): void {
    server.on('request', (asked: IncomingMessage, answer: ServerResponse) => {
      this.#handle(asked, answer).catch(() => answer.destroy());
    });
  }

  async #close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #handle(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const fault = this.#fault;
    const { method = 'GET', url: path = '/' } = asked;
    const note = (status: number | null): void => void this.requests.push({ method, path, status });
    if (fault?.kind === 'hangs') return note(null);
    if (fault?.kind === 'answers') {
      note(fault.status);
      answer.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers });
      answer.end(JSON.stringify({ errors: [{ code: errorCodeOf(fault.status), message: 'as the test wants it' }] }));
      return;
    }
    if (fault?.kind === 'wants-credentials' && !isAuthorized(asked, fault)) {
      note(401);
      answer.writeHead(401, { 'content-type': 'application/json', 'www-authenticate': 'Basic realm="lab"' });
      answer.end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] }));
      return;
    }
    const { authorization: _, ...headers } = asked.headers;
    const forwarded = request({ ...this.#upstream, method, path, headers });
    asked.pipe(forwarded);
    const [reply] = (await once(forwarded, 'response')) as [IncomingMessage];
    note(reply.statusCode ?? 0);
    answer.writeHead(reply.statusCode ?? 502, reply.headers);
    const isBlob = method === 'GET' && path.includes('/blobs/');
    const change = fault === null || !isBlob ? null : bodyOf(fault, Number(reply.headers['content-length'] ?? 0));
    await (change === null ? pipeline(reply, answer) : pipeline(reply, change, answer));
  }
}

/** What a fault does to the bytes of a blob; null: nothing. */
function bodyOf(fault: RegistryFault, totalBytes: number): Transform | null {
  let passed = 0;
  switch (fault.kind) {
    case 'drips': {
      const pieceBytes = Math.max(1, Math.floor((fault.bytesPerSecond * PIECE_MS) / 1000));
      return transform(async (bytes, push) => {
        for (let at = 0; at < bytes.length; at += pieceBytes) {
          await sleep(PIECE_MS);
          push(bytes.subarray(at, at + pieceBytes));
        }
      });
    }
    case 'breaks-off':
      return transform(async (bytes, push) => {
        push(bytes.subarray(0, Math.max(0, fault.afterBytes - passed)));
        passed += bytes.length;
        if (passed >= fault.afterBytes) throw new Error('the connection breaks off, as the test wants it');
      });
    case 'garbles':
      return transform(async (bytes, push) => {
        passed += bytes.length;
        const copy = Buffer.from(bytes);
        if (passed === totalBytes) copy[copy.length - 1] = (copy[copy.length - 1] ?? 0) ^ 0xff;
        push(copy);
      });
    default:
      return null;
  }
}

function transform(work: (bytes: Buffer, push: (bytes: Buffer) => void) => Promise<void>): Transform {
  return new Transform({
    transform(bytes: Buffer, _encoding, done) {
      work(bytes, (piece) => void this.push(piece)).then(
        () => done(),
        (error: Error) => done(error),
      );
    },
  });
}

function isAuthorized(asked: IncomingMessage, wanted: { readonly user: string; readonly password: string }): boolean {
  const expected = Buffer.from(`${wanted.user}:${wanted.password}`).toString('base64');
  return asked.headers.authorization === `Basic ${expected}`;
}

/** As registries call them (Docker Registry HTTP API V2, 'Error codes'). */
function errorCodeOf(status: number): string {
  if (status === 429) return 'TOOMANYREQUESTS';
  if (status === 403) return 'DENIED';
  if (status === 404) return 'MANIFEST_UNKNOWN';
  return 'UNAVAILABLE';
}
