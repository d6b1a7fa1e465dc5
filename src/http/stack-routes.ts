import { formatInstant, formatInstantOrNull } from '../domain/instant.ts';
import type { Commands } from '../domain/ports.ts';
import type { Runtime } from '../domain/runtime.ts';
import type { StackHostView, StackQueries, StackRelease } from '../domain/stack-queries.ts';
import {
  hostStacksBodySchema,
  type StackHostBody,
  stackBodySchema,
  stackListBodySchema,
  undoneStackBodySchema,
} from '../wire/stack.ts';
import { json } from './answer.ts';
import { rolloutSeed } from './rollout-seed.ts';
import type { Route } from './route.ts';

function presentRelease(release: StackRelease | null): { release: string; version: string | null } | null {
  return release === null ? null : { release: release.digest, version: release.version };
}

function presentHost(view: StackHostView): StackHostBody {
  const { stack, host, status, desired, observed, sinceMs, rolloutId, services, isWatched, drift } = view;
  return {
    stack,
    host,
    status,
    desired: presentRelease(desired),
    observed: presentRelease(observed),
    since: formatInstantOrNull(sinceMs),
    rollout_id: rolloutId,
    services: services.map((service) => ({ ...service, images: [...service.images] })),
    watched: isWatched,
    drift: drift === null ? null : { since: formatInstant(drift.sinceMs), findings: [...drift.findings] },
  };
}

export function stackRoutes(commands: Commands, queries: StackQueries, runtime: Runtime): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/stacks',
      access: 'operator',
      scope: 'read',
      summary: 'List the stacks, with how many hosts run which release.',
      answerSchema: stackListBodySchema,
      status: 200,
      async handle() {
        const stacks = (await queries.stacks()).map((summary) => ({
          ...summary,
          releases: summary.releases.map(({ release, hosts }) => ({
            release: release?.digest ?? null,
            version: release?.version ?? null,
            hosts,
          })),
        }));
        return json(200, { stacks });
      },
    },
    {
      method: 'GET',
      path: '/v1/stacks/:stack',
      access: 'operator',
      scope: 'read',
      summary: 'Show, host by host, which release of a stack is to run and what does run.',
      answerSchema: stackBodySchema,
      status: 200,
      async handle({ params }) {
        const stack = params['stack'] ?? '';
        return json(200, { stack, hosts: (await queries.stack(stack)).map(presentHost) });
      },
    },
    {
      method: 'POST',
      path: '/v1/stacks/:stack/undo',
      access: 'operator',
      scope: 'deploy',
      summary: 'Bring every host that the newest rollout of a stack has changed back to the release before.',
      answerSchema: undoneStackBodySchema,
      status: 201,
      async handle({ params, nowMs }) {
        const stack = params['stack'] ?? '';
        const idSeed = rolloutSeed(runtime);
        const { rollouts, notUndone } = await commands.submit({ kind: 'undo_stack', stack, idSeed, nowMs });
        return json(201, { stack, rollouts, not_undone: notUndone });
      },
    },
    {
      method: 'GET',
      path: '/v1/hosts/:name/stacks',
      access: 'operator',
      scope: 'read',
      summary: 'Show the stacks of a host.',
      answerSchema: hostStacksBodySchema,
      status: 200,
      handle: async ({ params }) =>
        json(200, { stacks: (await queries.stacksOfHost(params['name'] ?? '')).map(presentHost) }),
    },
  ];
}
