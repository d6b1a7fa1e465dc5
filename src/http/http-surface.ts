/** From a request to its route and back: identity, the route's handler, and every failure as an answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import findMyWay from 'find-my-way';
import type { Dispatches } from '../domain/dispatch.ts';
import { assertNever, messageOf, NexusError } from '../domain/errors.ts';
import type { Feed } from '../domain/feed.ts';
import type { ForwardingFigures } from '../domain/figures.ts';
import type { Log } from '../domain/log.ts';
import type { Commands, FleetQueries, Identities, OutputGate, Readiness, TelemetryIntake } from '../domain/ports.ts';
import type { RolloutQueries } from '../domain/rollout-queries.ts';
import type { Runtime } from '../domain/runtime.ts';
import type { StackQueries } from '../domain/stack-queries.ts';
import { SOAK_TICKS_PER_MINUTE } from '../domain/telemetry.ts';
import type { AdminIdentity } from '../domain/token.ts';
import { agentRolloutRoutes } from './agent-rollout-routes.ts';
import { type Answer, json } from './answer.ts';
import { Authenticator } from './authenticate.ts';
import { BodyBudget } from './body-budget.ts';
import { budgetRoutes } from './budget-routes.ts';
import { describeApi } from './describe-api.ts';
import { historyRoutes } from './history-routes.ts';
import { hostRoutes } from './host-routes.ts';
import { HTTP_LIMITS } from './http-limits.ts';
import { HttpMetrics } from './http-metrics.ts';
import { operationsRoutes } from './operations-routes.ts';
import { problem, problemOf } from './problem.ts';
import { RateLimit } from './rate-limit.ts';
import { Refusal } from './refusal.ts';
import { releaseRoutes } from './release-routes.ts';
import { requireScope } from './require-scope.ts';
import { rolloutRoutes } from './rollout-routes.ts';
import type { Exchange, Method, Route } from './route.ts';
import { stackRoutes } from './stack-routes.ts';
import { streamRoutes } from './stream-routes.ts';
import { type AgentRates, telemetryRoutes } from './telemetry-routes.ts';
import { tokenRoutes } from './token-routes.ts';
import { writePieces } from './write-pieces.ts';

const METHODS: readonly Method[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
/** RFC 6750, section 3. */
const CHALLENGE = { 'www-authenticate': 'Bearer realm="nexus"' };

export interface SurfaceParts {
  readonly commands: Commands;
  readonly telemetry: TelemetryIntake;
  readonly queries: FleetQueries;
  readonly rollouts: RolloutQueries;
  readonly stacks: StackQueries;
  readonly feed: Feed;
  readonly dispatches: Dispatches;
  readonly identities: Identities;
  readonly readiness: Readiness;
  readonly output: OutputGate;
  readonly runtime: Runtime;
  readonly log: Log;
  /** Agent requests in 60 s per token; 0: no limit. */
  readonly agentRateLimit: number;
  /** Undefined: nothing is forwarded. */
  readonly forwarding?: (() => ForwardingFigures) | undefined;
}

function ratesOf({ agentRateLimit, queries }: SurfaceParts): AgentRates {
  return {
    all: new RateLimit(agentRateLimit),
    soak: new RateLimit(SOAK_TICKS_PER_MINUTE),
    hasSoak: (hostId) => queries.hasSoak(hostId),
  };
}

export class HttpSurface {
  readonly #router = findMyWay({ maxParamLength: 300 });
  readonly #authenticator: Authenticator;
  readonly #metrics: HttpMetrics;
  readonly #output: OutputGate;
  readonly #runtime: Runtime;
  readonly #bodies = new BodyBudget();
  readonly #log: Log;
  #isClosing = false;

  constructor(parts: SurfaceParts) {
    this.#runtime = parts.runtime;
    this.#log = parts.log;
    this.#output = parts.output;
    this.#metrics = new HttpMetrics(parts.queries, parts.feed, parts.runtime, parts.forwarding);
    this.#authenticator = new Authenticator(parts.identities, parts.log, () => this.#metrics.rejected());
    const routes: Route[] = [
      ...telemetryRoutes(parts.commands, parts.telemetry, ratesOf(parts), parts.runtime),
      ...hostRoutes(parts.commands, parts.queries, parts.runtime),
      ...tokenRoutes(parts.commands, parts.queries, parts.runtime),
      ...historyRoutes(parts.queries),
      ...agentRolloutRoutes(parts.commands, parts.dispatches),
      ...releaseRoutes(parts.commands, parts.rollouts),
      ...budgetRoutes(parts.commands, parts.rollouts),
      ...stackRoutes(parts.commands, parts.stacks, parts.runtime),
      ...rolloutRoutes(parts.commands, parts.rollouts, parts.queries, parts.runtime),
      ...streamRoutes(parts.feed),
      ...operationsRoutes(parts.readiness, this.#metrics),
    ];
    let description: unknown;
    routes.push({
      method: 'GET',
      path: '/openapi.json',
      access: 'public',
      summary: 'This description.',
      status: 200,
      handle: () => {
        // Made when it is first asked for: that takes longer than all the rest of opening the surface.
        description ??= describeApi(routes);
        return json(200, description);
      },
    });
    for (const route of routes) this.#router.on(route.method, route.path, () => undefined, route);
  }

  /**
   * From now on every answer is the last of its connection. node:http would keep on serving a connection that is busy
   * at the moment its server closes, for as long as its client goes on asking.
   */
  announceClose(): void {
    this.#isClosing = true;
  }

  /** Answers one request; never throws. `isLocal`: it came over the Unix socket. */
  serve(request: IncomingMessage, response: ServerResponse, isLocal: boolean): void {
    const { route, params, query } = this.#find(request);
    const remoteAddress = isLocal ? 'local socket' : (request.socket.remoteAddress ?? 'unknown');
    const exchange: Exchange = {
      request,
      response,
      params,
      query,
      remoteAddress,
      bodies: this.#bodies,
      client: remoteAddress,
      nowMs: this.#runtime.nowMs(),
      monotonicMs: this.#runtime.monotonicMs(),
      isLocal,
    };
    const failed = (error: unknown): Answer => this.#failure(exchange, route, error);
    const finish = (answer: Answer): void => {
      send(exchange, answer, this.#isClosing, this.#runtime, failed);
      const name = route === undefined ? 'unmatched' : `${route.method} ${route.path}`;
      this.#metrics.answered(name, answer.status);
      if (route?.access === 'agent')
        this.#metrics.ingested(name, (this.#runtime.monotonicMs() - exchange.monotonicMs) / 1000);
    };
    const answer = this.#answer(exchange, route, failed);
    // Not awaited: of thousands of polls that wait, each would keep the frames of the functions it has come through.
    if (answer instanceof Promise) answer.then(finish, (error) => finish(failed(error)));
    // Only when what has arrived is parsed is it known whether a body came whole.
    else queueMicrotask(() => finish(answer));
  }

  #find(request: IncomingMessage): {
    route: Route | undefined;
    params: Record<string, string>;
    query: string;
  } {
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    const path = mark === -1 ? url : url.slice(0, mark);
    const query = mark === -1 ? '' : url.slice(mark + 1);
    const method = (request.method === 'HEAD' ? 'GET' : request.method) as Method;
    const found = METHODS.includes(method) ? this.#router.find(method, path) : null;
    if (found === null) return { route: undefined, params: {}, query };
    return { route: found.store as Route, params: found.params as Record<string, string>, query };
  }

  #answer(exchange: Exchange, route: Route | undefined, failed: (error: unknown) => Answer): Promise<Answer> | Answer {
    try {
      return route === undefined ? this.#unmatched(exchange) : this.#authorized(exchange, route);
    } catch (error) {
      return failed(error);
    }
  }

  #failure(exchange: Exchange, route: Route | undefined, error: unknown): Answer {
    if (error instanceof Refusal) return error.answer;
    if (error instanceof NexusError) {
      if (error.code === 'unauthorized') return this.#unauthorized(exchange, route);
      return problemOf(error);
    }
    if (exchange.request.destroyed && !exchange.request.complete) return problem(400, 'the body ended too early');
    this.#log.error(
      { route: route?.path, reason: messageOf(error), stack: error instanceof Error ? error.stack : undefined },
      'a request failed because of a defect in the server',
    );
    return problem(500, "this request failed because of a defect in Nexus: see the server's log");
  }

  #unmatched(exchange: Exchange): Answer {
    const path = (exchange.request.url ?? '/').split('?', 1)[0] ?? '/';
    const allowed = METHODS.filter((method) => this.#router.find(method, path) !== null);
    if (allowed.length === 0)
      return problem(404, 'there is nothing at this path: /openapi.json describes those there are');
    return problem(405, `this path accepts only ${allowed.join(', ')}`, {}, { allow: allowed.join(', ') });
  }

  #unauthorized(exchange: Exchange, route: Route | undefined): Answer {
    const { authorization } = exchange.request.headers;
    this.#authenticator.reject(exchange.remoteAddress, authorization, exchange.monotonicMs);
    // Agents get no body: there is nothing to tell somebody unknown.
    if (route?.access === 'agent') return { status: 401, headers: CHALLENGE };
    return problem(
      401,
      "this requires an admin token: create one with 'nexus token create --admin' on the server",
      {},
      CHALLENGE,
    );
  }

  #authorized(exchange: Exchange, route: Route): Promise<Answer> | Answer {
    const identify = () => this.#authenticator.identify(exchange.request.headers.authorization, exchange.nowMs);
    switch (route.access) {
      case 'public':
        return route.handle(exchange);
      case 'agent': {
        const identity = identify();
        if (identity?.kind !== 'agent') return this.#output.gate(this.#unauthorized(exchange, route));
        exchange.client = identity.tokenId;
        return route.handle(exchange, identity);
      }
      case 'anyone known': {
        if (exchange.isLocal) return route.handle(exchange);
        const identity = identify();
        if (identity === undefined) return this.#output.gate(this.#unauthorized(exchange, route));
        if (identity.kind === 'admin') requireScope(identity.scope, 'read');
        return route.handle(exchange);
      }
      case 'operator': {
        if (exchange.isLocal) return route.handle(exchange, null);
        const identity = identify();
        if (identity === undefined) return this.#output.gate(this.#unauthorized(exchange, route));
        if (identity.kind === 'agent') return problem(403, "an agent's token may not do this: use an admin token");
        requireScope(identity.scope, route.scope);
        exchange.client = identity.tokenId;
        return this.#answerAdmin(exchange, route, identity);
      }
      default:
        return assertNever(route);
    }
  }

  async #answerAdmin(
    exchange: Exchange,
    route: Extract<Route, { access: 'operator' }>,
    identity: AdminIdentity,
  ): Promise<Answer> {
    const answer = await route.handle(exchange, identity);
    if (answer.status < 300) this.#authenticator.noteUse(identity.tokenId, exchange.nowMs);
    return answer;
  }
}

/**
 * Writes an answer; `isLast` ends its connection with it. A body that was refused unread is drained by node:http when
 * it is small; a large or endless one costs its sender the connection.
 */
function send(
  { request, response }: Exchange,
  answer: Answer,
  isLast: boolean,
  runtime: Runtime,
  onFailure: (error: unknown) => void,
): void {
  if (response.headersSent || response.destroyed) return;
  const headers: Record<string, string | number> = { 'cache-control': 'no-store', ...answer.headers };
  if (isLast) headers['connection'] = 'close';
  const body = answer.body ?? '';
  const isCut = !request.complete && unreadBytes(request) > HTTP_LIMITS.drainBytes;
  if (answer.status !== 204 && answer.pieces === undefined) headers['content-length'] = Buffer.byteLength(body);
  if (isCut) headers['connection'] = 'close';
  response.writeHead(answer.status, headers);
  if (answer.pieces !== undefined && request.method !== 'HEAD') {
    void writePieces(response, answer.pieces, onFailure);
  } else if (isCut) endAfterDraining(request, response, body, runtime);
  else if (request.method === 'HEAD') response.end();
  else response.end(body);
}

/** How much of a body may still come, as far as its headers tell. */
function unreadBytes(request: IncomingMessage): number {
  if (request.headers['transfer-encoding'] !== undefined) return Number.POSITIVE_INFINITY;
  return Number(request.headers['content-length'] ?? 0);
}

/**
 * Answers a sender that is still sending, and reads on for a while, bounded, before the connection goes: closed at
 * once, it would be reset by what still arrives, and the answer might never be read.
 */
function endAfterDraining(
  request: IncomingMessage,
  response: ServerResponse,
  body: string | Uint8Array,
  runtime: Runtime,
): void {
  response.flushHeaders();
  if (request.method !== 'HEAD' && body.length > 0) response.write(body);
  let drained = 0;
  const end = () => void response.end();
  const timer = runtime.setTimer(HTTP_LIMITS.drainMs, end, { keepsAlive: false });
  request.on('data', (chunk: Buffer) => {
    drained += chunk.length;
    if (drained > 16 * HTTP_LIMITS.drainBytes) end();
  });
  request.on('end', end);
  request.on('close', () => {
    timer.cancel();
    end();
  });
  request.on('error', () => {});
  request.resume();
}
