import * as z from 'zod';
import { MAX_DISPATCH_WAIT_SECONDS } from '../domain/dispatch.ts';
import { EVENT_KINDS } from '../domain/event-log.ts';
import { TIERS } from '../domain/history.ts';
import { STEP_SECONDS } from '../domain/history-query.ts';
import { HOST_STATUSES, isHostName, MAX_LABELS, OFFLINE_AFTER_SECONDS } from '../domain/host.ts';
import { CONTAINER_METRICS, HOST_METRICS } from '../domain/telemetry.ts';
import { ADMIN_SCOPES, TOKEN_LIFETIME_SECONDS } from '../domain/token.ts';

/** What operators send and read: the server answers in these shapes, and the client parses answers with them. */

const instant = z.string();
const metricValue = z.number().nullable();

function metricShape<N extends string>(names: readonly N[]): Record<N, typeof metricValue> {
  return Object.fromEntries(names.map((name) => [name, metricValue])) as Record<N, typeof metricValue>;
}

const LABEL_LIMITS = { maxLabels: MAX_LABELS, maxValueLength: 255 } as const;
export const labelKey = z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/, {
  error: "must be 1–63 letters, digits, '.', '_', '/' or '-', and start and end with a letter or digit",
});
export const labelValue = z.string().max(LABEL_LIMITS.maxValueLength);

export const labelsSchema = z
  .record(labelKey, labelValue)
  .refine(
    (map) => Object.keys(map).length <= LABEL_LIMITS.maxLabels,
    `must have at most ${LABEL_LIMITS.maxLabels} labels`,
  );

export const hostNameSchema = z
  .string()
  .refine(isHostName, "must be a lower-case RFC 1123 host name: letters, digits, '-' and '.', at most 253 characters");

const offlineAfterSeconds = z.int().min(OFFLINE_AFTER_SECONDS.min).max(OFFLINE_AFTER_SECONDS.max);
const tokenName = z.string().min(1).max(80);
const expiresInSeconds = z.int().min(TOKEN_LIFETIME_SECONDS.min).max(TOKEN_LIFETIME_SECONDS.max);

// ── Requests ──

export const createHostSchema = z.strictObject({
  name: hostNameSchema,
  labels: labelsSchema.optional(),
  token: z.boolean().optional(),
  offline_after_seconds: offlineAfterSeconds.optional(),
});
export type CreateHostBody = z.input<typeof createHostSchema>;

/** Labels merge as in RFC 7396: a null value deletes its key. */
export const updateHostSchema = z.strictObject({
  labels: z.record(labelKey, labelValue.nullable()).optional(),
  offline_after_seconds: offlineAfterSeconds.optional(),
});
export type UpdateHostBody = z.input<typeof updateHostSchema>;

export const createTokenSchema = z.strictObject({
  name: tokenName.optional(),
  expires_in_seconds: expiresInSeconds.optional(),
});
export type CreateTokenBody = z.input<typeof createTokenSchema>;

/** `POST /v1/tokens`: credentials that belong to no host. */
export const createAdminTokenSchema = createTokenSchema.extend({
  kind: z.literal('admin'),
  scope: z.enum(ADMIN_SCOPES).default('admin'),
});
export type CreateAdminTokenBody = z.input<typeof createAdminTokenSchema>;

const queryInteger = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(min).max(max));

export const LIST_LIMITS = { defaultLimit: 1000, maxLimit: 10_000 } as const;

export const listQuerySchema = z.object({
  limit: queryInteger(1, LIST_LIMITS.maxLimit).default(LIST_LIMITS.defaultLimit),
  cursor: z.string().max(512).optional().describe('Opaque: the next_cursor of the previous page.'),
});

export const eventQuerySchema = z.object({
  after: queryInteger(0, Number.MAX_SAFE_INTEGER)
    .default(0)
    .describe('Entries with a larger id: the `next` of the previous answer.'),
  limit: queryInteger(1, LIST_LIMITS.maxLimit).default(LIST_LIMITS.defaultLimit),
  host: hostNameSchema.optional(),
});

/** `GET /v1/stream`. */
export const streamQuerySchema = z.object({
  after: queryInteger(0, Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('Entries with a larger id; without it, those that come from now on. `Last-Event-ID` takes its place.'),
  host: hostNameSchema.optional().describe('Only entries about this host.'),
  rollout_id: z.string().min(1).max(80).optional().describe('Only entries of this rollout.'),
});

/** `GET /v1/agent/dispatch`. */
export const dispatchQuerySchema = z.object({
  wait: queryInteger(0, MAX_DISPATCH_WAIT_SECONDS)
    .default(MAX_DISPATCH_WAIT_SECONDS)
    .describe('Seconds to wait for a dispatch.'),
});

export const historyQuerySchema = z.object({
  from: z.string().max(64).optional().describe('ISO 8601 with a zone; the default is an hour before `to`.'),
  to: z.string().max(64).optional().describe('ISO 8601 with a zone; the default is now.'),
  step_seconds: queryInteger(STEP_SECONDS.min, STEP_SECONDS.max)
    .optional()
    .describe('One point per step; without it, every sample.'),
  spread: z
    .enum(['true', 'false'])
    .optional()
    .describe(
      'true: beside the means, the minimum and maximum of gauges and the increase of counters; needs step_seconds.',
    ),
});

// ── Answers ──

const hostMetricsBodySchema = z.object(metricShape(HOST_METRICS));
const containerMetricsBodySchema = z.object({ ...metricShape(CONTAINER_METRICS), memory_percent: metricValue });

export const hostBodySchema = z.object({
  name: z.string(),
  status: z.enum(HOST_STATUSES),
  labels: z.record(z.string(), z.string()),
  last_seen_at: instant.nullable(),
  clock_skew_ms: z.number().nullable(),
  created_at: instant,
  archived_at: instant.nullable(),
  offline_after_seconds: z.number(),
  facts: z.object({
    cpu_count: z.number().nullable(),
    memory_total_mb: z.number().nullable(),
    disk_total_gb: z.number().nullable(),
    os: z.string().nullable(),
    docker_version: z.string().nullable(),
  }),
  /** What its agent says of itself; null while it says nothing. */
  agent: z
    .object({
      version: z.string().nullable(),
      capabilities: z.array(z.string()),
      compose_version: z.string().nullable(),
      boot_id: z.string().nullable(),
    })
    .nullable(),
  /** Latest values; null before the first tick. */
  metrics: hostMetricsBodySchema.nullable(),
  /** Containers in the latest tick. */
  container_count: z.number(),
});
export type HostBody = z.output<typeof hostBodySchema>;

const nextCursor = z.string().nullable();

export const hostListBodySchema = z.object({ hosts: z.array(hostBodySchema), next_cursor: nextCursor });
export type HostListBody = z.output<typeof hostListBodySchema>;

export const mintedTokenBodySchema = z.object({ id: z.string(), name: z.string(), token: z.string() });
export type MintedTokenBody = z.output<typeof mintedTokenBodySchema>;

export const createdHostBodySchema = z.object({ host: hostBodySchema, token: mintedTokenBodySchema.optional() });
export type CreatedHostBody = z.output<typeof createdHostBodySchema>;

export const tokenBodySchema = z.object({
  id: z.string(),
  kind: z.enum(['agent', 'admin']),
  /** Null for the token of an agent. */
  scope: z.enum(ADMIN_SCOPES).nullable(),
  name: z.string(),
  created_at: instant,
  expires_at: instant.nullable(),
  last_used_at: instant.nullable(),
  revoked_at: instant.nullable(),
});
export type TokenBody = z.output<typeof tokenBodySchema>;

export const tokenListBodySchema = z.object({ tokens: z.array(tokenBodySchema), next_cursor: nextCursor });
export type TokenListBody = z.output<typeof tokenListBodySchema>;

export const containerBodySchema = z.object({
  container_id: z.string(),
  name: z.string(),
  image: z.string(),
  image_tag: z.string().nullable(),
  status: z.string().nullable(),
  state: z.string().nullable(),
  health_status: z.string().nullable(),
  started_at: z.string().nullable(),
  finished_at: z.string().nullable(),
  ports: z.array(z.string()),
  labels: z.record(z.string(), z.string()),
  metrics: containerMetricsBodySchema,
  last_seen_at: instant,
  removed_at: instant.nullable(),
});
export type ContainerBody = z.output<typeof containerBodySchema>;

export const containerListBodySchema = z.object({ containers: z.array(containerBodySchema), next_cursor: nextCursor });
export type ContainerListBody = z.output<typeof containerListBodySchema>;

/** The coarsest tier that any point was made from; an older server leaves it out. */
const tier = z.enum(TIERS).optional();

const spread = {
  /** Of gauges within the step; with `spread=true`. */
  min: z.record(z.string(), metricValue).optional(),
  max: z.record(z.string(), metricValue).optional(),
  /** Of counters since the previous point, resets included. */
  increase: z.record(z.string(), metricValue).optional(),
};

export const hostHistoryBodySchema = z.object({
  step_seconds: z.number().nullable(),
  tier,
  points: z.array(hostMetricsBodySchema.extend({ recorded_at: instant, ...spread })),
});
export type HostHistoryBody = z.output<typeof hostHistoryBodySchema>;

export const containerHistoryBodySchema = z.object({
  step_seconds: z.number().nullable(),
  tier,
  points: z.array(containerMetricsBodySchema.extend({ recorded_at: instant, ...spread })),
});
export type ContainerHistoryBody = z.output<typeof containerHistoryBodySchema>;

export const logEventBodySchema = z.object({
  id: z.number(),
  at: instant,
  kind: z.enum(EVENT_KINDS).or(z.string()),
  host: z.string().nullable(),
  rollout_id: z.string().nullable(),
  data: z.record(z.string(), z.unknown()),
});
export type LogEventBody = z.output<typeof logEventBodySchema>;

/** `next` is the `after` of the next call; it never moves backwards. */
export const logEventListBodySchema = z.object({ events: z.array(logEventBodySchema), next: z.number() });
export type LogEventListBody = z.output<typeof logEventListBodySchema>;

export const readyBodySchema = z.object({ ready: z.boolean(), reason: z.string().nullable() });
