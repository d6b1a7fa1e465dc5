/**
 * The rows of a rollout: its plan, its progress, and one for each of its hosts. A store keeps their text. Version 2 came
 * with trouble of hosts and registries, images by content, waves with soaks of their own, and the policies for them.
 */
import { DEFAULT_POLICY, type ReleasePolicy, type TelemetryLimits } from '../domain/release.ts';
import {
  HOST_FAULTS,
  HOST_STATES,
  type ProbeRecord,
  ROLLOUT_STATES,
  type RolloutHost,
  type RolloutPlan,
  type RolloutProgress,
  type RunningImage,
  type ServiceEvidence,
  type TelemetryVerdict,
  TROUBLE_CLASSES,
  type WaveCounts,
} from '../domain/rollout.ts';
import {
  type FormStep,
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

const policyShape = object<ReleasePolicy>({
  activationTimeoutSeconds: number,
  soakSeconds: number,
  sustainedFailureSeconds: number,
  onHealthFailure: oneOf(['halt', 'rollback-and-halt']),
  telemetry: limits,
  confirmSeconds: number,
  pullBudgetSeconds: number,
  onLostHost: oneOf(['hold', 'fail']),
  rerunJobsOnRollback: flag,
  maxRestarts: wholeNumber,
  onDrift: oneOf(['report', 'heal']),
});

export const planShape = object<RolloutPlan>({
  id: text,
  stack: text,
  release: text,
  waves: listOf(listOf(text)),
  waveSoakSeconds: listOf(nullable(number)),
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
  images: nullable(recordOf(nullable(text))),
  releaseFailures: wholeNumber,
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

export const troubleShape = oneOf(TROUBLE_CLASSES);

export const imagesShape = listOf(
  object<RunningImage>({ service: text, reference: text, imageId: text, repoDigest: nullable(text) }),
);

export const evidenceShape = listOf(
  object<ServiceEvidence>({ service: text, exitCode: nullable(number), oomKilled: flag, logTail: text }),
);

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
    object<NonNullable<RolloutHost['failure']>>({
      failingProbes: listOf(text),
      output: text,
      atMs: number,
      trouble: nullable(oneOf(HOST_FAULTS)),
      evidence: evidenceShape,
    }),
  ),
  refusal: nullable(
    object<NonNullable<RolloutHost['refusal']>>({ reason: text, detail: text, atMs: number, count: wholeNumber }),
  ),
  deferral: nullable(
    object<NonNullable<RolloutHost['deferral']>>({ class: nullable(troubleShape), reason: text, atMs: number }),
  ),
  images: imagesShape,
  rollbackFailure: nullable(
    object<NonNullable<RolloutHost['rollbackFailure']>>({ exitCode: number, output: text, atMs: number }),
  ),
  lost: nullable(object<NonNullable<RolloutHost['lost']>>({ sinceMs: number, atMs: number })),
  dropped: nullable(text),
});

type Fields = Parameters<FormStep['forward']>[0];

/** A step that adds fields, with their values in older rows. */
function adding(added: Fields): FormStep {
  const names = new Set(Object.keys(added));
  return {
    forward: (fields) => ({ ...fields, ...added }),
    back: (fields) => Object.fromEntries(Object.entries(fields).filter(([name]) => !names.has(name))),
  };
}

/** Applies a step to one field, where that is an object. */
function within(name: string, step: FormStep): FormStep {
  const change = (fields: Fields, way: 'forward' | 'back'): Fields => {
    const value = fields[name];
    return typeof value === 'object' && value !== null ? { ...fields, [name]: step[way](value as Fields) } : fields;
  };
  return { forward: (fields) => change(fields, 'forward'), back: (fields) => change(fields, 'back') };
}

/** One step after the other. */
function both(first: FormStep, second: FormStep): FormStep {
  return {
    forward: (fields) => second.forward(first.forward(fields)),
    back: (fields) => first.back(second.back(fields)),
  };
}

const { confirmSeconds, pullBudgetSeconds, onLostHost, rerunJobsOnRollback, maxRestarts, onDrift } = DEFAULT_POLICY;
const POLICY_2 = adding({
  confirmSeconds,
  pullBudgetSeconds,
  onLostHost,
  rerunJobsOnRollback,
  maxRestarts,
  onDrift,
});
const PLAN_2 = both(within('policy', POLICY_2), adding({ waveSoakSeconds: [] }));
const HOST_2 = both(
  within('failure', adding({ trouble: null, evidence: [] })),
  adding({ refusal: null, deferral: null, images: [], rollbackFailure: null, lost: null, dropped: null }),
);

/** Before, every failure was the release's. */
const PROGRESS_2: FormStep = {
  forward: (fields) => {
    const waves = Array.isArray(fields['waves']) ? (fields['waves'] as readonly WaveCounts[]) : [];
    return { ...fields, images: null, releaseFailures: waves.reduce((sum, { failed }) => sum + failed, 0) };
  },
  back: adding({ images: null, releaseFailures: 0 }).back,
};

/** Upgrades a plan from an entry of the log, which carries no version of its own. */
export function upgradePlan(plan: unknown): unknown {
  const isOld =
    typeof plan === 'object' &&
    plan !== null &&
    'policy' in plan &&
    typeof plan.policy === 'object' &&
    plan.policy !== null &&
    !('confirmSeconds' in plan.policy);
  return isOld ? PLAN_2.forward(plan as Fields) : plan;
}

export const PLAN_ROW = new StoredForm<RolloutPlan>('plan of a rollout', planShape, [MARKED, PLAN_2]);
export const PROGRESS_ROW = new StoredForm<RolloutProgress>('progress of a rollout', progressShape, [
  MARKED,
  PROGRESS_2,
]);
export const HOST_ROW = new StoredForm<RolloutHost>('host of a rollout', hostShape, [MARKED, HOST_2]);
export const POLICY_ROW = new StoredForm<ReleasePolicy>('policy of a release', policyShape, [MARKED, POLICY_2]);
