import * as z from 'zod';
import { NexusError } from '../domain/errors.ts';
import {
  type BudgetBody,
  type BudgetListBody,
  budgetBodySchema,
  budgetListBodySchema,
  type SetBudgetBody,
  setBudgetSchema,
} from '../wire/budget.ts';
import {
  type ContainerHistoryBody,
  type ContainerListBody,
  type CreateAdminTokenBody,
  type CreatedHostBody,
  type CreateHostBody,
  type CreateTokenBody,
  containerHistoryBodySchema,
  containerListBodySchema,
  createAdminTokenSchema,
  createdHostBodySchema,
  createHostSchema,
  createTokenSchema,
  type HostBody,
  type HostHistoryBody,
  type HostListBody,
  hostBodySchema,
  hostHistoryBodySchema,
  hostListBodySchema,
  LIST_LIMITS,
  type LogEventBody,
  type LogEventListBody,
  logEventBodySchema,
  logEventListBodySchema,
  type MintedTokenBody,
  mintedTokenBodySchema,
  type TokenBody,
  type TokenListBody,
  tokenBodySchema,
  tokenListBodySchema,
  type UpdateHostBody,
  updateHostSchema,
} from '../wire/operator.ts';
import { parseWith } from '../wire/problem.ts';
import {
  type LiftedBody,
  liftedBodySchema,
  liftQuarantineSchema,
  type Manifest,
  manifestSchema,
  type ReleaseBody,
  type ReleaseListBody,
  releaseBodySchema,
  releaseListBodySchema,
} from '../wire/release.ts';
import {
  type AbortedRolloutBody,
  type AbortRolloutBody,
  abortedRolloutBodySchema,
  abortRolloutSchema,
  type CreateRolloutBody,
  createRolloutSchema,
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
import {
  type HostStacksBody,
  hostStacksBodySchema,
  type StackBody,
  type StackListBody,
  stackBodySchema,
  stackListBodySchema,
  type UndoneStackBody,
  undoneStackBodySchema,
} from '../wire/stack.ts';
import { ApiConnection, type ConnectionOptions } from './api-connection.ts';
import type { ApiTarget } from './api-target.ts';

/** ISO 8601 instants; without a step, every sample is answered. */
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

export interface FollowSpan {
  readonly after: number;
  readonly host?: string | undefined;
  readonly rolloutId?: string | undefined;
  /** Ends the stream at once, with `unreachable`. */
  readonly signal?: AbortSignal | undefined;
}

/** Throws `internal` for what this version of Nexus does not understand. */
function readLogEvent(data: string): LogEventBody {
  const parsed = parseWith(logEventBodySchema, JSON.parse(data));
  if (parsed.ok) return parsed.value;
  const message = 'this nexus does not understand an entry of the stream: check that both ends run the same version.';
  throw new NexusError('internal', message);
}

/** A release's manifest, as it was sent (the digest is over that) and as it is read, with every default filled in. */
export interface ReleaseManifest {
  readonly sent: unknown;
  readonly manifest: Manifest;
}

const releaseManifestSchema = z.preprocess(
  (answer) => ({ sent: answer, manifest: answer }),
  z.object({ sent: z.unknown(), manifest: manifestSchema }),
);

function hostPath(name: string): string {
  return `/v1/hosts/${encodeURIComponent(name)}`;
}

function releasePath(digest: string): string {
  return `/v1/releases/${encodeURIComponent(digest)}`;
}

function budgetPath(label: string, value: string): string {
  return `/v1/budgets/${encodeURIComponent(`${label}=${value}`)}`;
}

function stackPath(name: string): string {
  return `/v1/stacks/${encodeURIComponent(name)}`;
}

function rolloutPath(id: string): string {
  return `/v1/rollouts/${encodeURIComponent(id)}`;
}

function historyQuery(span: HistorySpan): Record<string, string | number | undefined> {
  return { from: span.from, to: span.to, step_seconds: span.stepSeconds };
}

/**
 * The operator API, typed. Answers are parsed with the schemas that the server builds them with; lists are read to their
 * end, so that `next_cursor` is always null here. Every method throws NexusError as {@link ApiConnection.send} does.
 */
export class NexusClient {
  readonly #connection: ApiConnection;

  constructor(target: ApiTarget, options: ConnectionOptions) {
    this.#connection = new ApiConnection(target, options);
  }

  createHost(body: CreateHostBody): Promise<CreatedHostBody> {
    return this.#connection.send(
      { method: 'POST', path: '/v1/hosts', body, bodySchema: createHostSchema },
      createdHostBodySchema,
    );
  }

  async listHosts(): Promise<HostListBody> {
    return { hosts: await this.#readAll('/v1/hosts', hostListBodySchema, 'hosts'), next_cursor: null };
  }

  getHost(name: string): Promise<HostBody> {
    return this.#connection.send({ method: 'GET', path: hostPath(name) }, hostBodySchema);
  }

  updateHost(name: string, body: UpdateHostBody): Promise<HostBody> {
    return this.#connection.send(
      { method: 'PATCH', path: hostPath(name), body, bodySchema: updateHostSchema },
      hostBodySchema,
    );
  }

  /** For good: the host's tokens are refused from the next request on, and its history is kept. */
  archiveHost(name: string): Promise<HostBody> {
    return this.#connection.send({ method: 'DELETE', path: hostPath(name) }, hostBodySchema);
  }

  async listContainers(hostName: string): Promise<ContainerListBody> {
    return {
      containers: await this.#readAll(`${hostPath(hostName)}/containers`, containerListBodySchema, 'containers'),
      next_cursor: null,
    };
  }

  hostHistory(name: string, span: HistorySpan = {}): Promise<HostHistoryBody> {
    return this.#connection.send(
      { method: 'GET', path: `${hostPath(name)}/metrics`, query: historyQuery(span) },
      hostHistoryBodySchema,
    );
  }

  containerHistory(hostName: string, containerId: string, span: HistorySpan = {}): Promise<ContainerHistoryBody> {
    const path = `${hostPath(hostName)}/containers/${encodeURIComponent(containerId)}/metrics`;
    return this.#connection.send({ method: 'GET', path, query: historyQuery(span) }, containerHistoryBodySchema);
  }

  /** The plaintext in the answer is shown this once. */
  createAgentToken(hostName: string, body: CreateTokenBody = {}): Promise<MintedTokenBody> {
    return this.#connection.send(
      { method: 'POST', path: `${hostPath(hostName)}/tokens`, body, bodySchema: createTokenSchema },
      mintedTokenBodySchema,
    );
  }

  /** The plaintext in the answer is shown this once. */
  createAdminToken(body: Omit<CreateAdminTokenBody, 'kind'> = {}): Promise<MintedTokenBody> {
    const request: CreateAdminTokenBody = { kind: 'admin', ...body };
    return this.#connection.send(
      { method: 'POST', path: '/v1/tokens', body: request, bodySchema: createAdminTokenSchema },
      mintedTokenBodySchema,
    );
  }

  async listAgentTokens(hostName: string): Promise<TokenListBody> {
    return {
      tokens: await this.#readAll(`${hostPath(hostName)}/tokens`, tokenListBodySchema, 'tokens'),
      next_cursor: null,
    };
  }

  async listAdminTokens(): Promise<TokenListBody> {
    return { tokens: await this.#readAll('/v1/tokens', tokenListBodySchema, 'tokens'), next_cursor: null };
  }

  /** The old plaintext is refused from the next request on. */
  rotateToken(id: string): Promise<MintedTokenBody> {
    const path = `/v1/tokens/${encodeURIComponent(id)}/rotate`;
    return this.#connection.send({ method: 'POST', path }, mintedTokenBodySchema);
  }

  revokeToken(id: string): Promise<TokenBody> {
    return this.#connection.send({ method: 'DELETE', path: `/v1/tokens/${encodeURIComponent(id)}` }, tokenBodySchema);
  }

  /** One page of the event log; `next` is the `after` of the following one and equals `after` at the end. */
  readEvents(span: EventSpan = {}): Promise<LogEventListBody> {
    const query = { after: span.after ?? 0, limit: span.limit ?? LIST_LIMITS.defaultLimit, host: span.host };
    return this.#connection.send({ method: 'GET', path: '/v1/events', query }, logEventListBodySchema);
  }

  /**
   * The entries of the log after `after`, each once it is committed, until the server ends the stream. `onOpen` is
   * called once the server has taken it.
   */
  async *followEvents(span: FollowSpan, onOpen: () => void): AsyncGenerator<LogEventBody> {
    const query = { after: span.after, host: span.host, rollout_id: span.rolloutId };
    const call = { method: 'GET', path: '/v1/stream', query } as const;
    for await (const { event, data } of this.#connection.stream(call, onOpen, span.signal)) {
      if (event === 'log') yield readLogEvent(data);
    }
  }

  /** Sends `manifest` unchanged, because the digest is over exactly that. A known release is answered as it was stored. */
  createRelease(manifest: unknown): Promise<ReleaseBody> {
    return this.#connection.send({ method: 'POST', path: '/v1/releases', body: manifest }, releaseBodySchema);
  }

  /** Newest first. */
  async listReleases(): Promise<ReleaseListBody> {
    return { releases: await this.#readAll('/v1/releases', releaseListBodySchema, 'releases'), next_cursor: null };
  }

  getManifest(digest: string): Promise<ReleaseManifest> {
    return this.#connection.send({ method: 'GET', path: releasePath(digest) }, releaseManifestSchema);
  }

  /** Lets a quarantined release be dispatched again. */
  liftQuarantine(digest: string, reason: string): Promise<LiftedBody> {
    return this.#connection.send(
      { method: 'POST', path: `${releasePath(digest)}/lift`, body: { reason }, bodySchema: liftQuarantineSchema },
      liftedBodySchema,
    );
  }

  removeRelease(digest: string): Promise<ReleaseBody> {
    return this.#connection.send({ method: 'DELETE', path: releasePath(digest) }, releaseBodySchema);
  }

  listBudgets(): Promise<BudgetListBody> {
    return this.#connection.send({ method: 'GET', path: '/v1/budgets' }, budgetListBodySchema);
  }

  setBudget(label: string, value: string, body: SetBudgetBody): Promise<BudgetBody> {
    return this.#connection.send(
      { method: 'PUT', path: budgetPath(label, value), body, bodySchema: setBudgetSchema },
      budgetBodySchema,
    );
  }

  removeBudget(label: string, value: string): Promise<BudgetBody> {
    return this.#connection.send({ method: 'DELETE', path: budgetPath(label, value) }, budgetBodySchema);
  }

  /** In the order of their names. */
  listStacks(): Promise<StackListBody> {
    return this.#connection.send({ method: 'GET', path: '/v1/stacks' }, stackListBodySchema);
  }

  getStack(name: string): Promise<StackBody> {
    return this.#connection.send({ method: 'GET', path: stackPath(name) }, stackBodySchema);
  }

  listStacksOfHost(name: string): Promise<HostStacksBody> {
    return this.#connection.send({ method: 'GET', path: `${hostPath(name)}/stacks` }, hostStacksBodySchema);
  }

  /** Brings every host that the newest rollout of the stack has changed back to the release before. */
  undoStack(name: string): Promise<UndoneStackBody> {
    return this.#connection.send({ method: 'POST', path: `${stackPath(name)}/undo` }, undoneStackBodySchema);
  }

  createRollout(body: CreateRolloutBody): Promise<RolloutBody> {
    return this.#connection.send(
      { method: 'POST', path: '/v1/rollouts', body, bodySchema: createRolloutSchema },
      rolloutBodySchema,
    );
  }

  /** Shows what `body` would do, without changing anything. */
  planRollout(body: CreateRolloutBody): Promise<RolloutPlanBody> {
    return this.#connection.send(
      { method: 'POST', path: '/v1/rollouts/plan', body, bodySchema: createRolloutSchema },
      rolloutPlanBodySchema,
    );
  }

  /** Newest first. */
  async listRollouts(): Promise<RolloutListBody> {
    return { rollouts: await this.#readAll('/v1/rollouts', rolloutListBodySchema, 'rollouts'), next_cursor: null };
  }

  /** Null where there is no rollout yet. */
  async newestRollout(): Promise<RolloutSummaryBody | null> {
    const call = { method: 'GET', path: '/v1/rollouts', query: { limit: 1 } } as const;
    const { rollouts } = await this.#connection.send(call, rolloutListBodySchema);
    return rollouts[0] ?? null;
  }

  getRollout(id: string): Promise<RolloutBody> {
    return this.#connection.send({ method: 'GET', path: rolloutPath(id) }, rolloutBodySchema);
  }

  /** No further host is dispatched; those in flight finish. */
  pauseRollout(id: string): Promise<RolloutBody> {
    return this.#connection.send({ method: 'POST', path: `${rolloutPath(id)}/pause` }, rolloutBodySchema);
  }

  resumeRollout(id: string): Promise<RolloutBody> {
    return this.#connection.send({ method: 'POST', path: `${rolloutPath(id)}/resume` }, rolloutBodySchema);
  }

  abortRollout(id: string, body: AbortRolloutBody = {}): Promise<AbortedRolloutBody> {
    return this.#connection.send(
      { method: 'POST', path: `${rolloutPath(id)}/abort`, body, bodySchema: abortRolloutSchema },
      abortedRolloutBodySchema,
    );
  }

  /** One page of a rollout's own log, as {@link readEvents}. */
  readRolloutEvents(id: string, span: Omit<EventSpan, 'host'> = {}): Promise<LogEventListBody> {
    const query = { after: span.after ?? 0, limit: span.limit ?? LIST_LIMITS.defaultLimit };
    return this.#connection.send({ method: 'GET', path: `${rolloutPath(id)}/events`, query }, logEventListBodySchema);
  }

  /** Folds the rollout's log again and compares it with what is stored. */
  replayRollout(id: string): Promise<ReplayBody> {
    return this.#connection.send({ method: 'POST', path: `${rolloutPath(id)}/replay` }, replayBodySchema);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Every item of a list, page by page. */
  async #readAll<K extends string, T>(
    path: string,
    schema: z.ZodType<Record<K, T[]> & { next_cursor: string | null }>,
    key: K,
  ): Promise<T[]> {
    const all: T[] = [];
    let cursor: string | undefined;
    for (;;) {
      const query = { limit: LIST_LIMITS.defaultLimit, cursor };
      const page = await this.#connection.send({ method: 'GET', path, query }, schema);
      for (const item of page[key]) all.push(item);
      if (page.next_cursor === null) return all;
      if (page.next_cursor === cursor) {
        throw new NexusError(
          'internal',
          `the server answered the same cursor of ${path} twice, so its list would never end. This is a defect of that server: please report it.`,
        );
      }
      cursor = page.next_cursor;
    }
  }
}
