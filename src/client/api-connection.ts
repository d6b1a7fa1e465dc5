import { Client } from 'undici';
import type * as z from 'zod';
import { NexusError } from '../domain/errors.ts';
import type { Runtime } from '../domain/runtime.ts';
import { timeLimit } from '../runtime/wait.ts';
import { parseWith } from '../wire/problem.ts';
import { type ApiTarget, type Endpoint, endpointOf } from './api-target.ts';
import { readServerSentEvents, type ServerSentEvent } from './event-stream.ts';
import { refusal } from './refusal.ts';
import { unreachable } from './unreachable.ts';

export interface ConnectionOptions {
  readonly runtime: Runtime;
  /** Bounds each call, from connecting to the last byte of its answer. Default 30 000. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 30_000;
/** A network that has not connected by then does not lead to the server. */
const CONNECT_TIMEOUT_MS = 10_000;
/** A page of a list is far smaller: a larger answer does not come from a Nexus server. */
/** The server writes a comment every 15 s: a stream that is silent for three times that is dead. */
const STREAM_SILENCE_MS = 45_000;
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Already encoded, beginning with a slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** What the body must be: one that breaks a rule is not sent. */
  readonly bodySchema?: z.ZodType;
}

type AnswerHeaders = Awaited<ReturnType<Client['request']>>['headers'];

function nameOf({ method, path }: ApiCall): string {
  return `${method} ${path}`;
}

function pathOf(endpoint: Endpoint, call: ApiCall): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(call.query ?? {})) {
    if (value !== undefined) query.set(key, String(value));
  }
  return `${endpoint.basePath}${call.path}${query.size === 0 ? '' : `?${query}`}`;
}

function headersOf(endpoint: Endpoint, call: ApiCall): Record<string, string> {
  return {
    accept: 'application/json, application/problem+json',
    ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(endpoint.token === null ? {} : { authorization: `Bearer ${endpoint.token}` }),
  };
}

function requireValidBody({ body, bodySchema }: ApiCall): void {
  const parsed = bodySchema === undefined ? undefined : parseWith(bodySchema, body);
  if (parsed === undefined || parsed.ok) return;
  throw new NexusError('usage', 'the request is not valid and was not sent', { details: { errors: parsed.errors } });
}

function textHeader(value: string | string[] | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

/** RFC 9110 also allows a date here; the API sends seconds only. */
function readRetryAfter(value: string | null): number | null {
  return value !== null && /^\d{1,6}$/.test(value) ? Number(value) : null;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Undefined is not a JSON value, and no schema of an answer accepts it.
    return undefined;
  }
}

/**
 * One keep-alive connection to one server. Calls are bounded in time and size. Redirects are not followed, because they
 * would carry the token to an address that the operator did not name.
 */
export class ApiConnection {
  readonly #endpoint: Endpoint;
  readonly #client: Client;
  readonly #runtime: Runtime;
  readonly #timeoutMs: number;
  readonly #streams = new Set<Client>();

  /** Throws `usage` for a target that cannot be used; does not connect yet. */
  constructor(target: ApiTarget, options: ConnectionOptions) {
    this.#endpoint = endpointOf(target);
    this.#runtime = options.runtime;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    // Each call has a limit for all of its parts together.
    this.#client = this.#openClient({ headersTimeout: 0, bodyTimeout: 0, maxResponseSize: MAX_ANSWER_BYTES });
  }

  /**
   * Sends one call and reads its answer with `schema`. Throws NexusError: `usage` for a body that breaks a rule of its
   * schema, `unreachable` without an answer, the code that belongs to the status of a refusal, `internal` for an answer
   * that this version of Nexus does not understand.
   */
  async send<S extends z.ZodType>(call: ApiCall, schema: S): Promise<z.output<S>> {
    requireValidBody(call);
    const { status, text, headers } = await this.#exchange(call);
    if (status < 200 || status > 299) throw this.#refusal(call, status, headers, text);
    const name = nameOf(call);
    const body = readJson(text);
    const parsed = parseWith(schema, body);
    if (parsed.ok) return parsed.value;
    const first = parsed.errors[0];
    const reason =
      body === undefined ? 'it is not JSON' : `${first?.path || 'the body'} ${first?.message ?? 'is unknown'}`;
    throw new NexusError(
      'internal',
      `this nexus does not understand the answer of ${this.#endpoint.label} to ${name} (${reason}). Check that it is a Nexus server, and that both run the same version.`,
    );
  }

  /**
   * Opens a stream of server-sent events, calls `onOpen` once the server has taken it, and yields its events until the
   * server ends it. Throws as {@link send} does; a stream on which not even a comment comes for a while is `unreachable`.
   * The stream has a connection of its own, which ends with the loop over it, or when `signal` aborts.
   */
  async *stream(call: ApiCall, onOpen: () => void, signal?: AbortSignal): AsyncGenerator<ServerSentEvent> {
    const client = this.#openClient({ headersTimeout: this.#timeoutMs, bodyTimeout: STREAM_SILENCE_MS });
    this.#streams.add(client);
    try {
      const answer = await client.request({
        method: call.method,
        path: pathOf(this.#endpoint, call),
        headers: { ...headersOf(this.#endpoint, call), accept: 'text/event-stream, application/problem+json' },
        ...(signal === undefined ? {} : { signal }),
      });
      if (answer.statusCode !== 200) {
        throw this.#refusal(call, answer.statusCode, answer.headers, await answer.body.text());
      }
      if (textHeader(answer.headers['content-type']) !== 'text/event-stream') {
        const reason = `${this.#endpoint.label} answers ${nameOf(call)}, but not with a stream`;
        throw new NexusError('internal', `${reason}. Check that it is a Nexus server of this version.`);
      }
      onOpen();
      yield* readServerSentEvents(answer.body);
    } catch (error) {
      throw error instanceof NexusError ? error : unreachable(this.#endpoint, STREAM_SILENCE_MS, error);
    } finally {
      this.#streams.delete(client);
      await client.destroy();
    }
  }

  #openClient(options: Pick<Client.Options, 'headersTimeout' | 'bodyTimeout' | 'maxResponseSize'>): Client {
    const { origin, socketPath, authorityPem } = this.#endpoint;
    const connect = { timeout: CONNECT_TIMEOUT_MS, ...(authorityPem === null ? {} : { ca: authorityPem }) };
    return new Client(origin, { ...(socketPath === null ? {} : { socketPath }), connect, ...options });
  }

  #refusal(call: ApiCall, status: number, headers: AnswerHeaders, text: string): NexusError {
    const retryAfterSeconds = readRetryAfter(textHeader(headers['retry-after']));
    const location = textHeader(headers['location']);
    return refusal(this.#endpoint, nameOf(call), { status, body: readJson(text), retryAfterSeconds, location });
  }

  async #exchange(call: ApiCall) {
    const limit = timeLimit(this.#runtime, this.#timeoutMs);
    try {
      const answer = await this.#client.request({
        method: call.method,
        path: pathOf(this.#endpoint, call),
        headers: headersOf(this.#endpoint, call),
        body: call.body === undefined ? null : JSON.stringify(call.body),
        signal: limit.signal,
      });
      return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
    } catch (error) {
      throw unreachable(this.#endpoint, this.#timeoutMs, error);
    } finally {
      limit.cancel();
    }
  }

  /** Closes the connection at once; a call in progress fails. */
  async close(): Promise<void> {
    await Promise.all([this.#client, ...this.#streams].map((client) => client.destroy()));
  }
}
