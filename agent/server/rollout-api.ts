/** The server's side of a rollout, over HTTP: what there is to do, what it knows, releases, and the events. */
import Client from 'undici/lib/dispatcher/client.js';
import Pool from 'undici/lib/dispatcher/pool.js';
import { messageOf } from '../../src/domain/errors.ts';
import { NEXUS_VERSION } from '../../src/domain/version.ts';
import { agentStateBodySchema, dispatchBodySchema } from '../../src/wire/agent-event.ts';
import { digestSchema, RELEASE_LIMITS, stackSchema } from '../../src/wire/release.ts';
import { httpRequest } from '../http-request.ts';
import { parseJson } from '../read-json.ts';
import type { QueuedEvent } from '../rollouts/record/stack-record.ts';

/** An answer, or why there is none. */
export type Reply =
  | { readonly kind: 'answer'; readonly status: number; readonly retryAfter: string | null; readonly body: Buffer }
  | { readonly kind: 'silence'; readonly reason: string };

/** What a stack's name and a release's digest become on disk is decided here: nothing else is let in. */
const strictDispatchSchema = dispatchBodySchema.extend({ stack: stackSchema, release: digestSchema });

const REQUEST_TIMEOUT_MS = 10_000;
const RELEASE_TIMEOUT_MS = 60_000;
const MAX_ANSWER_BYTES = RELEASE_LIMITS.maxManifestBytes + 65_536;
const KEEP_ALIVE_MS = 120_000;
/** Longer than the poll's own wait, so that a slow answer is not taken for a dead connection. */
const POLL_MARGIN_MS = 15_000;
const CONNECTIONS = 4;

/** The other side may close an idle connection at the very moment it is used again. */
const CLOSED_UNDER_WAY: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly timeoutMs: number;
  readonly body?: string;
}

export class RolloutApi {
  /** The poll has a connection of its own: it is busy all the time. */
  readonly #pollClient: InstanceType<typeof Client>;
  readonly #pool: InstanceType<typeof Pool>;
  readonly #basePath: string;
  readonly #token: string;
  readonly #closed = new AbortController();

  /** `url` is http(s) without credentials; a path in it comes before the API's own. */
  constructor(url: URL, token: string) {
    const options = {
      connectTimeout: REQUEST_TIMEOUT_MS,
      maxResponseSize: MAX_ANSWER_BYTES,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      headersTimeout: 0,
      bodyTimeout: 0,
      allowH2: false,
    };
    this.#pollClient = new Client(url.origin, options);
    this.#pool = new Pool(url.origin, { ...options, connections: CONNECTIONS });
    this.#basePath = url.pathname.replace(/\/+$/, '');
    this.#token = token;
  }

  /** `GET /v1/agent/dispatch`: waits up to `waitSeconds` for something to do. */
  poll(waitSeconds: number): Promise<Reply> {
    const timeoutMs = waitSeconds * 1000 + POLL_MARGIN_MS;
    return this.#ask(this.#pollClient, { method: 'GET', path: `/v1/agent/dispatch?wait=${waitSeconds}`, timeoutMs });
  }

  state(): Promise<Reply> {
    return this.#ask(this.#pool, { method: 'GET', path: '/v1/agent/state', timeoutMs: REQUEST_TIMEOUT_MS });
  }

  release(digest: string, timeoutMs: number): Promise<Reply> {
    const path = `/v1/releases/${encodeURIComponent(digest)}`;
    return this.#ask(this.#pool, { method: 'GET', path, timeoutMs: Math.min(timeoutMs, RELEASE_TIMEOUT_MS) });
  }

  /** `POST /v1/agent/events` with one event. */
  report(hostname: string, rolloutId: string, event: QueuedEvent): Promise<Reply> {
    const body = JSON.stringify({ hostname, rollout_id: rolloutId, event, signature: null });
    return this.#ask(this.#pool, { method: 'POST', path: '/v1/agent/events', timeoutMs: REQUEST_TIMEOUT_MS, body });
  }

  /** Ends the connections and what is under way on them. */
  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all([this.#pollClient.destroy(), this.#pool.destroy()]);
  }

  async #ask(dispatcher: InstanceType<typeof Client> | InstanceType<typeof Pool>, call: Call): Promise<Reply> {
    try {
      return await this.#send(dispatcher, call);
    } catch (error) {
      if (!CLOSED_UNDER_WAY.has(codeOf(error)) || this.#closed.signal.aborted) return silence(error, call.timeoutMs);
    }
    // Once more on a fresh connection: an event that the server has applied already is a duplicate to it.
    try {
      return await this.#send(dispatcher, call);
    } catch (error) {
      return silence(error, call.timeoutMs);
    }
  }

  async #send(dispatcher: InstanceType<typeof Client> | InstanceType<typeof Pool>, call: Call): Promise<Reply> {
    const response = await httpRequest(dispatcher, {
      method: call.method,
      path: this.#basePath + call.path,
      headers: {
        authorization: `Bearer ${this.#token}`,
        'user-agent': `nexus-agent/${NEXUS_VERSION}`,
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: call.body ?? null,
      signal: AbortSignal.any([AbortSignal.timeout(call.timeoutMs), this.#closed.signal]),
    });
    const retryAfter = response.headers['retry-after'];
    return {
      kind: 'answer',
      status: response.statusCode,
      retryAfter: typeof retryAfter === 'string' ? retryAfter : null,
      body: Buffer.from(await response.body.arrayBuffer()),
    };
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function silence(error: unknown, timeoutMs: number): Reply {
  if (error instanceof Error && error.name === 'TimeoutError') {
    return { kind: 'silence', reason: `no answer within ${timeoutMs / 1000} s` };
  }
  if (error instanceof AggregateError && error.message === '') {
    return { kind: 'silence', reason: error.errors.map(messageOf).join('; ') };
  }
  return { kind: 'silence', reason: messageOf(error) };
}

/** A dispatch out of a 200's body; null when it is none that this agent could act on. */
export function parseDispatch(body: Buffer) {
  return strictDispatchSchema.safeParse(parseJson(body.toString())).data ?? null;
}

/** The answer of `GET /v1/agent/state`; null when it is none. */
export function parseState(body: Buffer) {
  return agentStateBodySchema.safeParse(parseJson(body.toString())).data ?? null;
}
