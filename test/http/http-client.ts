/** Requests as the network carries them: through node:http, or byte for byte through a socket. */
import { Agent, type IncomingHttpHeaders, request as sendRequest } from 'node:http';
import { connect, type Socket } from 'node:net';

/** Where a server listens. */
export type Target = { readonly host: string; readonly port: number } | { readonly socketPath: string };

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The sender's end of the connection; 0 on a Unix socket. */
  readonly localPort: number;
  /** The interim answers before it, e.g. 100. */
  readonly interim: readonly number[];
}

export function targetOf(url: string): Target {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

/** Keeps its connections open, as agents do. */
export class HttpClient {
  readonly target: Target;
  readonly #agent: Agent;
  readonly #onReply: (reply: Reply) => void;

  constructor(target: Target, options: { maxSockets?: number; onReply?: (reply: Reply) => void } = {}) {
    this.target = target;
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.maxSockets ?? 16 });
    this.#onReply = options.onReply ?? (() => {});
  }

  send(call: Call): Promise<Reply> {
    const { method, path, headers = {}, body } = call;
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    return new Promise((resolve, reject) => {
      const request = sendRequest(
        { ...this.target, agent: this.#agent, method, path, headers: { ...length, ...headers } },
        (response) => {
          const chunks: Buffer[] = [];
          const localPort = response.socket.localPort ?? 0;
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const reply = {
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks).toString(),
              localPort,
              interim: [],
            };
            this.#onReply(reply);
            resolve(reply);
          });
        },
      );
      request.on('error', reject);
      request.end(body);
    });
  }

  /** Sends bytes over a connection of their own and reads the one answer to them. `half-close`: no more will come. */
  sendBytes(pieces: ReadonlyArray<string | Uint8Array>, after: 'wait' | 'half-close' = 'wait'): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const socket = this.#connect();
      let received = Buffer.alloc(0);
      const finish = (): boolean => {
        const reply = parseReply(received);
        if (reply === undefined) return false;
        socket.destroy();
        this.#onReply(reply);
        resolve(reply);
        return true;
      };
      socket.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        finish();
      });
      socket.on('error', (error) => {
        if (!finish()) reject(error);
      });
      socket.on('close', () => {
        if (!finish()) reject(new Error(`the connection closed after ${JSON.stringify(received.toString())}`));
      });
      for (const piece of pieces) socket.write(piece);
      if (after === 'half-close') socket.end();
    });
  }

  /** Sends bytes and breaks the connection off. Resolves when it is gone. */
  sendAndVanish(bytes: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = this.#connect();
      socket.on('connect', () => socket.write(bytes, () => socket.resetAndDestroy()));
      socket.on('error', reject);
      socket.on('close', () => resolve());
    });
  }

  #connect(): Socket {
    return 'socketPath' in this.target ? connect(this.target.socketPath) : connect(this.target.port, this.target.host);
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** The first final answer in these bytes; undefined while it is not complete. */
function parseReply(bytes: Buffer): Reply | undefined {
  const interim: number[] = [];
  let text = bytes.toString('latin1');
  for (;;) {
    const end = text.indexOf('\r\n\r\n');
    if (end === -1) return undefined;
    const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
    const status = Number(statusLine.split(' ')[1]);
    const headers = Object.fromEntries(lines.map(readHeader));
    const rest = text.slice(end + 4);
    if (status >= 200) {
      const length = Number(headers['content-length'] ?? 0);
      return rest.length < length ? undefined : { status, headers, body: rest.slice(0, length), localPort: 0, interim };
    }
    interim.push(status);
    text = rest;
  }
}

function readHeader(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}
