import type { RolloutOrder, RolloutRequest } from '../domain/command.ts';
import { NexusError } from '../domain/errors.ts';
import { formatInstant, formatInstantOrNull } from '../domain/instant.ts';
import type { Commands, FleetQueries } from '../domain/ports.ts';
import { soakSecondsOf } from '../domain/rollout.ts';
import type { RolloutHostView, RolloutPreview, RolloutQueries, RolloutView } from '../domain/rollout-queries.ts';
import type { Runtime } from '../domain/runtime.ts';
import { eventQuerySchema, listQuerySchema, logEventListBodySchema } from '../wire/operator.ts';
import { manifestSchema } from '../wire/release.ts';
import {
  abortedRolloutBodySchema,
  abortRolloutSchema,
  createRolloutSchema,
  type RolloutHostBody,
  type RolloutSummaryBody,
  replayBodySchema,
  rolloutBodySchema,
  rolloutListBodySchema,
  rolloutPlanBodySchema,
} from '../wire/rollout.ts';
import { type Answer, json } from './answer.ts';
import { presentEvent } from './present.ts';
import { readBody, readOptionalBody, readQuery } from './read-body.ts';
import { type NamedManifest, notesOnRelease } from './release-notes.ts';
import { rolloutSeed } from './rollout-seed.ts';
import type { Exchange, Route } from './route.ts';

function presentHost({ host, heldBy, offlineSinceMs }: RolloutHostView): RolloutHostBody {
  return {
    name: host.name,
    state: host.state,
    wave: host.wave,
    held_by: heldBy === null ? null : { gate: heldBy.gate, reason: heldBy.reason },
    state_since: formatInstant(host.stateSinceMs),
    dispatched_at: formatInstantOrNull(host.dispatchedAtMs),
    epoch: host.epoch,
    last_event_seq: host.lastSeq,
    previous_release: host.previousRelease,
    soak_due_at: formatInstantOrNull(host.soakDueAtMs),
    left: host.left,
    offline_since: formatInstantOrNull(offlineSinceMs),
    lost_at: formatInstantOrNull(host.lost?.atMs ?? null),
    probes: host.probes.map((probe) => ({
      name: probe.name,
      mode: probe.mode,
      status: probe.status,
      since: formatInstantOrNull(probe.sinceMs),
      reason: probe.reason,
    })),
    telemetry:
      host.telemetry === null
        ? null
        : {
            status: host.telemetry.status,
            since: formatInstant(host.telemetry.sinceMs),
            reason: host.telemetry.reason,
            figures: host.telemetry.figures,
          },
    failure:
      host.failure === null
        ? null
        : {
            failing_probes: [...host.failure.failingProbes],
            output: host.failure.output,
            at: formatInstant(host.failure.atMs),
            trouble: host.failure.trouble,
            evidence: host.failure.evidence.map(({ service, exitCode, oomKilled, logTail }) => {
              return { service, exit_code: exitCode, oom_killed: oomKilled, log_tail: logTail };
            }),
          },
    refusal:
      host.refusal === null
        ? null
        : { reason: host.refusal.reason, detail: host.refusal.detail, at: formatInstant(host.refusal.atMs) },
    deferral:
      host.deferral === null
        ? null
        : { class: host.deferral.class, reason: host.deferral.reason, at: formatInstant(host.deferral.atMs) },
    images: host.images.map(({ service, reference, imageId, repoDigest }) => {
      return { service, reference, image_id: imageId, repo_digest: repoDigest };
    }),
    rollback_failure:
      host.rollbackFailure === null
        ? null
        : {
            exit_code: host.rollbackFailure.exitCode,
            output: host.rollbackFailure.output,
            at: formatInstant(host.rollbackFailure.atMs),
          },
    dropped: host.dropped,
  };
}

/** What the Compose files tell of the release, and of what it changes of those that run on these hosts. */
async function noteRelease(queries: RolloutQueries, { release, waves }: RolloutPreview): Promise<string[]> {
  const running = new Set(waves.flat().flatMap(({ runs }) => (runs === null || runs === release ? [] : [runs])));
  const read = async (digest: string): Promise<NamedManifest | null> => {
    try {
      const bytes = await queries.manifest(digest);
      const { data: manifest } = manifestSchema.safeParse(JSON.parse(Buffer.from(bytes).toString()));
      return manifest === undefined ? null : { name: `${manifest.stack} ${manifest.version}`, manifest };
    } catch (error) {
      // A host may run what this server does not have any more.
      if (error instanceof NexusError && error.code === 'not_found') return null;
      throw error;
    }
  };
  const [own, ...others] = await Promise.all([release, ...running].map(read));
  return own == null
    ? []
    : notesOnRelease(
        own.manifest,
        others.filter((other) => other !== null),
      );
}

function presentSummary({ plan, progress, counts, version }: RolloutView): RolloutSummaryBody {
  return {
    id: plan.id,
    stack: plan.stack,
    release: plan.release,
    version,
    state: progress.status,
    state_since: formatInstant(progress.statusSinceMs),
    reason: progress.reason,
    current_wave: progress.currentWave,
    created_at: formatInstant(plan.createdAtMs),
    max_in_flight: plan.maxInFlight,
    failure_threshold: plan.failureThreshold,
    soak_seconds: plan.policy.soakSeconds,
    counts: {
      hosts: counts.pending + counts.inFlight + counts.converged + counts.failed + counts.left,
      pending: counts.pending,
      in_flight: counts.inFlight,
      converged: counts.converged,
      failed: counts.failed,
      left: counts.left,
    },
  };
}

async function readRequest(exchange: Exchange): Promise<RolloutRequest> {
  const body = await readBody(exchange, createRolloutSchema);
  return {
    release: body.release,
    hosts: body.hosts === undefined ? { selector: body.selector ?? {} } : { names: body.hosts },
    waves: body.waves.map(({ soak_seconds: soakSeconds, ...size }) => ({ ...size, soakSeconds })),
    maxInFlight: body.max_in_flight,
    failureThreshold: body.failure_threshold,
  };
}

export function rolloutRoutes(
  commands: Commands,
  queries: RolloutQueries,
  log: FleetQueries,
  runtime: Runtime,
): Route[] {
  const show = async (exchange: Exchange, status: number, id: string, more = {}): Promise<Answer> => {
    const view = await queries.rollout(id);
    const hosts = (await queries.rolloutHosts(id, exchange.nowMs)).map(presentHost);
    const waves = view.plan.waves.map((names, wave) => ({
      hosts: names,
      soak_seconds: soakSecondsOf(view.plan, wave),
    }));
    return json(status, { ...presentSummary(view), waves, hosts, ...more });
  };
  const steer = async (exchange: Exchange, order: RolloutOrder): Promise<Answer> => {
    const id = exchange.params['id'] ?? '';
    const idSeed = rolloutSeed(runtime);
    const outcome = await commands.submit({ kind: 'steer_rollout', id, order, idSeed, nowMs: exchange.nowMs });
    const { rollbacks, notRolledBack } = outcome;
    const isAbort = order.kind === 'abort' || order.kind === 'drop_host';
    return show(exchange, 200, id, isAbort ? { rollbacks, not_rolled_back: notRolledBack } : {});
  };
  return [
    {
      method: 'POST',
      path: '/v1/rollouts',
      access: 'operator',
      scope: 'deploy',
      summary: 'Bring a release to hosts, wave by wave.',
      requestSchema: createRolloutSchema,
      answerSchema: rolloutBodySchema,
      status: 201,
      async handle(exchange) {
        const request = await readRequest(exchange);
        const idSeed = rolloutSeed(runtime);
        const { id } = await commands.submit({ kind: 'create_rollout', ...request, idSeed, nowMs: exchange.nowMs });
        return show(exchange, 201, id);
      },
    },
    {
      method: 'POST',
      path: '/v1/rollouts/plan',
      access: 'operator',
      scope: 'read',
      summary: 'Show what a rollout would do, host by host, without changing anything.',
      requestSchema: createRolloutSchema,
      answerSchema: rolloutPlanBodySchema,
      status: 200,
      async handle(exchange) {
        const preview = await queries.preview(await readRequest(exchange), exchange.nowMs);
        const notes = [...preview.notes, ...(await noteRelease(queries, preview))];
        return json(200, { ...preview, notes, waves: preview.waves.map((hosts) => ({ hosts })) });
      },
    },
    {
      method: 'GET',
      path: '/v1/rollouts',
      access: 'operator',
      scope: 'read',
      summary: 'List rollouts, newest first.',
      querySchema: listQuerySchema,
      answerSchema: rolloutListBodySchema,
      status: 200,
      async handle(exchange) {
        const query = readQuery(exchange, listQuerySchema);
        const page = await queries.rollouts({ after: query.cursor ?? null, limit: query.limit });
        const next = page.length === query.limit ? (page.at(-1)?.plan.id ?? null) : null;
        return json(200, { rollouts: page.map(presentSummary), next_cursor: next });
      },
    },
    {
      method: 'GET',
      path: '/v1/rollouts/:id',
      access: 'operator',
      scope: 'read',
      summary: 'Show a rollout with every host and what each waits for.',
      answerSchema: rolloutBodySchema,
      status: 200,
      handle: (exchange) => show(exchange, 200, exchange.params['id'] ?? ''),
    },
    {
      method: 'POST',
      path: '/v1/rollouts/:id/pause',
      access: 'operator',
      scope: 'deploy',
      summary: 'Pause a rollout: no further host is dispatched, and those in flight finish.',
      answerSchema: rolloutBodySchema,
      status: 200,
      handle: (exchange) => steer(exchange, { kind: 'pause' }),
    },
    {
      method: 'POST',
      path: '/v1/rollouts/:id/resume',
      access: 'operator',
      scope: 'deploy',
      summary: 'Resume a paused rollout.',
      answerSchema: rolloutBodySchema,
      status: 200,
      handle: (exchange) => steer(exchange, { kind: 'resume' }),
    },
    {
      method: 'POST',
      path: '/v1/rollouts/:id/abort',
      access: 'operator',
      scope: 'deploy',
      summary:
        'End a rollout; with `rollback`, new rollouts bring the hosts it touched back to what they ran before. ' +
        'With `force` and `host`, only expect nothing more of that host.',
      requestSchema: abortRolloutSchema,
      answerSchema: abortedRolloutBodySchema,
      status: 200,
      async handle(exchange) {
        const body = await readOptionalBody(exchange, abortRolloutSchema);
        const { reason = '', rollback = false, host } = body;
        if (host !== undefined) return steer(exchange, { kind: 'drop_host', host, reason });
        return steer(exchange, { kind: 'abort', reason, rollback });
      },
    },
    {
      method: 'GET',
      path: '/v1/rollouts/:id/events',
      access: 'operator',
      scope: 'read',
      summary: 'List the log of a rollout, after an id.',
      answerSchema: logEventListBodySchema,
      querySchema: eventQuerySchema,
      status: 200,
      async handle(exchange) {
        const query = readQuery(exchange, eventQuerySchema);
        const rolloutId = (await queries.rollout(exchange.params['id'] ?? '')).plan.id;
        const events = await log.events(query.after, query.limit, { rolloutId });
        return json(200, { events: events.map(presentEvent), next: events.at(-1)?.id ?? query.after });
      },
    },
    {
      method: 'POST',
      path: '/v1/rollouts/:id/replay',
      access: 'operator',
      scope: 'read',
      summary: 'Replay the log of a rollout and compare the result with what is stored.',
      answerSchema: replayBodySchema,
      status: 200,
      handle: async (exchange) => json(200, await queries.replay(exchange.params['id'] ?? '')),
    },
  ];
}
