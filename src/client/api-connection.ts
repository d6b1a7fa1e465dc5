import { Client } from 'undici';
import type { z } from 'zod';
import { NexusError } from '../domain/errors.ts';
import type { Runtime } from '../domain/runtime.ts';
import { timeLimit } from '../runtime/wait.ts';
import { parseWith } from '../wire/problem.ts';
import { type ApiTarget, type Endpoint, endpointOf } from './api-target.ts';
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
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Already encoded, beginning with a slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** What the body must be: one that breaks a rule is not sent. */
  readonly bodySchema?: z.ZodType;
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

  /** Throws `usage` for a target that cannot be used; does not connect yet. */
  constructor(target: ApiTarget, options: ConnectionOptions) {
    this.#endpoint = endpointOf(target);
    const { authorityPem } = this.#endpoint;
    this.#runtime = options.runtime;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#client = new Client(this.#endpoint.origin, {
      ...(this.#endpoint.socketPath === null ? {} : { socketPath: this.#endpoint.socketPath }),
      connect: { timeout: CONNECT_TIMEOUT_MS, ...(authorityPem === null ? {} : { ca: authorityPem }) },
      // Each call has a limit for all of its parts together.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: MAX_ANSWER_BYTES,
    });
  }

  /**
   * Sends one call and reads its answer with `schema`. Throws NexusError: `usage` for a body that breaks a rule of its
   * schema, `unreachable` without an answer, the code that belongs to the status of a refusal, `internal` for an answer
   * that this version of Nexus does not understand.
   */
  async send<S extends z.ZodType>(call: ApiCall, schema: S): Promise<z.output<S>> {
    requireValidBody(call);
    const { status, text, headers } = await this.#exchange(call);
    const name = `${call.method} ${call.path}`;
    const body = readJson(text);
    if (status < 200 || status > 299) {
      const retryAfterSeconds = readRetryAfter(textHeader(headers['retry-after']));
      throw refusal(this.#endpoint, name, {
        status,
        body,
        retryAfterSeconds,
        location: textHeader(headers['location']),
      });
    }
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
    await this.#client.destroy();
  }
}
