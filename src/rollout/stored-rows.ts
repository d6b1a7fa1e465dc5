/** The rows of a rollout: its plan, its progress, and one for each of its hosts. A store keeps their text. */
import type { ReleasePolicy, TelemetryLimits } from '../domain/release.ts';
import {
  HOST_STATES,
  type ProbeRecord,
  ROLLOUT_STATES,
  type RolloutHost,
  type RolloutPlan,
  type RolloutProgress,
  type TelemetryVerdict,
  type WaveCounts,
} from '../domain/rollout.ts';
import {
  flag,
  listOf,
  MARKED,
  nullable,
  number,
  object,
  oneOf,
  recordOf,
  StoredForm,
  text,
  wholeNumber,
} from '../domain/stored-json.ts';

const limits = object<TelemetryLimits>({
  mode: oneOf(['judged', 'required', 'off']),
  maxRestarts: number,
  maxMemoryGrowthMbPerMinute: number,
  maxCpuRatio: number,
  minCpuPercent: number,
  maxUnhealthySeconds: number,
});

export const policyShape = object<ReleasePolicy>({
  activationTimeoutSeconds: number,
  soakSeconds: number,
  sustainedFailureSeconds: number,
  onHealthFailure: oneOf(['halt', 'rollback-and-halt']),
  telemetry: limits,
});

export const planShape = object<RolloutPlan>({
  id: text,
  stack: text,
  release: text,
  waves: listOf(listOf(text)),
  maxInFlight: wholeNumber,
  failureThreshold: wholeNumber,
  policy: policyShape,
  createdAtMs: number,
});

const counts = object<WaveCounts>({
  pending: wholeNumber,
  inFlight: wholeNumber,
  converged: wholeNumber,
  failed: wholeNumber,
  left: wholeNumber,
});

const progressShape = object<RolloutProgress>({
  status: oneOf(ROLLOUT_STATES),
  statusSinceMs: number,
  reason: text,
  currentWave: wholeNumber,
  waves: listOf(counts),
});

export const probeModeShape = oneOf(['enforce', 'observe']);

const probeRecord = object<ProbeRecord>({
  name: text,
  mode: probeModeShape,
  status: nullable(oneOf(['pass', 'fail'])),
  sinceMs: nullable(number),
  reason: nullable(text),
});

export const verdictShape = object<TelemetryVerdict>({
  status: oneOf(['not_judged', 'ok', 'watch', 'regressed']),
  sinceMs: number,
  reason: text,
  figures: recordOf(nullable(number)),
});

const hostShape = object<RolloutHost>({
  name: text,
  wave: wholeNumber,
  state: oneOf(HOST_STATES),
  left: flag,
  epoch: nullable(wholeNumber),
  dispatchedAtMs: nullable(number),
  lastSeq: wholeNumber,
  stateSinceMs: number,
  previousRelease: nullable(text),
  soakDueAtMs: nullable(number),
  probes: listOf(probeRecord),
  telemetry: nullable(verdictShape),
  failure: nullable(
    object<NonNullable<RolloutHost['failure']>>({ failingProbes: listOf(text), output: text, atMs: number }),
  ),
});

export const PLAN_ROW = new StoredForm<RolloutPlan>('plan of a rollout', planShape, [MARKED]);
export const PROGRESS_ROW = new StoredForm<RolloutProgress>('progress of a rollout', progressShape, [MARKED]);
export const HOST_ROW = new StoredForm<RolloutHost>('host of a rollout', hostShape, [MARKED]);
