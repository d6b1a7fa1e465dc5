import * as z from 'zod';
import { MAX_HOST_NAME_LENGTH } from '../domain/host.ts';
import { parseInstant } from '../domain/instant.ts';
import {
  type AgentEvent,
  EVENT_LIMITS,
  type RunningImage,
  type ServiceEvidence,
  TROUBLE_CLASSES,
} from '../domain/rollout.ts';
import { digestSchema } from './release.ts';

const instant = z.string().transform((text, context) => {
  const ms = parseInstant(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: 'must be an ISO 8601 time with a zone, e.g. 2026-01-31T12:00:00Z' });
  return z.NEVER;
});

const seq = z.int().min(1);
const release = digestSchema;
const exitCode = z.int().min(-1).max(255);
const probe = z.string().min(1).max(EVENT_LIMITS.maxProbeNameLength);
const mode = z.enum(['enforce', 'observe']);
const agentEpoch = z.int().min(0).nullish();

/** What the containers of each service run. */
const images = z
  .array(
    z.object({
      service: z.string().min(1).max(EVENT_LIMITS.maxProbeNameLength),
      reference: z.string().min(1).max(EVENT_LIMITS.maxReferenceLength),
      image_id: digestSchema,
      repo_digest: digestSchema.nullable(),
    }),
  )
  .max(EVENT_LIMITS.maxImages);

/** What failing services left behind. */
const evidence = z
  .array(
    z.object({
      service: z.string().min(1).max(EVENT_LIMITS.maxProbeNameLength),
      exit_code: z.int().nullable(),
      oom_killed: z.boolean(),
      log_tail: z.string().max(EVENT_LIMITS.maxEvidenceBytes),
    }),
  )
  .max(EVENT_LIMITS.maxEvidence)
  .refine(
    (services) => services.reduce((sum, { log_tail: tail }) => sum + tail.length, 0) <= EVENT_LIMITS.maxEvidenceBytes,
    `must have at most ${EVENT_LIMITS.maxEvidenceBytes} characters of log lines together`,
  );

const eventSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('dispatch_ack'),
    seq,
    current_release: release.nullable(),
    received_at: instant,
    /** The highest epoch of this stack that the agent has taken up, this one included. */
    agent_epoch: agentEpoch,
  }),
  z.object({
    type: z.literal('dispatch_refused'),
    seq,
    reason: z.string().min(1).max(64),
    detail: z.string().max(EVENT_LIMITS.maxReasonBytes),
    agent_epoch: agentEpoch,
  }),
  z.object({ type: z.literal('activation_started'), seq, started_at: instant, method: z.string().max(64) }),
  z.object({
    type: z.literal('activation_completed'),
    seq,
    observed_release: release,
    exit_code: exitCode,
    completed_at: instant,
    images: images.nullish(),
  }),
  z.object({
    type: z.literal('activation_deferred'),
    seq,
    /** `<class>: sentence`. */
    reason: z.string().max(EVENT_LIMITS.maxReasonBytes),
    deferred_at: instant,
  }),
  z.object({
    type: z.literal('activation_failed'),
    seq,
    exit_code: exitCode,
    stderr_tail: z.string().max(EVENT_LIMITS.maxOutputBytes),
    failed_at: instant,
    /** The trouble of the host or its registry that outlasted its budget: the release is not to blame. */
    trouble: z.enum(TROUBLE_CLASSES).nullish(),
    evidence: evidence.nullish(),
  }),
  z.object({
    type: z.literal('probe_topology_declared'),
    seq,
    probes: z.array(z.object({ name: probe, mode })).max(EVENT_LIMITS.maxProbes),
    declared_at: instant,
  }),
  z.object({ type: z.literal('probe_observed_first'), seq, probe, mode, observed_at: instant }),
  z.object({
    type: z.literal('probe_result'),
    seq,
    probe,
    mode,
    status: z.enum(['pass', 'fail']),
    observed_at: instant,
    failure_reason: z.string().max(EVENT_LIMITS.maxOutputBytes).nullish(),
  }),
  z.object({ type: z.literal('probe_failure_first'), seq, probe, mode, first_failed_at: instant }),
  z.object({
    type: z.literal('failed'),
    seq,
    failed_at: instant,
    sustained_seconds: z.number().min(0),
    failing_probes: z.array(probe).max(EVENT_LIMITS.maxProbes),
    policy_applied: z.string().max(64),
    evidence: evidence.nullish(),
  }),
  z.object({
    type: z.literal('rollback_completed'),
    seq,
    reverted_to_release: release.nullable(),
    exit_code: exitCode,
    completed_at: instant,
    /** What is as unwell as it was before the rollout. */
    output_tail: z.string().max(EVENT_LIMITS.maxOutputBytes).nullish(),
  }),
  z.object({
    type: z.literal('rollback_failed'),
    seq,
    exit_code: exitCode,
    output_tail: z.string().max(EVENT_LIMITS.maxOutputBytes),
    failed_at: instant,
  }),
  z.object({ type: z.literal('converged'), seq, converged_at: instant, current_release: release }),
]);

/** `POST /v1/agent/events`. Unknown fields are ignored. */
export const agentEventSchema = z.object({
  hostname: z.string().min(1).max(MAX_HOST_NAME_LENGTH),
  rollout_id: z.string().min(1).max(64),
  event: eventSchema,
  signature: z.string().max(4096).nullish(),
});
export type AgentEventBody = z.input<typeof agentEventSchema>;
type ParsedEvent = z.output<typeof eventSchema>;

function readEpoch(epoch: number | null | undefined): { readonly agentEpoch?: number } {
  return epoch === null || epoch === undefined ? {} : { agentEpoch: epoch };
}

function readImages(told: z.output<typeof images> | null | undefined): { readonly images?: readonly RunningImage[] } {
  if (told === null || told === undefined) return {};
  return {
    images: told.map(({ service, reference, image_id: imageId, repo_digest: repoDigest }) => {
      return { service, reference, imageId, repoDigest };
    }),
  };
}

function readEvidence(told: z.output<typeof evidence> | null | undefined): {
  readonly evidence?: readonly ServiceEvidence[];
} {
  if (told === null || told === undefined) return {};
  return {
    evidence: told.map(({ service, exit_code: code, oom_killed: oomKilled, log_tail: logTail }) => {
      return { service, exitCode: code, oomKilled, logTail };
    }),
  };
}

/** The parsed event in the terms of the domain. */
export function readEvent(event: ParsedEvent): AgentEvent {
  switch (event.type) {
    case 'dispatch_ack':
      return {
        type: event.type,
        currentRelease: event.current_release,
        receivedAtMs: event.received_at,
        ...readEpoch(event.agent_epoch),
      };
    case 'dispatch_refused':
      return { type: event.type, reason: event.reason, detail: event.detail, ...readEpoch(event.agent_epoch) };
    case 'activation_started':
      return { type: event.type, startedAtMs: event.started_at, method: event.method };
    case 'activation_completed':
      return {
        type: event.type,
        observedRelease: event.observed_release,
        exitCode: event.exit_code,
        completedAtMs: event.completed_at,
        ...readImages(event.images),
      };
    case 'activation_deferred':
      return { type: event.type, reason: event.reason, deferredAtMs: event.deferred_at };
    case 'activation_failed':
      return {
        type: event.type,
        exitCode: event.exit_code,
        stderrTail: event.stderr_tail,
        failedAtMs: event.failed_at,
        ...(event.trouble === null || event.trouble === undefined ? {} : { trouble: event.trouble }),
        ...readEvidence(event.evidence),
      };
    case 'probe_topology_declared':
      return { type: event.type, probes: event.probes, declaredAtMs: event.declared_at };
    case 'probe_observed_first':
      return { type: event.type, probe: event.probe, mode: event.mode, observedAtMs: event.observed_at };
    case 'probe_result':
      return {
        type: event.type,
        probe: event.probe,
        mode: event.mode,
        status: event.status,
        observedAtMs: event.observed_at,
        failureReason: event.failure_reason ?? null,
      };
    case 'probe_failure_first':
      return { type: event.type, probe: event.probe, mode: event.mode, firstFailedAtMs: event.first_failed_at };
    case 'failed':
      return {
        type: event.type,
        failedAtMs: event.failed_at,
        sustainedSeconds: event.sustained_seconds,
        failingProbes: event.failing_probes,
        policyApplied: event.policy_applied,
        ...readEvidence(event.evidence),
      };
    case 'rollback_completed':
      return {
        type: event.type,
        revertedToRelease: event.reverted_to_release,
        exitCode: event.exit_code,
        completedAtMs: event.completed_at,
        ...(event.output_tail === null || event.output_tail === undefined ? {} : { outputTail: event.output_tail }),
      };
    case 'rollback_failed':
      return {
        type: event.type,
        exitCode: event.exit_code,
        outputTail: event.output_tail,
        failedAtMs: event.failed_at,
      };
    case 'converged':
      return { type: event.type, convergedAtMs: event.converged_at, currentRelease: event.current_release };
  }
}

/** `GET /v1/agent/dispatch`, 200. */
export const dispatchBodySchema = z.object({
  rollout_id: z.string(),
  stack: z.string(),
  release: z.string(),
  soak_seconds: z.number(),
  epoch: z.number(),
  /** Present when the host must fail, as by a probe: its telemetry has regressed for too long, or it was lost. */
  regressed: z.object({ reason: z.string() }).optional(),
  /** Present when the host has reported events of this rollout already: it has refused an offer before. */
  last_event_seq: z.number().optional(),
  /** What the first host to run an image ran, as repository digests by image reference; null: no registry has that image. */
  images: z.record(z.string(), z.string().nullable()).optional(),
});
export type DispatchBody = z.output<typeof dispatchBodySchema>;

/** `GET /v1/agent/state`. */
export const agentStateBodySchema = z.object({
  /** The name of this host at the server, and so the `hostname` of its events. */
  hostname: z.string(),
  rollouts: z.array(
    z.object({
      rollout_id: z.string(),
      stack: z.string(),
      release: z.string(),
      state: z.string(),
      last_event_seq: z.number(),
      soak_due_at: z.string().nullable(),
      /** The release that ran before, according to the host's own ack: a rollback returns to it. */
      previous_release: z.string().nullable(),
      epoch: z.number().nullable(),
    }),
  ),
});
export type AgentStateBody = z.output<typeof agentStateBodySchema>;
