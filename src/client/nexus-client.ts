import { NexusError } from '../domain/errors.ts';
import {
  type ContainerBody,
  type ContainerHistoryBody,
  type ContainerListBody,
  type CreateAdminTokenBody,
  type CreatedHostBody,
  type CreateHostBody,
  type CreateTokenBody,
  containerHistoryBodySchema,
  containerListBodySchema,
  createdHostBodySchema,
  type HostBody,
  type HostHistoryBody,
  type HostListBody,
  hostBodySchema,
  hostHistoryBodySchema,
  hostListBodySchema,
  LIST_LIMITS,
  type LogEventListBody,
  logEventListBodySchema,
  type MintedTokenBody,
  mintedTokenBodySchema,
  type TokenBody,
  type TokenListBody,
  tokenBodySchema,
  tokenListBodySchema,
  type UpdateHostBody,
} from '../wire/operator.ts';
import { type Parsed, parseWith } from '../wire/problem.ts';
import { ApiConnection, type ConnectionOptions } from './api-connection.ts';
import type { ApiTarget } from './api-target.ts';

/** ISO 8601 instants; without a step the raw samples are answered. */
export interface HistorySpan {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly stepSeconds?: number | undefined;
}

export interface EventSpan {
  /** Only events with a greater id. Default 0: from the beginning. */
  readonly after?: number | undefined;
  readonly limit?: number | undefined;
  readonly host?: string | undefined;
}

interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

const readHost = (answer: unknown) => parseWith(hostBodySchema, answer);
const readToken = (answer: unknown) => parseWith(tokenBodySchema, answer);
const readMintedToken = (answer: unknown) => parseWith(mintedTokenBodySchema, answer);

function readPage<B, T>(parsed: Parsed<B>, page: (body: B) => Page<T>): Parsed<Page<T>> {
  return parsed.ok ? { ok: true, value: page(parsed.value) } : parsed;
}

const readHostPage = (answer: unknown): Parsed<Page<HostBody>> =>
  readPage(parseWith(hostListBodySchema, answer), (body) => ({ items: body.hosts, nextCursor: body.next_cursor }));
const readTokenPage = (answer: unknown): Parsed<Page<TokenBody>> =>
  readPage(parseWith(tokenListBodySchema, answer), (body) => ({ items: body.tokens, nextCursor: body.next_cursor }));
const readContainerPage = (answer: unknown): Parsed<Page<ContainerBody>> =>
  readPage(parseWith(containerListBodySchema, answer), (body) => ({
    items: body.containers,
    nextCursor: body.next_cursor,
  }));

function hostPath(name: string): string {
  return `/v1/hosts/${encodeURIComponent(name)}`;
}

function historyQuery(span: HistorySpan): Record<string, string | number | undefined> {
  return { from: span.from, to: span.to, step_seconds: span.stepSeconds };
}

/**
 * The operator API, typed. Answers are parsed with the schemas the server builds them with; lists are read to their
 * end, so that `next_cursor` is always null here. Every method throws NexusError as {@link ApiConnection.send} does.
 */
export class NexusClient {
  readonly #connection: ApiConnection;

  constructor(target: ApiTarget, options: ConnectionOptions = {}) {
    this.#connection = new ApiConnection(target, options);
  }

  createHost(body: CreateHostBody): Promise<CreatedHostBody> {
    return this.#connection.send({ method: 'POST', path: '/v1/hosts', body }, (answer) =>
      parseWith(createdHostBodySchema, answer),
    );
  }

  async listHosts(): Promise<HostListBody> {
    return { hosts: await this.#readAll('/v1/hosts', readHostPage), next_cursor: null };
  }

  getHost(name: string): Promise<HostBody> {
    return this.#connection.send({ method: 'GET', path: hostPath(name) }, readHost);
  }

  updateHost(name: string, body: UpdateHostBody): Promise<HostBody> {
    return this.#connection.send({ method: 'PATCH', path: hostPath(name), body }, readHost);
  }

  /** For good: the host's tokens are refused from the next request on, its history stays. */
  archiveHost(name: string): Promise<HostBody> {
    return this.#connection.send({ method: 'DELETE', path: hostPath(name) }, readHost);
  }

  async listContainers(hostName: string): Promise<ContainerListBody> {
    return {
      containers: await this.#readAll(`${hostPath(hostName)}/containers`, readContainerPage),
      next_cursor: null,
    };
  }

  hostHistory(name: string, span: HistorySpan = {}): Promise<HostHistoryBody> {
    return this.#connection.send(
      { method: 'GET', path: `${hostPath(name)}/metrics`, query: historyQuery(span) },
      (answer) => parseWith(hostHistoryBodySchema, answer),
    );
  }

  containerHistory(hostName: string, containerId: string, span: HistorySpan = {}): Promise<ContainerHistoryBody> {
    const path = `${hostPath(hostName)}/containers/${encodeURIComponent(containerId)}/metrics`;
    return this.#connection.send({ method: 'GET', path, query: historyQuery(span) }, (answer) =>
      parseWith(containerHistoryBodySchema, answer),
    );
  }

  /** The plaintext in the answer is shown this once. */
  createAgentToken(hostName: string, body: CreateTokenBody = {}): Promise<MintedTokenBody> {
    return this.#connection.send({ method: 'POST', path: `${hostPath(hostName)}/tokens`, body }, readMintedToken);
  }

  /** The plaintext in the answer is shown this once. */
  createAdminToken(body: CreateTokenBody = {}): Promise<MintedTokenBody> {
    const request: CreateAdminTokenBody = { kind: 'admin', ...body };
    return this.#connection.send({ method: 'POST', path: '/v1/tokens', body: request }, readMintedToken);
  }

  async listAgentTokens(hostName: string): Promise<TokenListBody> {
    return { tokens: await this.#readAll(`${hostPath(hostName)}/tokens`, readTokenPage), next_cursor: null };
  }

  async listAdminTokens(): Promise<TokenListBody> {
    return { tokens: await this.#readAll('/v1/tokens', readTokenPage), next_cursor: null };
  }

  /** The old plaintext is refused from the next request on. */
  rotateToken(id: string): Promise<MintedTokenBody> {
    const path = `/v1/tokens/${encodeURIComponent(id)}/rotate`;
    return this.#connection.send({ method: 'POST', path }, readMintedToken);
  }

  revokeToken(id: string): Promise<TokenBody> {
    return this.#connection.send({ method: 'DELETE', path: `/v1/tokens/${encodeURIComponent(id)}` }, readToken);
  }

  /** One page of the event log; `next` is the `after` of the following one and equals `after` at the end. */
  readEvents(span: EventSpan = {}): Promise<LogEventListBody> {
    const query = { after: span.after ?? 0, limit: span.limit ?? LIST_LIMITS.defaultLimit, host: span.host };
    return this.#connection.send({ method: 'GET', path: '/v1/events', query }, (answer) =>
      parseWith(logEventListBodySchema, answer),
    );
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #readAll<T>(path: string, read: (answer: unknown) => Parsed<Page<T>>): Promise<T[]> {
    const all: T[] = [];
    let cursor: string | undefined;
    for (;;) {
      const query = { limit: LIST_LIMITS.defaultLimit, cursor };
      const page = await this.#connection.send({ method: 'GET', path, query }, read);
      all.push(...page.items);
      if (page.nextCursor === null) return all;
      if (page.nextCursor === cursor) {
        throw new NexusError('internal', `the pages of ${path} never end: the server answered the same cursor twice.`);
      }
      cursor = page.nextCursor;
    }
  }
}
