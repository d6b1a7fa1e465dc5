import { hash } from 'node:crypto';
import { type AgentRollout, type Dispatch, type Dispatches, MAX_DISPATCH_WAIT_SECONDS } from '../domain/dispatch.ts';
import { formatInstantOrNull } from '../domain/instant.ts';
import type { Commands } from '../domain/ports.ts';
import {
  type AgentStateBody,
  agentEventSchema,
  agentStateBodySchema,
  type DispatchBody,
  dispatchBodySchema,
  readEvent,
} from '../wire/agent-event.ts';
import { dispatchQuerySchema } from '../wire/operator.ts';
import { parseWith } from '../wire/problem.ts';
import { type Answer, json, NO_CONTENT } from './answer.ts';
import { HTTP_LIMITS } from './http-limits.ts';
import { canonicalField, readJson, readQuery, requireValid } from './read-body.ts';
import type { Route } from './route.ts';

function presentDispatch(dispatch: Dispatch): DispatchBody {
  return {
    rollout_id: dispatch.rolloutId,
    stack: dispatch.stack,
    release: dispatch.release,
    soak_seconds: dispatch.soakSeconds,
    epoch: dispatch.epoch,
    ...(dispatch.regressed === null ? {} : { regressed: { reason: dispatch.regressed } }),
    ...(dispatch.lastEventSeq === 0 ? {} : { last_event_seq: dispatch.lastEventSeq }),
    ...(dispatch.images === null ? {} : { images: dispatch.images }),
  };
}

function answerDispatch(dispatch: Dispatch | null): Answer {
  return dispatch === null ? NO_CONTENT : json(200, presentDispatch(dispatch));
}

function presentAgentRollout({ plan, host }: AgentRollout): AgentStateBody['rollouts'][number] {
  return {
    rollout_id: plan.id,
    stack: plan.stack,
    release: plan.release,
    state: host.state,
    last_event_seq: host.lastSeq,
    soak_due_at: formatInstantOrNull(host.soakDueAtMs),
    previous_release: host.previousRelease,
    epoch: host.epoch,
  };
}

/** The event as its sender wrote it, whatever the order of its keys: tells a duplicate from a conflict. */
function digestEvent(body: unknown): string {
  const event = typeof body === 'object' && body !== null && 'event' in body ? body.event : null;
  return hash('sha256', canonicalField('event', event), 'hex');
}

export function agentRolloutRoutes(commands: Commands, dispatches: Dispatches): Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/agent/events',
      access: 'agent',
      summary: 'Take one numbered event: 204 once it is applied, committed and synced.',
      requestSchema: agentEventSchema,
      status: 204,
      async handle(exchange, identity) {
        const body = await readJson(exchange, HTTP_LIMITS.eventBodyBytes);
        const { hostname, rollout_id: rolloutId, event } = requireValid(parseWith(agentEventSchema, body));
        const numbered = { seq: event.seq, bodyDigest: digestEvent(body), event: readEvent(event) };
        await commands.submit({ kind: 'report_event', identity, hostname, rolloutId, numbered, nowMs: exchange.nowMs });
        return NO_CONTENT;
      },
    },
    {
      method: 'GET',
      path: '/v1/agent/dispatch',
      access: 'agent',
      summary: `Wait up to ${MAX_DISPATCH_WAIT_SECONDS} s for a dispatch: 200 with it, 204 without.`,
      querySchema: dispatchQuerySchema,
      answerSchema: dispatchBodySchema,
      status: 200,
      handle(exchange, identity) {
        const { wait } = readQuery(exchange, dispatchQuerySchema);
        return dispatches
          .nextDispatch(identity, wait * 1000, (giveUp) => exchange.response.on('close', giveUp))
          .then(answerDispatch);
      },
    },
    {
      method: 'GET',
      path: '/v1/agent/state',
      access: 'agent',
      summary: "This host's name and its part in every open rollout.",
      answerSchema: agentStateBodySchema,
      status: 200,
      async handle(_exchange, identity) {
        const { hostname, rollouts } = await dispatches.agentState(identity);
        return json(200, { hostname, rollouts: rollouts.map(presentAgentRollout) });
      },
    },
  ];
}
