import { createHash } from 'node:crypto';
import { formatInstant } from '../domain/instant.ts';
import type { Commands } from '../domain/ports.ts';
import { type Quarantine, RELEASE_LIMITS } from '../domain/release.ts';
import type { ReleaseView, RolloutQueries } from '../domain/rollout-queries.ts';
import { listQuerySchema } from '../wire/operator.ts';
import { parseWith } from '../wire/problem.ts';
import {
  liftedBodySchema,
  liftQuarantineSchema,
  manifestSchema,
  type QuarantineBody,
  quarantineBodySchema,
  type ReleaseBody,
  readPolicy,
  releaseBodySchema,
  releaseListBodySchema,
} from '../wire/release.ts';
import { json } from './answer.ts';
import { problem } from './problem.ts';
import { canonicalField, readBody, readJson, readQuery, requireValid } from './read-body.ts';
import { readCompose } from './read-compose.ts';
import type { Route } from './route.ts';

function presentQuarantine(quarantine: Quarantine): QuarantineBody {
  return {
    stack: quarantine.stack,
    release: quarantine.release,
    rollout_id: quarantine.rolloutId,
    host: quarantine.host,
    failing_probes: [...quarantine.failingProbes],
    output: quarantine.output,
    since: formatInstant(quarantine.sinceMs),
  };
}

function presentRelease({ release, quarantine }: ReleaseView): ReleaseBody {
  return {
    digest: release.digest,
    stack: release.stack,
    version: release.version,
    created_at: formatInstant(release.createdAtMs),
    quarantine: quarantine === null ? null : presentQuarantine(quarantine),
  };
}

export function releaseRoutes(commands: Commands, queries: RolloutQueries): Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/releases',
      access: 'operator',
      scope: 'deploy',
      summary: 'Add a release by its manifest: 201, or 200 when it is known.',
      requestSchema: manifestSchema,
      answerSchema: releaseBodySchema,
      status: 201,
      async handle(exchange) {
        const body = await readJson(exchange, RELEASE_LIMITS.maxManifestBytes);
        const manifest = requireValid(parseWith(manifestSchema, body));
        const outline = readCompose(manifest);
        // The digest is over the manifest as it was sent, without the defaults that the schema fills in.
        const bytes = Buffer.from(canonicalField('', body));
        const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
        const { release, created } = await commands.submit({
          kind: 'add_release',
          release: {
            digest,
            stack: manifest.stack,
            version: manifest.version,
            createdAtMs: exchange.nowMs,
            policy: readPolicy(manifest),
            ...outline,
            removesStack: manifest.removes_stack === true,
          },
          manifest: bytes,
          nowMs: exchange.nowMs,
        });
        return json(created ? 201 : 200, presentRelease(await queries.release(release.digest)));
      },
    },
    {
      method: 'GET',
      path: '/v1/releases',
      access: 'operator',
      scope: 'read',
      summary: 'List releases, newest first.',
      querySchema: listQuerySchema,
      answerSchema: releaseListBodySchema,
      status: 200,
      async handle(exchange) {
        const { limit, cursor } = readQuery(exchange, listQuerySchema);
        const all = (await queries.releases()).reverse();
        const start = cursor === undefined ? 0 : all.findIndex((view) => view.release.digest === cursor) + 1;
        const page = all.slice(start, start + limit);
        const next = start + limit < all.length ? (page.at(-1)?.release.digest ?? null) : null;
        return json(200, { releases: page.map(presentRelease), next_cursor: next });
      },
    },
    {
      method: 'GET',
      path: '/v1/releases/:digest',
      access: 'anyone known',
      summary: 'Show the exact bytes of a manifest; their SHA-256 is the digest.',
      status: 200,
      async handle(exchange) {
        const body = await queries.manifest(exchange.params['digest'] ?? '');
        return { status: 200, headers: { 'content-type': 'application/json' }, body };
      },
    },
    {
      method: 'DELETE',
      path: '/v1/releases/:digest',
      access: 'operator',
      scope: 'deploy',
      summary: 'Remove a release that runs nowhere and that no rollout needs; answers with what it was.',
      answerSchema: releaseBodySchema,
      status: 200,
      async handle(exchange) {
        const view = await queries.release(exchange.params['digest'] ?? '');
        await commands.submit({ kind: 'remove_release', release: view.release.digest, nowMs: exchange.nowMs });
        return json(200, presentRelease(view));
      },
    },
    {
      method: 'POST',
      path: '/v1/releases/:digest/lift',
      access: 'operator',
      scope: 'deploy',
      summary: 'Lift the quarantine of a release, with a reason that the log keeps.',
      requestSchema: liftQuarantineSchema,
      answerSchema: liftedBodySchema,
      status: 200,
      async handle(exchange) {
        const { reason } = await readBody(exchange, liftQuarantineSchema);
        const release = exchange.params['digest'] ?? '';
        const { lifted } = await commands.submit({ kind: 'lift_quarantine', release, reason, nowMs: exchange.nowMs });
        if (lifted === 0) return problem(409, `the release ${release} is not quarantined, so there is nothing to lift`);
        return json(200, { lifted });
      },
    },
    {
      method: 'GET',
      path: '/v1/releases/:digest/quarantine',
      access: 'operator',
      scope: 'read',
      summary: 'Show why a release is quarantined.',
      answerSchema: quarantineBodySchema,
      status: 200,
      async handle(exchange) {
        const { quarantine } = await queries.release(exchange.params['digest'] ?? '');
        if (quarantine === null) return problem(404, 'this release is not quarantined');
        return json(200, presentQuarantine(quarantine));
      },
    },
  ];
}
