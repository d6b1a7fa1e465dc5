/** Rollouts, hosts and events for tests: everything that a row does not name is in order. */
import { DEFAULT_POLICY, type ReleasePolicy } from '../../src/domain/release.ts';
import type {
  AgentEvent,
  AgentEventType,
  HostState,
  NumberedEvent,
  RolloutHost,
  RolloutPlan,
  RunningImage,
  ServiceEvidence,
} from '../../src/domain/rollout.ts';
import { Rollout } from '../../src/rollout/rollout.ts';
import { recount } from './check-whole.ts';

export const TARGET = `sha256:${'a'.repeat(64)}`;
export const OTHER = `sha256:${'b'.repeat(64)}`;
/** 2031-01-08T12:00:00Z, a Wednesday. */
export const NOON_MS = Date.UTC(2031, 0, 8, 12);
export const SOAK_MS = 60_000;

export const POLICY: ReleasePolicy = {
  ...DEFAULT_POLICY,
  activationTimeoutSeconds: 300,
  soakSeconds: 60,
  sustainedFailureSeconds: 20,
  onHealthFailure: 'rollback-and-halt',
};

export function samplePlan(part: Partial<RolloutPlan> = {}): RolloutPlan {
  return {
    id: 'r1',
    stack: 'shop',
    release: TARGET,
    waves: [['web-1'], ['web-2', 'web-3']],
    waveSoakSeconds: [],
    maxInFlight: 5,
    failureThreshold: 0,
    policy: POLICY,
    createdAtMs: NOON_MS,
    ...part,
  };
}

export const IMAGES: readonly RunningImage[] = [
  { service: 'web', reference: 'nginx:1', imageId: TARGET, repoDigest: OTHER },
  { service: 'job', reference: 'built-here', imageId: OTHER, repoDigest: null },
];

export const EVIDENCE: readonly ServiceEvidence[] = [
  { service: 'web', exitCode: 137, oomKilled: true, logTail: 'allocating\n' },
];

export const EVENTS: { readonly [T in AgentEventType]: Extract<AgentEvent, { readonly type: T }> } = {
  dispatch_ack: { type: 'dispatch_ack', currentRelease: OTHER, receivedAtMs: NOON_MS },
  dispatch_refused: { type: 'dispatch_refused', reason: 'epoch', detail: 'its epoch 1 is lower than 7', agentEpoch: 7 },
  activation_started: { type: 'activation_started', startedAtMs: NOON_MS, method: 'compose' },
  activation_completed: {
    type: 'activation_completed',
    observedRelease: TARGET,
    exitCode: 0,
    completedAtMs: NOON_MS,
  },
  activation_deferred: { type: 'activation_deferred', reason: 'the registry is slow', deferredAtMs: NOON_MS },
  activation_failed: { type: 'activation_failed', exitCode: 1, stderrTail: 'no such image', failedAtMs: NOON_MS },
  probe_topology_declared: {
    type: 'probe_topology_declared',
    probes: [{ name: 'http', mode: 'enforce' }],
    declaredAtMs: NOON_MS,
  },
  probe_observed_first: { type: 'probe_observed_first', probe: 'http', mode: 'enforce', observedAtMs: NOON_MS },
  probe_result: {
    type: 'probe_result',
    probe: 'http',
    mode: 'enforce',
    status: 'pass',
    observedAtMs: NOON_MS,
    failureReason: null,
  },
  probe_failure_first: { type: 'probe_failure_first', probe: 'http', mode: 'enforce', firstFailedAtMs: NOON_MS },
  failed: {
    type: 'failed',
    failedAtMs: NOON_MS,
    sustainedSeconds: 20,
    failingProbes: ['http'],
    policyApplied: 'rollback-and-halt',
  },
  rollback_completed: { type: 'rollback_completed', revertedToRelease: OTHER, exitCode: 0, completedAtMs: NOON_MS },
  rollback_failed: { type: 'rollback_failed', exitCode: 1, outputTail: 'no such image', failedAtMs: NOON_MS },
  converged: { type: 'converged', convergedAtMs: NOON_MS, currentRelease: TARGET },
};

/** `seq` is also the body's digest: the same number is the same body. */
export function numbered(seq: number, event: AgentEvent): NumberedEvent {
  return { seq, bodyDigest: `body ${seq}`, event };
}

/** A dispatched host in any state, its soak just over at noon. */
export function sampleHost(state: HostState, part: Partial<RolloutHost> = {}): RolloutHost {
  return {
    name: 'web-1',
    wave: 0,
    state,
    left: false,
    epoch: 1,
    dispatchedAtMs: NOON_MS - 2 * SOAK_MS,
    lastSeq: 4,
    stateSinceMs: NOON_MS - SOAK_MS,
    previousRelease: OTHER,
    soakDueAtMs: NOON_MS,
    probes: [],
    telemetry: null,
    failure: null,
    refusal: null,
    deferral: null,
    images: [],
    rollbackFailure: null,
    lost: null,
    dropped: null,
    ...part,
  };
}

/** A rollout in which this host stands where it does, and the others are pending. */
export function rolloutWith(host: RolloutHost, plan = samplePlan()): Rollout {
  const { progress, hosts: created } = Rollout.create(plan, NOON_MS).toRows();
  const hosts = created.map((other) => (other.name === host.name ? host : other));
  return Rollout.restore({ plan, progress: { ...progress, waves: recount(plan.waves.length, hosts) }, hosts });
}

/** The events that lead a dispatched host to a state. */
const WAY = {
  pending: [],
  activating: ['dispatch_ack'],
  deferred: ['dispatch_ack', 'activation_deferred'],
  soaking: ['dispatch_ack', 'activation_completed'],
  failed: ['dispatch_ack', 'activation_completed', 'failed'],
  converged: ['dispatch_ack', 'activation_completed', 'converged'],
  reverted: ['dispatch_ack', 'activation_completed', 'failed', 'rollback_completed'],
} as const satisfies Record<HostState, readonly AgentEventType[]>;

/** Dispatches a host and leads it to a state, entry by entry; time passes only for its soak. */
export function lead(rollout: Rollout, name: string, state: HostState, atMs = NOON_MS): void {
  rollout.apply({ kind: 'host_dispatched', host: name, epoch: 1 }, atMs);
  for (const [index, type] of WAY[state].entries()) {
    const laterMs = type === 'converged' ? atMs + SOAK_MS : atMs;
    rollout.apply({ kind: 'host_reported', host: name, numbered: numbered(index + 1, EVENTS[type]) }, laterMs);
  }
}

/** A rollout whose hosts have been led to the states given, in that order. */
export function sampleRollout(states: Readonly<Record<string, HostState>> = {}, part: Partial<RolloutPlan> = {}) {
  const rollout = Rollout.create(samplePlan(part), NOON_MS);
  for (const [name, state] of Object.entries(states)) lead(rollout, name, state);
  return rollout;
}
