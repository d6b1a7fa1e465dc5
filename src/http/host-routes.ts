import { DEFAULT_OFFLINE_AFTER_SECONDS } from '../domain/host.ts';
import type { Commands, FleetQueries } from '../domain/ports.ts';
import type { Runtime } from '../domain/runtime.ts';
import { TOKEN_ENTROPY_BYTES } from '../domain/token.ts';
import {
  createdHostBodySchema,
  createHostSchema,
  hostBodySchema,
  hostListBodySchema,
  listQuerySchema,
  updateHostSchema,
} from '../wire/operator.ts';
import { json } from './answer.ts';
import { presentHost, presentMintedToken } from './present.ts';
import { readBody, readQuery } from './read-body.ts';
import { requireScope } from './require-scope.ts';
import type { Route } from './route.ts';

export function hostRoutes(commands: Commands, queries: FleetQueries, runtime: Runtime): Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/hosts',
      access: 'operator',
      scope: 'admin',
      summary: 'Add a host, with a token for its agent if asked.',
      requestSchema: createHostSchema,
      answerSchema: createdHostBodySchema,
      status: 201,
      async handle(exchange) {
        const body = await readBody(exchange, createHostSchema);
        const { host, minted } = await commands.submit({
          kind: 'add_host',
          name: body.name,
          labels: body.labels ?? {},
          offlineAfterSeconds: body.offline_after_seconds ?? DEFAULT_OFFLINE_AFTER_SECONDS,
          token:
            body.token === true
              ? { name: null, expiresAtMs: null, entropy: runtime.randomBytes(TOKEN_ENTROPY_BYTES) }
              : null,
          nowMs: exchange.nowMs,
        });
        const answer = { host: presentHost(host) };
        return json(201, minted === null ? answer : { ...answer, token: presentMintedToken(minted) });
      },
    },
    {
      method: 'GET',
      path: '/v1/hosts',
      access: 'operator',
      scope: 'read',
      summary: 'List hosts by name, with their latest values.',
      querySchema: listQuerySchema,
      answerSchema: hostListBodySchema,
      status: 200,
      async handle(exchange) {
        const query = readQuery(exchange, listQuerySchema);
        const hosts = await queries.hosts({ after: query.cursor ?? null, limit: query.limit });
        const last = hosts.length === query.limit ? hosts.at(-1) : undefined;
        return json(200, { hosts: hosts.map(presentHost), next_cursor: last?.name ?? null });
      },
    },
    {
      method: 'GET',
      path: '/v1/hosts/:name',
      access: 'operator',
      scope: 'read',
      summary: 'Show one host.',
      answerSchema: hostBodySchema,
      status: 200,
      handle: async (exchange) => json(200, presentHost(await queries.host(exchange.params['name'] ?? ''))),
    },
    {
      method: 'PATCH',
      path: '/v1/hosts/:name',
      access: 'operator',
      scope: 'deploy',
      summary:
        'Change labels (null deletes one) or, with the scope admin, the time of silence after which the host counts as offline.',
      requestSchema: updateHostSchema,
      answerSchema: hostBodySchema,
      status: 200,
      async handle(exchange, identity) {
        const body = await readBody(exchange, updateHostSchema);
        if (identity !== null && body.offline_after_seconds !== undefined) requireScope(identity.scope, 'admin');
        const { host } = await commands.submit({
          kind: 'update_host',
          name: exchange.params['name'] ?? '',
          labels: body.labels ?? null,
          offlineAfterSeconds: body.offline_after_seconds ?? null,
          nowMs: exchange.nowMs,
        });
        return json(200, presentHost(host));
      },
    },
    {
      method: 'DELETE',
      path: '/v1/hosts/:name',
      access: 'operator',
      scope: 'admin',
      summary: 'Archive a host for good and revoke its tokens; its history stays.',
      answerSchema: hostBodySchema,
      status: 200,
      async handle(exchange) {
        const name = exchange.params['name'] ?? '';
        const { host } = await commands.submit({ kind: 'archive_host', name, nowMs: exchange.nowMs });
        return json(200, presentHost(host));
      },
    },
  ];
}
