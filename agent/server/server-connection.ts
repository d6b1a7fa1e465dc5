import Client from 'undici/lib/dispatcher/client.js';
import { messageOf } from '../../src/domain/errors.ts';
import { NEXUS_VERSION } from '../../src/domain/version.ts';
import { httpRequest } from '../http-request.ts';
import type { Answer } from './judge-answer.ts';

/** A request body, plain or gzip'ed. */
export interface RequestBody {
  readonly bytes: Buffer;
  readonly gzipped: boolean;
}

/** Sends one body; resolves to the answer, or to the reason why there is none. Never throws. */
export type Post = (path: string, body: RequestBody) => Promise<Answer | { readonly unreachable: string }>;

const MAX_ANSWER_BYTES = 262_144;
/** Longer than the longest usual interval, so that the next tick finds the connection open. */
const KEEP_ALIVE_MS = 120_000;

/** The other side may close an idle connection at the very moment it is used again. */
const CLOSED_UNDER_WAY: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** What went wrong, with the cause where the message itself is empty (a name with several addresses). */
function describeFailure(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  return messageOf(error);
}

/** One keep-alive connection to the Nexus server. */
export class ServerConnection {
  readonly #client: InstanceType<typeof Client>;
  readonly #basePath: string;
  readonly #token: string;
  readonly #timeoutMs: number;
  #isClosed = false;
  #underWay: AbortController | null = null;

  /** `url` is http(s) without credentials; a path in it comes before the API's own. */
  constructor(url: URL, token: string, timeoutMs: number) {
    this.#client = new Client(url.origin, {
      pipelining: 1,
      allowH2: false,
      connectTimeout: timeoutMs,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      maxResponseSize: MAX_ANSWER_BYTES,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
    });
    this.#basePath = url.pathname.replace(/\/+$/, '');
    this.#token = token;
    this.#timeoutMs = timeoutMs;
  }

  readonly post: Post = async (path, body) => {
    try {
      return await this.#send(path, body);
    } catch (error) {
      if (!CLOSED_UNDER_WAY.has(codeOf(error)) || this.#isClosed) {
        return { unreachable: describeFailure(error, this.#timeoutMs) };
      }
    }
    // Once more on a fresh connection: the server stores a tick it already has only once.
    try {
      return await this.#send(path, body);
    } catch (error) {
      return { unreachable: describeFailure(error, this.#timeoutMs) };
    }
  };

  /** Ends the connection and what is under way on it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#underWay?.abort();
    await this.#client.destroy();
  }

  async #send(path: string, body: RequestBody): Promise<Answer> {
    const underWay = new AbortController();
    this.#underWay = underWay;
    const timer = setTimeout(() => underWay.abort(new DOMException('', 'TimeoutError')), this.#timeoutMs);
    try {
      return await this.#exchange(path, body, underWay.signal);
    } finally {
      clearTimeout(timer);
      this.#underWay = null;
    }
  }

  async #exchange(path: string, body: RequestBody, signal: AbortSignal): Promise<Answer> {
    const response = await httpRequest(this.#client, {
      path: this.#basePath + path,
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.#token}`,
        'content-type': 'application/json',
        'user-agent': `nexus-agent/${NEXUS_VERSION}`,
        ...(body.gzipped ? { 'content-encoding': 'gzip' } : {}),
      },
      body: body.bytes,
      signal,
    });
    const retryAfter = response.headers['retry-after'];
    return {
      status: response.statusCode,
      retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
      body: await response.body.text(),
    };
  }
}
