/** The two sides of an HTTP exchange as the server's surface takes them from `node:http`, without sockets. */
import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Writable } from 'node:stream';
import type { HttpSurface } from '../../../../src/http/http-surface.ts';
import type { HttpAnswer, HttpMessage } from '../kernel/network.ts';

class RequestDouble extends EventEmitter {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly socket: { readonly remoteAddress: string };
  readonly destroyed = false;
  complete = false;
  readonly #body: Buffer;

  constructor({ method, path, headers, body }: HttpMessage, remoteAddress: string) {
    super();
    this.method = method;
    this.url = path;
    this.headers = headers;
    this.socket = { remoteAddress };
    this.#body = body;
    this.on('newListener', (event: string | symbol) => {
      // The body is there in one piece as soon as anybody reads it.
      if (event === 'data' && !this.complete) queueMicrotask(() => this.#deliver());
    });
  }

  pause(): this {
    return this;
  }

  resume(): this {
    return this;
  }

  #deliver(): void {
    this.complete = true;
    if (this.#body.length > 0) this.emit('data', this.#body);
    this.emit('end');
  }
}

class ResponseDouble extends Writable {
  headersSent = false;
  readonly #client: Client;
  #head: Omit<HttpAnswer, 'body'> = { status: 0, headers: {} };
  readonly #pieces: Buffer[] = [];

  constructor(client: Client) {
    super({ decodeStrings: true });
    this.#client = client;
  }

  writeHead(status: number, headers: Record<string, string | number>): this {
    const texts = Object.entries(headers).map(([name, value]) => [name, String(value)]);
    this.#head = { status, headers: Object.fromEntries(texts) };
    this.headersSent = true;
    return this;
  }

  flushHeaders(): void {}

  override _write(piece: Buffer, _encoding: string, taken: () => void): void {
    this.#pieces.push(piece);
    this.#client.onPiece?.(piece.toString());
    taken();
  }

  override _final(done: () => void): void {
    this.#client.onAnswer({ ...this.#head, body: Buffer.concat(this.#pieces) });
    done();
  }
}

/** The one who asks. */
export interface Client {
  /** The whole answer is sent. */
  onAnswer(answer: HttpAnswer): void;
  /** The connection ends without a whole answer, by either side. */
  onBroken(): void;
  /** A part of the body is sent. */
  onPiece?(text: string): void;
}

/** Hands one request to the surface. Returns what to call when the client goes away. */
export function serve(
  surface: Pick<HttpSurface, 'serve'>,
  message: HttpMessage,
  from: string | 'local socket',
  client: Client,
): () => void {
  const request = new RequestDouble(message, from);
  const response = new ResponseDouble(client);
  // A client that has gone away is no failure.
  response.on('error', () => {});
  response.on('close', () => {
    if (!response.writableFinished) client.onBroken();
  });
  surface.serve(request as unknown as IncomingMessage, response as unknown as ServerResponse, from === 'local socket');
  return () => void response.destroy();
}
