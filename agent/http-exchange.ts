/**
 * HTTP/1.1 over Node's own client, which every Node process holds in memory already; a package for it would cost the
 * agent as much memory as everything else it loads.
 */
import { Agent, type IncomingMessage, type OutgoingHttpHeaders, type RequestOptions, request } from 'node:http';
import type { AgentOptions as TlsAgentOptions } from 'node:https';
import { messageOf } from '../src/domain/errors.ts';

export interface HttpCall {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
  /** Ends the exchange, which then rejects with the signal's reason. */
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  /** `Retry-After`, as it was sent. */
  readonly retryAfter: string | null;
  readonly body: Buffer;
}

/** Whom to call: `request` of node:http or node:https, with the host and port or the socket, and the connections to use. */
export interface HttpPeer {
  readonly request: typeof request;
  readonly options: RequestOptions;
}

/** What speaks the protocol of `url`. TLS is loaded only where it is wanted. */
export async function protocolOf(
  url: URL,
): Promise<{ readonly request: HttpPeer['request']; readonly Agent: new (options: TlsAgentOptions) => Agent }> {
  return url.protocol === 'https:' ? import('node:https') : { request, Agent };
}

/** Host and port of `url`, as options of a request. */
export function hostOf(url: URL): RequestOptions {
  // An IPv6 address has no brackets outside of a URL.
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: url.port };
}

/** Sends a call and resolves with the head of its answer; the body is still to be read. Rejects when there is none. */
export function openExchange(peer: HttpPeer, call: HttpCall): Promise<IncomingMessage> {
  const { method, path, headers = {}, body, signal } = call;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const outgoing = peer.request({ ...peer.options, method, path, headers });
    const onAbort = (): void => void outgoing.destroy(signal.reason);
    signal.addEventListener('abort', onAbort);
    outgoing.once('close', () => signal.removeEventListener('abort', onAbort));
    outgoing.on('error', reject);
    outgoing.once('response', resolve);
    outgoing.end(body);
  });
}

/**
 * Sends a call and reads the whole answer. Rejects with the system's error, the signal's reason, or when the answer is
 * longer than `maxBytes`; whether the other side has acted on the call is not known then.
 */
export async function exchange(peer: HttpPeer, call: HttpCall, maxBytes: number): Promise<HttpAnswer> {
  const { signal } = call;
  const response = await openExchange(peer, call);
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of response as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > maxBytes) throw new Error(`the answer is longer than ${maxBytes} bytes`);
      pieces.push(piece);
    }
  } catch (error) {
    // The stream itself only says that it was cut off.
    throw signal.aborted ? signal.reason : error;
  }
  return {
    status: response.statusCode ?? 0,
    retryAfter: response.headers['retry-after'] ?? null,
    body: Buffer.concat(pieces, bytes),
  };
}

/** What went wrong, with the causes where the message itself is empty (a name with several addresses). */
export function describeHttpFailure(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  return messageOf(error);
}
