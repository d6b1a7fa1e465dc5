/** One call to a Docker Engine over its Unix socket. */
import { Readable } from 'node:stream';
import { Client } from 'undici';

export interface EngineCall {
  readonly method?: 'GET' | 'POST' | 'DELETE' | 'HEAD';
  /** With its query, and without a version: the engine then answers in its newest. */
  readonly path: string;
  /** Sent as JSON; a stream or bytes as an archive. */
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

export interface EngineAnswer {
  readonly status: number;
  /** Parsed when it is one JSON document, else text. */
  readonly body: unknown;
}

/** Throws when the engine cannot be reached or answers 400 or above, except 304 and 404 to a DELETE: it is done then. */
export async function callEngine(socket: string, call: EngineCall): Promise<EngineAnswer> {
  const method = call.method ?? 'GET';
  const raw = Buffer.isBuffer(call.body) || call.body instanceof Readable;
  const client = new Client('http://engine', { connect: { socketPath: socket }, headersTimeout: 0, bodyTimeout: 0 });
  try {
    const answer = await client.request({
      method,
      path: call.path,
      ...(call.signal === undefined ? {} : { signal: call.signal }),
      ...(call.body === undefined
        ? {}
        : {
            headers: { 'content-type': raw ? 'application/x-tar' : 'application/json' },
            body: Buffer.isBuffer(call.body) || call.body instanceof Readable ? call.body : JSON.stringify(call.body),
          }),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 400 && !(method === 'DELETE' && answer.statusCode === 404)) {
      throw new Error(`The engine answered ${answer.statusCode} to ${method} ${call.path}: ${text.trim()}`);
    }
    return { status: answer.statusCode, body: parse(text) };
  } finally {
    await client.destroy();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
