import type { IncomingMessage, ServerResponse } from 'node:http';
import type * as z from 'zod';
import type { AdminIdentity, AdminScope, AgentIdentity } from '../domain/token.ts';
import type { Answer } from './answer.ts';
import type { BodyBudget } from './body-budget.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One request on its way to its route. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Decoded path parameters. */
  readonly params: Readonly<Record<string, string>>;
  /** What follows the `?`, as it was sent. */
  readonly query: string;
  readonly remoteAddress: string;
  /** The memory of bodies. */
  readonly bodies: BodyBudget;
  /** Whose share of it a body takes: a token's id, or the remote address while nobody is identified. */
  client: string;
  /** When the request arrived, by the server's wall clock. */
  readonly nowMs: number;
  /** The same by its monotonic clock. */
  readonly monotonicMs: number;
  /** The Unix socket: whoever can open it may do everything. */
  readonly isLocal: boolean;
}

interface RouteBase {
  readonly method: Method;
  /** `/v1/hosts/:name` */
  readonly path: string;
  /** One line for the API description. */
  readonly summary: string;
  /** What `readQuery` reads the query string with; undefined: it is not looked at. */
  readonly querySchema?: z.ZodObject;
  readonly requestSchema?: z.ZodType;
  readonly answerSchema?: z.ZodType;
  /** The success status. */
  readonly status: number;
}

/** `agent`: an agent token. `operator`: the Unix socket or an admin token. `anyone known`: an agent, or an operator who may read. `public`: anybody. */
export type Route =
  | (RouteBase & { readonly access: 'public'; handle(exchange: Exchange): Promise<Answer> | Answer })
  | (RouteBase & {
      readonly access: 'agent';
      handle(exchange: Exchange, identity: AgentIdentity): Promise<Answer> | Answer;
    })
  | (RouteBase & { readonly access: 'anyone known'; handle(exchange: Exchange): Promise<Answer> | Answer })
  | (RouteBase & {
      readonly access: 'operator';
      /** What an admin token must include; the Unix socket includes everything. */
      readonly scope: AdminScope;
      handle(exchange: Exchange, identity: AdminIdentity | null): Promise<Answer> | Answer;
    });
