import * as z from 'zod';
import {
  DEFAULT_ROLLOUT,
  HOST_FAULTS,
  HOST_STATES,
  ROLLOUT_LIMITS,
  ROLLOUT_STATES,
  TROUBLE_CLASSES,
} from '../domain/rollout.ts';
import { hostNameSchema, labelsSchema } from './operator.ts';
import { digestSchema, soakSecondsSchema } from './release.ts';

const { maxHosts, maxWaves } = ROLLOUT_LIMITS;

/** How long the hosts of the wave soak; without it, as long as the release says. */
const waveSoak = { soak_seconds: soakSecondsSchema.optional() };
const waveSchema = z.union([
  z.strictObject({ count: z.int().min(1).max(maxHosts), ...waveSoak }),
  z.strictObject({ percent: z.number().gt(0).max(100), ...waveSoak }),
  z.strictObject({ selector: labelsSchema, ...waveSoak }),
]);
export type WaveBody = z.input<typeof waveSchema>;

/** `POST /v1/rollouts` and `POST /v1/rollouts/plan`. */
export const createRolloutSchema = z
  .strictObject({
    release: digestSchema,
    /** Hosts that carry all of these labels. */
    selector: z.record(z.string(), z.string()).optional(),
    hosts: z.array(hostNameSchema).min(1).max(maxHosts).optional(),
    /** `count` adds that many hosts, `percent` is the share of all hosts that is reached by then, `selector` adds those with all its labels. */
    waves: z
      .array(waveSchema)
      .min(1)
      .max(maxWaves)
      .default([...DEFAULT_ROLLOUT.waves]),
    max_in_flight: z.int().min(1).max(maxHosts).default(DEFAULT_ROLLOUT.maxInFlight),
    failure_threshold: z.int().min(0).max(maxHosts).default(DEFAULT_ROLLOUT.failureThreshold),
  })
  .refine((body) => (body.selector === undefined) !== (body.hosts === undefined), {
    message: "must be given when 'selector' is not, and left out when it is",
    path: ['hosts'],
  });
export type CreateRolloutBody = z.input<typeof createRolloutSchema>;

/** `POST /v1/rollouts/{id}/abort`. */
export const abortRolloutSchema = z
  .strictObject({
    reason: z.string().max(1000).optional(),
    /** Also roll the touched hosts back to what they ran before, by new rollouts. */
    rollback: z.boolean().optional(),
    /** Only expect nothing more of this host, whatever its agent is doing. The rollout goes on without it. */
    host: hostNameSchema.optional(),
    /** Goes with `host`: the host may be left between two releases. */
    force: z.literal(true).optional(),
  })
  .refine((body) => (body.host === undefined) === (body.force === undefined), {
    message: "must be true when 'host' is given, and left out when it is not",
    path: ['force'],
  })
  .refine((body) => body.host === undefined || body.rollback !== true, {
    message: "cannot be combined with 'host'",
    path: ['rollback'],
  });
export type AbortRolloutBody = z.input<typeof abortRolloutSchema>;

const holdSchema = z.object({ gate: z.string(), reason: z.string() });

const rolloutHostBodySchema = z.object({
  name: z.string(),
  state: z.enum(HOST_STATES),
  wave: z.number(),
  held_by: holdSchema.nullable(),
  state_since: z.string(),
  dispatched_at: z.string().nullable(),
  epoch: z.number().nullable(),
  last_event_seq: z.number(),
  previous_release: z.string().nullable(),
  soak_due_at: z.string().nullable(),
  left: z.boolean(),
  /** When the host was last heard, if it is offline and the rollout waits for it. */
  offline_since: z.string().nullable(),
  /** When it was found lost: offline for longer than its activation may take. */
  lost_at: z.string().nullable(),
  probes: z.array(
    z.object({
      name: z.string(),
      mode: z.string(),
      status: z.string().nullable(),
      since: z.string().nullable(),
      reason: z.string().nullable(),
    }),
  ),
  telemetry: z
    .object({
      status: z.string(),
      since: z.string(),
      reason: z.string(),
      figures: z.record(z.string(), z.number().nullable()),
    })
    .nullable(),
  failure: z
    .object({
      failing_probes: z.array(z.string()),
      output: z.string(),
      at: z.string(),
      /** What it is blamed on; null: the release. */
      trouble: z.enum(HOST_FAULTS).nullable(),
      /** What the failing services left behind. */
      evidence: z.array(
        z.object({
          service: z.string(),
          exit_code: z.number().nullable(),
          oom_killed: z.boolean(),
          log_tail: z.string(),
        }),
      ),
    })
    .nullable(),
  /** Why its agent did not take the last offer up; null once one is acknowledged. */
  refusal: z.object({ reason: z.string(), detail: z.string(), at: z.string() }).nullable(),
  /** The trouble that it waits for to pass. */
  deferral: z.object({ class: z.enum(TROUBLE_CLASSES).nullable(), reason: z.string(), at: z.string() }).nullable(),
  /** What its activation brought up. */
  images: z.array(
    z.object({
      service: z.string(),
      reference: z.string(),
      image_id: z.string(),
      repo_digest: z.string().nullable(),
    }),
  ),
  /** The last attempt to bring back what ran before. */
  rollback_failure: z.object({ exit_code: z.number(), output: z.string(), at: z.string() }).nullable(),
  /** Why it no longer takes part although it is not archived. */
  dropped: z.string().nullable(),
});
export type RolloutHostBody = z.output<typeof rolloutHostBodySchema>;

const rolloutSummaryBodySchema = z.object({
  id: z.string(),
  stack: z.string(),
  release: z.string(),
  version: z.string().nullable(),
  state: z.enum(ROLLOUT_STATES),
  state_since: z.string(),
  reason: z.string(),
  /** Counted from 0. */
  current_wave: z.number(),
  created_at: z.string(),
  max_in_flight: z.number(),
  failure_threshold: z.number(),
  soak_seconds: z.number(),
  counts: z.object({
    hosts: z.number(),
    pending: z.number(),
    in_flight: z.number(),
    converged: z.number(),
    failed: z.number(),
    left: z.number(),
  }),
});
export type RolloutSummaryBody = z.output<typeof rolloutSummaryBodySchema>;

export const rolloutBodySchema = rolloutSummaryBodySchema.extend({
  /** `soak_seconds`: how long the hosts of the wave soak. */
  waves: z.array(z.object({ hosts: z.array(z.string()), soak_seconds: z.number() })),
  hosts: z.array(rolloutHostBodySchema),
});
export type RolloutBody = z.output<typeof rolloutBodySchema>;

export const abortedRolloutBodySchema = rolloutBodySchema.extend({
  /** The rollouts that bring the touched hosts back to what they ran before. */
  rollbacks: z.array(z.string()),
  /** Touched hosts that none of them brings back. */
  not_rolled_back: z.array(z.object({ host: z.string(), reason: z.string() })),
});
export type AbortedRolloutBody = z.output<typeof abortedRolloutBodySchema>;

export const rolloutListBodySchema = z.object({
  rollouts: z.array(rolloutSummaryBodySchema),
  next_cursor: z.string().nullable(),
});
export type RolloutListBody = z.output<typeof rolloutListBodySchema>;

/** `POST /v1/rollouts/plan`: the rollout that a request would start. */
export const rolloutPlanBodySchema = z.object({
  stack: z.string(),
  release: z.string(),
  waves: z.array(
    z.object({
      hosts: z.array(
        z.object({
          name: z.string(),
          /** The digest of what runs there now; null: nothing. An older server does not tell. */
          runs: z.string().nullable().optional(),
          findings: z.array(z.object({ severity: z.enum(['hold', 'warning']), message: z.string() })),
        }),
      ),
    }),
  ),
  supersedes: z.array(z.string()),
  /** What concerns the rollout as a whole, in sentences; an older server says nothing of it. */
  notes: z.array(z.string()).default([]),
});
export type RolloutPlanBody = z.output<typeof rolloutPlanBodySchema>;

/** `POST /v1/rollouts/{id}/replay`: the comparison of the replayed log with what is stored. */
export const replayBodySchema = z.object({
  equal: z.boolean(),
  entries: z.number(),
  hosts: z.number(),
  /** `rollout` or the names of hosts that differ, at most 100. */
  differences: z.array(z.string()),
});
export type ReplayBody = z.output<typeof replayBodySchema>;
