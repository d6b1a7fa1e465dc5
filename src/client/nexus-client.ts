import { z } from 'zod';
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
import {
  type Manifest,
  manifestSchema,
  type ReleaseBody,
  type ReleaseListBody,
  releaseBodySchema,
  releaseListBodySchema,
} from '../wire/release.ts';
import {
  type AbortRolloutBody,
  type CreateRolloutBody,
  type ReplayBody,
  type RolloutBody,
  type RolloutListBody,
  type RolloutPlanBody,
  type RolloutSummaryBody,
  replayBodySchema,
  rolloutBodySchema,
  rolloutListBodySchema,
  rolloutPlanBodySchema,
} from '../wire/rollout.ts';
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

/** A release's manifest: as it was sent (its digest is over that), and as it is read, every default filled in. */
export interface ReleaseManifest {
  readonly sent: unknown;
  readonly manifest: Manifest;
}

const liftedBodySchema = z.object({ lifted: z.number() });
export type LiftedBody = z.output<typeof liftedBodySchema>;

/** `rollbacks`: the rollouts that bring the touched hosts back to what they ran before. */
const abortedRolloutBodySchema = rolloutBodySchema.extend({ rollbacks: z.array(z.string()) });
export type AbortedRolloutBody = z.output<typeof abortedRolloutBodySchema>;

interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

const readHost = (answer: unknown) => parseWith(hostBodySchema, answer);
const readToken = (answer: unknown) => parseWith(tokenBodySchema, answer);
const readMintedToken = (answer: unknown) => parseWith(mintedTokenBodySchema, answer);

const readLogEvents = (answer: unknown) => parseWith(logEventListBodySchema, answer);
const readRelease = (answer: unknown) => parseWith(releaseBodySchema, answer);
const readRollout = (answer: unknown) => parseWith(rolloutBodySchema, answer);

function readManifest(answer: unknown): Parsed<ReleaseManifest> {
  const parsed = parseWith(manifestSchema, answer);
  return parsed.ok ? { ok: true, value: { sent: answer, manifest: parsed.value } } : parsed;
}

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
const readReleasePage = (answer: unknown): Parsed<Page<ReleaseBody>> =>
  readPage(parseWith(releaseListBodySchema, answer), (body) => ({
    items: body.releases,
    nextCursor: body.next_cursor,
  }));
const readRolloutPage = (answer: unknown): Parsed<Page<RolloutSummaryBody>> =>
  readPage(parseWith(rolloutListBodySchema, answer), (body) => ({
    items: body.rollouts,
    nextCursor: body.next_cursor,
  }));

function hostPath(name: string): string {
  return `/v1/hosts/${encodeURIComponent(name)}`;
}

function releasePath(digest: string): string {
  return `/v1/releases/${encodeURIComponent(digest)}`;
}

function rolloutPath(id: string): string {
  return `/v1/rollouts/${encodeURIComponent(id)}`;
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
    return this.#connection.send({ method: 'GET', path: '/v1/events', query }, readLogEvents);
  }

  /** `manifest` is sent as it is: the digest is over exactly that. A known one is answered as it was stored. */
  createRelease(manifest: unknown): Promise<ReleaseBody> {
    return this.#connection.send({ method: 'POST', path: '/v1/releases', body: manifest }, readRelease);
  }

  /** Newest first. */
  async listReleases(): Promise<ReleaseListBody> {
    return { releases: await this.#readAll('/v1/releases', readReleasePage), next_cursor: null };
  }

  getManifest(digest: string): Promise<ReleaseManifest> {
    return this.#connection.send({ method: 'GET', path: releasePath(digest) }, readManifest);
  }

  /** Lets a quarantined release be dispatched again. */
  liftQuarantine(digest: string, reason: string): Promise<LiftedBody> {
    return this.#connection.send({ method: 'POST', path: `${releasePath(digest)}/lift`, body: { reason } }, (answer) =>
      parseWith(liftedBodySchema, answer),
    );
  }

  createRollout(body: CreateRolloutBody): Promise<RolloutBody> {
    return this.#connection.send({ method: 'POST', path: '/v1/rollouts', body }, readRollout);
  }

  /** What `body` would do; changes nothing. */
  planRollout(body: CreateRolloutBody): Promise<RolloutPlanBody> {
    return this.#connection.send({ method: 'POST', path: '/v1/rollouts/plan', body }, (answer) =>
      parseWith(rolloutPlanBodySchema, answer),
    );
  }

  /** Newest first. */
  async listRollouts(): Promise<RolloutListBody> {
    return { rollouts: await this.#readAll('/v1/rollouts', readRolloutPage), next_cursor: null };
  }

  /** Null where there is none yet. */
  async newestRollout(): Promise<RolloutSummaryBody | null> {
    const call = { method: 'GET', path: '/v1/rollouts', query: { limit: 1 } } as const;
    const page = await this.#connection.send(call, readRolloutPage);
    return page.items[0] ?? null;
  }

  getRollout(id: string): Promise<RolloutBody> {
    return this.#connection.send({ method: 'GET', path: rolloutPath(id) }, readRollout);
  }

  /** No further host is dispatched; those on their way finish. */
  pauseRollout(id: string): Promise<RolloutBody> {
    return this.#connection.send({ method: 'POST', path: `${rolloutPath(id)}/pause` }, readRollout);
  }

  resumeRollout(id: string): Promise<RolloutBody> {
    return this.#connection.send({ method: 'POST', path: `${rolloutPath(id)}/resume` }, readRollout);
  }

  abortRollout(id: string, body: AbortRolloutBody = {}): Promise<AbortedRolloutBody> {
    return this.#connection.send({ method: 'POST', path: `${rolloutPath(id)}/abort`, body }, (answer) =>
      parseWith(abortedRolloutBodySchema, answer),
    );
  }

  /** One page of a rollout's own log, as {@link readEvents}. */
  readRolloutEvents(id: string, span: Omit<EventSpan, 'host'> = {}): Promise<LogEventListBody> {
    const query = { after: span.after ?? 0, limit: span.limit ?? LIST_LIMITS.defaultLimit };
    return this.#connection.send({ method: 'GET', path: `${rolloutPath(id)}/events`, query }, readLogEvents);
  }

  /** Folds the rollout's log again and compares it with what is stored. */
  replayRollout(id: string): Promise<ReplayBody> {
    return this.#connection.send({ method: 'POST', path: `${rolloutPath(id)}/replay` }, (answer) =>
      parseWith(replayBodySchema, answer),
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
