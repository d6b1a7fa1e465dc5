import type { Commands, FleetQueries, Read } from '../domain/ports.ts';
import type { Runtime } from '../domain/runtime.ts';
import type { PageRequest } from '../domain/store.ts';
import { TOKEN_ENTROPY_BYTES, type Token } from '../domain/token.ts';
import {
  createAdminTokenSchema,
  createTokenSchema,
  listQuerySchema,
  mintedTokenBodySchema,
  tokenBodySchema,
  tokenListBodySchema,
} from '../wire/operator.ts';
import { type Answer, json } from './answer.ts';
import { presentMintedToken, presentToken } from './present.ts';
import { readBody, readOptionalBody, readQuery } from './read-body.ts';
import type { Exchange, Route } from './route.ts';

function tokenRequest(
  runtime: Runtime,
  exchange: Exchange,
  body: { name?: string | undefined; expires_in_seconds?: number | undefined },
) {
  const expiresAtMs = body.expires_in_seconds === undefined ? null : exchange.nowMs + body.expires_in_seconds * 1000;
  const entropy = runtime.randomBytes(TOKEN_ENTROPY_BYTES);
  return { name: body.name ?? null, expiresAtMs, entropy, nowMs: exchange.nowMs };
}

async function answerPage(exchange: Exchange, read: (page: PageRequest<string>) => Read<Token[]>): Promise<Answer> {
  const { limit, cursor } = readQuery(exchange, listQuerySchema);
  const tokens = await read({ after: cursor ?? null, limit });
  const last = tokens.length === limit ? tokens.at(-1) : undefined;
  return json(200, { tokens: tokens.map(presentToken), next_cursor: last?.id ?? null });
}

export function tokenRoutes(commands: Commands, queries: FleetQueries, runtime: Runtime): Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/hosts/:name/tokens',
      access: 'operator',
      scope: 'admin',
      summary: 'Create a token for a host; its plaintext is in this answer only.',
      requestSchema: createTokenSchema,
      answerSchema: mintedTokenBodySchema,
      status: 201,
      async handle(exchange) {
        const body = await readOptionalBody(exchange, createTokenSchema);
        const host = exchange.params['name'] ?? '';
        const minted = await commands.submit({
          kind: 'create_agent_token',
          host,
          ...tokenRequest(runtime, exchange, body),
        });
        return json(201, presentMintedToken(minted));
      },
    },
    {
      method: 'GET',
      path: '/v1/hosts/:name/tokens',
      access: 'operator',
      scope: 'read',
      summary: 'List the tokens of a host.',
      querySchema: listQuerySchema,
      answerSchema: tokenListBodySchema,
      status: 200,
      handle(exchange) {
        return answerPage(exchange, (page) => queries.tokensOfHost(exchange.params['name'] ?? '', page));
      },
    },
    {
      method: 'POST',
      path: '/v1/tokens',
      access: 'operator',
      scope: 'admin',
      summary: 'Create an admin token; its plaintext is in this answer only.',
      requestSchema: createAdminTokenSchema,
      answerSchema: mintedTokenBodySchema,
      status: 201,
      async handle(exchange) {
        const body = await readBody(exchange, createAdminTokenSchema);
        const { scope } = body;
        const request = tokenRequest(runtime, exchange, body);
        const minted = await commands.submit({ kind: 'create_admin_token', scope, ...request });
        return json(201, presentMintedToken(minted));
      },
    },
    {
      method: 'GET',
      path: '/v1/tokens',
      access: 'operator',
      scope: 'read',
      summary: 'List the admin tokens.',
      querySchema: listQuerySchema,
      answerSchema: tokenListBodySchema,
      status: 200,
      handle: (exchange) => answerPage(exchange, (page) => queries.adminTokens(page)),
    },
    {
      method: 'POST',
      path: '/v1/tokens/:id/rotate',
      access: 'operator',
      scope: 'admin',
      summary: 'Replace a token: the old one is refused from the next request on.',
      answerSchema: mintedTokenBodySchema,
      status: 201,
      async handle(exchange) {
        const id = exchange.params['id'] ?? '';
        const entropy = runtime.randomBytes(TOKEN_ENTROPY_BYTES);
        const minted = await commands.submit({ kind: 'rotate_token', id, entropy, nowMs: exchange.nowMs });
        return json(201, presentMintedToken(minted));
      },
    },
    {
      method: 'DELETE',
      path: '/v1/tokens/:id',
      access: 'operator',
      scope: 'admin',
      summary: 'Revoke a token.',
      answerSchema: tokenBodySchema,
      status: 200,
      async handle(exchange) {
        const id = exchange.params['id'] ?? '';
        return json(200, presentToken(await commands.submit({ kind: 'revoke_token', id, nowMs: exchange.nowMs })));
      },
    },
  ];
}
