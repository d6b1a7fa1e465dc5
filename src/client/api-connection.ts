import { Client } from 'undici';
import { NexusError } from '../domain/errors.ts';
import type { Parsed } from '../wire/problem.ts';
import { type ApiTarget, type Endpoint, endpointOf } from './api-target.ts';
import { refusal } from './refusal.ts';
import { unreachable } from './unreachable.ts';

export interface ConnectionOptions {
  /** One call from its first byte out to its last byte in, connecting included. Default 30 000. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 30_000;
/** A page of a list is far smaller; beyond this the peer is not a Nexus server or the answer would not fit into memory well. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Already encoded, beginning with a slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
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
    // Undefined is no JSON value, and no schema of an answer accepts it.
    return undefined;
  }
}

/**
 * One keep-alive connection to one server. Calls are bounded in time and size; redirects are not followed, because they
 * would carry the token to an address that nobody named.
 */
export class ApiConnection {
  readonly #endpoint: Endpoint;
  readonly #client: Client;
  readonly #timeoutMs: number;

  /** Throws `usage` for a target that cannot be used; does not connect yet. */
  constructor(target: ApiTarget, options: ConnectionOptions = {}) {
    this.#endpoint = endpointOf(target);
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#client = new Client(this.#endpoint.origin, {
      ...(this.#endpoint.socketPath === null ? {} : { socketPath: this.#endpoint.socketPath }),
      connect: { timeout: this.#timeoutMs },
      headersTimeout: this.#timeoutMs,
      bodyTimeout: this.#timeoutMs,
      maxResponseSize: MAX_ANSWER_BYTES,
    });
  }

  /**
   * Sends one call and reads its answer with `read`. Throws NexusError: `unreachable` when no answer came, the code of
   * the status when the server refused, `internal` when the answer is not what this version of Nexus understands.
   */
  async send<T>(call: ApiCall, read: (answer: unknown) => Parsed<T>): Promise<T> {
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
    const parsed = read(body);
    if (parsed.ok) return parsed.value;
    const first = parsed.errors[0];
    const reason =
      body === undefined ? 'it is not JSON' : `${first?.path || 'the body'}: ${first?.message ?? 'unknown'}`;
    throw new NexusError(
      'internal',
      `${this.#endpoint.label} answered ${name} in a way this nexus does not understand (${reason}). Check that it is a Nexus server, and that both sides run the same version.`,
    );
  }

  async #exchange(call: ApiCall) {
    try {
      const answer = await this.#client.request({
        method: call.method,
        path: pathOf(this.#endpoint, call),
        headers: headersOf(this.#endpoint, call),
        body: call.body === undefined ? null : JSON.stringify(call.body),
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
    } catch (error) {
      throw unreachable(this.#endpoint, this.#timeoutMs, error);
    }
  }

  /** Drops the connection at once; a call under way fails. */
  async close(): Promise<void> {
    await this.#client.destroy();
  }
}
