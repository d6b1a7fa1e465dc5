/**
 * What an agent durably remembers about one stack: which dispatch it took, how far it is, and which events the server
 * has not confirmed yet. One file holds all of it, so that a crash never separates a step from its event.
 */
import * as z from 'zod';
import { DEFAULT_POLICY } from '../../../src/domain/release.ts';
import { TROUBLE_CLASSES } from '../../../src/domain/rollout.ts';
import type { AgentEventBody } from '../../../src/wire/agent-event.ts';
import type { QueuedEvent } from '../../server/queued-event.ts';

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
/** An event without its number. */
export type EventDraft = DistributiveOmit<AgentEventBody['event'], 'seq'>;

const mark = z.object({ wallMs: z.number(), monotonicMs: z.number() }).readonly();
const digest = z.string();
const mode = z.enum(['enforce', 'observe']);

const customProbe = z
  .object({
    name: z.string(),
    mode,
    intervalMs: z.number(),
    timeoutMs: z.number(),
    check: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('http'), url: z.string(), status: z.number().nullable() }),
      z.object({ kind: z.literal('tcp'), address: z.string() }),
      z.object({ kind: z.literal('exec'), service: z.string(), command: z.array(z.string()).readonly() }),
    ]),
  })
  .readonly();
export type CustomProbe = z.output<typeof customProbe>;

const plan = z
  .object({
    activationTimeoutMs: z.number(),
    sustainedFailureMs: z.number(),
    soakMs: z.number(),
    onHealthFailure: z.enum(['halt', 'rollback-and-halt']),
    /** Trouble of the host or of a registry may last for so long, and pulling with it. */
    pullBudgetMs: z.number().default(DEFAULT_POLICY.pullBudgetSeconds * 1000),
    /** Crashes that a container may have in its soak, start-up apart. */
    maxRestarts: z.number().default(DEFAULT_POLICY.maxRestarts),
    /** Whether a rollback runs the jobs of the release before again, which have ended. */
    rerunsJobs: z.boolean().default(DEFAULT_POLICY.rerunJobsOnRollback),
    /** A host that cannot reach the server for so long after its activation goes back; 0: it does not. */
    confirmMs: z.number().default(DEFAULT_POLICY.confirmSeconds * 1000),
    /** Whether the agent brings back what somebody stops or removes after the rollout. */
    healsDrift: z.boolean().default(DEFAULT_POLICY.onDrift === 'heal'),
    probes: z.array(customProbe).readonly(),
    /**
     * Services that are to run. `isJob`: it is meant to end by itself, with exit code 0. `replicas`: how many containers it
     * has, where that is not one.
     */
    services: z
      .array(z.object({ name: z.string(), isJob: z.boolean(), replicas: z.number().optional() }).readonly())
      .readonly(),
  })
  .readonly();
/** How a release is brought up and judged. */
export type Plan = z.output<typeof plan>;

const probeState = z
  .object({
    name: z.string(),
    mode,
    /** Null until it is observed. */
    status: z.enum(['pass', 'fail']).nullable(),
    /** Failing without a pass since then; null while it passes. */
    failingSince: mark.nullable(),
    reason: z.string().nullable(),
    /** Its first failure has been reported. */
    hasFailed: z.boolean(),
  })
  .readonly();
export type ProbeState = z.output<typeof probeState>;

const crashes = z
  .object({
    /** In the first seconds of the soak, when what the service needs may not be there yet. */
    early: z.number(),
    late: z.number(),
    lastAt: mark,
    /** Of the last one; null: the engine has not told. */
    lastExitCode: z.number().nullable(),
  })
  .readonly();
/** How often a container has ended with a code other than 0 and was restarted by the engine. */
export type Crashes = z.output<typeof crashes>;

const priorContainer = z
  .object({
    service: z.string(),
    state: z.string(),
    health: z.string().nullable(),
    exitCode: z.number(),
    /** The engine's id of its image. Earlier agents did not note it. */
    imageId: z.string().optional(),
  })
  .readonly();
/** A container of what ran before, as it was when the dispatch was taken up. */
export type PriorContainer = z.output<typeof priorContainer>;

const trouble = z.object({ class: z.enum(TROUBLE_CLASSES), reason: z.string() }).readonly();

const phase = z.discriminatedUnion('at', [
  /** Noted and acknowledged; nothing is done before the server has confirmed the acknowledgement. */
  z.object({ at: z.literal('offered') }).readonly(),
  /** `touched`: `up` may have started, so what ran before may be gone. */
  z
    .object({
      at: z.literal('activating'),
      /** When the pull budget began. Waiting for other stacks moves it on. */
      since: mark,
      touched: z.boolean(),
      /** When the activation itself began, which has a limit of its own; null before it. */
      workSince: mark.nullable().default(null),
      /** How often it has been put off. */
      attempt: z.number().default(0),
      /** Whether the server knows that it was put off, and counts it as deferred from then on. */
      isDeferred: z.boolean().default(false),
      /** What put it off the last time; null before that. */
      trouble: trouble.nullable().default(null),
    })
    .readonly(),
  /** Put off by trouble of this host or of a registry, until the next attempt. */
  z
    .object({
      at: z.literal('deferred'),
      /** As in `activating`. */
      since: mark,
      deferredAt: mark,
      attempt: z.number(),
      trouble,
      /** What ran before may be gone, and is brought back meanwhile. */
      touched: z.boolean(),
      /** The attempt has stopped what ran, so the next ones come less often. */
      isDisruptive: z.boolean(),
    })
    .readonly(),
  /** The server says that the host soaks, but the record was lost: the rest of the soak starts over. */
  z.object({ at: z.literal('resuming'), soakMs: z.number() }).readonly(),
  z
    .object({
      at: z.literal('soaking'),
      since: mark,
      /**
       * When the server confirmed that the activation is complete. Its own soak began just before, so this one ends just
       * after. Null until then.
       */
      confirmed: mark.nullable(),
      soakMs: z.number(),
      probes: z.array(probeState).readonly(),
      /** Restarts of each container, by id, when the soak began; 0 where the engine has counted from 0 again since. */
      restarts: z.record(z.string(), z.number()).readonly(),
      /** The same when they were last looked into; empty before that. */
      seenRestarts: z.record(z.string(), z.number()).readonly().default({}),
      /** Containers that have crashed in this soak, by id. */
      crashes: z.record(z.string(), crashes).readonly().default({}),
      /** After the server has refused `converged`: when to send it again. */
      notBefore: mark.nullable(),
    })
    .readonly(),
  /** On the way back to the fallback. Untouched: only to be verified. */
  z
    .object({
      at: z.literal('reverting'),
      touched: z.boolean(),
      since: mark,
      /** What was last reported of a way back that does not succeed, and when; null: nothing yet. */
      reported: z.object({ output: z.string(), at: mark }).readonly().nullable().default(null),
    })
    .readonly(),
  /** Only the outbox is left to be delivered. */
  z.object({ at: z.literal('closed'), outcome: z.enum(['converged', 'reverted', 'halted', 'dropped']) }).readonly(),
]);
export type Phase = z.output<typeof phase>;
export type PhaseAt<A extends Phase['at']> = Extract<Phase, { readonly at: A }>;

const queuedEvent: z.ZodType<QueuedEvent> = z.looseObject({ type: z.string(), seq: z.int().min(1) }).readonly();

const rollout = z
  .object({
    id: z.string(),
    release: digest,
    epoch: z.number(),
    /** The release that ran before, by the labels of its containers, which a rollback returns to. Null: nothing ran. */
    fallback: digest.nullable(),
    /** How that did; null where it is not known. */
    before: z.array(priorContainer).readonly().nullable().default(null),
    /** From the dispatch: what the first host of the rollout ran, as digests by image reference; null: nothing yet. */
    images: z.record(z.string(), z.string().nullable()).readonly().nullable().default(null),
    /** From the dispatch; null when that is lost, and the release's own policy counts. */
    soakMs: z.number().nullable(),
    plan: plan.nullable(),
    /** What the server found in this host's telemetry, once it asks the host to fail. */
    regressed: z.string().nullable(),
    /** The server no longer knows this rollout, so its events are not sent. */
    isSilent: z.boolean(),
    nextSeq: z.int().min(1),
    outbox: z.array(queuedEvent).readonly(),
    phase,
  })
  .readonly();
export type RolloutRecord = z.output<typeof rollout>;

const guardedRelease = z.object({ release: digest, plan }).readonly();
export type GuardedRelease = z.output<typeof guardedRelease>;

export const stackRecordSchema = z
  .object({
    version: z.literal(1),
    stack: z.string(),
    /** The boot whose monotonic clock the clock in here are on. */
    bootId: z.string(),
    /** The newest dispatch that was taken up; one with a lower epoch is refused. */
    taken: z.object({ rolloutId: z.string(), epoch: z.number() }).readonly().nullable(),
    /** Releases whose files must stay. */
    kept: z.array(digest).readonly(),
    rollout: rollout.nullable(),
    /** What runs, where the agent is to bring it back by itself; null where it is not, or not known. */
    guarded: guardedRelease.nullable().default(null),
  })
  .readonly();
export type StackRecord = z.output<typeof stackRecordSchema>;

export function emptyRecord(stack: string, bootId: string): StackRecord {
  return { version: 1, stack, bootId, taken: null, kept: [], rollout: null, guarded: null };
}
