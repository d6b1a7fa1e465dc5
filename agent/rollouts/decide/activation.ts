/** Decides from the confirmed acknowledgement to the soak, or to the failure. */
import { assertNever } from '../../../src/domain/errors.ts';
import { formatInstant } from '../../../src/domain/instant.ts';
import { DEFAULT_POLICY } from '../../../src/domain/release.ts';
import { EVENT_LIMITS, type RunningImage } from '../../../src/domain/rollout.ts';
import { lastBytes } from '../../../src/rollout/last-bytes.ts';
import { type ClockReading, elapsedMs } from '../../async/clock-reading.ts';
import type { ProjectContainer } from '../../docker/project-container.ts';
import type { Advance } from '../record/advance.ts';
import type { PhaseAt, Plan, RolloutRecord } from '../record/stack-record.ts';
import type { Action } from './action.ts';
import { afterFailure } from './after-failure.ts';
import type { Trouble } from './classify-trouble.ts';
import { countRestarts } from './crashes.ts';
import { failByTrouble, formatTrouble, pullBudgetMs } from './deferral.ts';
import { type ActivationState, judgeActivation } from './judge-activation.ts';
import { declareProbes } from './judge-services.ts';
import { isStubborn, type Observed, type Tried } from './observed.ts';
import { readProject } from './read-project.ts';

const LOOK_AGAIN_MS = 500;
const ENGINE_AGAIN_MS = 1_000;
/** An engine that is silent for longer is trouble of the host; a restart of it takes less. */
const ENGINE_PATIENCE_MS = 15_000;
/** A tag may be about to be pushed; after this many attempts the release has failed. */
const MOST_PULLS = 3;
const RETRY_MS = 2_000;
/** After a crash the engine may still be carrying out what the dead `up` asked for, and so defeat the new one. */
const UPS_AFTER_INTERRUPTION = 4;

export function decideActivation(
  rollout: RolloutRecord,
  phase: PhaseAt<'activating'>,
  observed: Observed,
  now: ClockReading,
): Action[] {
  const { containers, unseen } = observed;
  if (containers === null) {
    const silentMs = unseen === null ? 0 : elapsedMs(unseen.since, now);
    if (silentMs < ENGINE_PATIENCE_MS) return [{ do: 'wait', ms: ENGINE_AGAIN_MS }];
    return [defer(phase, { class: 'engine', reason: unseen?.reason ?? 'the Docker Engine does not answer' }, now)];
  }
  return phase.workSince === null
    ? decideReadiness(rollout, phase, observed, containers, now)
    : decideWork(rollout, phase, { ...observed, containers }, elapsedMs(phase.workSince, now), now);
}

/** Everything is made ready before anything that runs is touched; the pull budget is the limit of it. */
function decideReadiness(
  rollout: RolloutRecord,
  phase: PhaseAt<'activating'>,
  { tried, plan }: Observed,
  containers: readonly ProjectContainer[],
  now: ClockReading,
): Action[] {
  const limitMs = pullBudgetMs(rollout) - elapsedMs(phase.since, now);
  if (limitMs <= 0) return [failByTrouble(rollout, phase, lastTrouble(tried, phase.trouble), now)];
  const { release } = rollout;
  const project = readProject(containers);
  if (project.kind === 'foreign') {
    return [defer(phase, { class: 'foreign_project', reason: explainForeignContainers(project.names) }, now)];
  }
  const attempt = (step: Tried | undefined, most: number, action: Action): Action[] =>
    attemptStep(rollout, phase, step, most, now, action);
  if (plan === null) return attempt(tried.prepare, Number.POSITIVE_INFINITY, { do: 'prepare', release, limitMs });
  if (rollout.plan === null) return [{ do: 'advance', phase, events: [], plan }];
  if (tried.pull?.last.ok !== true) {
    return attempt(tried.pull, MOST_PULLS, { do: 'pull', release, onlyMissing: false, limitMs });
  }
  if (tried.check?.last.ok !== true) return attempt(tried.check, 1, { do: 'check', release, limitMs });
  return [{ do: 'advance', phase: { ...phase, touched: true, workSince: now }, events: [] }];
}

/** From here on what runs is changed, within the time of the activation itself. */
function decideWork(
  rollout: RolloutRecord,
  phase: PhaseAt<'activating'>,
  observed: Observed & { readonly containers: readonly ProjectContainer[] },
  workedMs: number,
  now: ClockReading,
): Action[] {
  const { containers, tried, plan } = observed;
  const { release } = rollout;
  const timeoutMs = (rollout.plan ?? plan)?.activationTimeoutMs ?? DEFAULT_POLICY.activationTimeoutSeconds * 1000;
  const limitMs = timeoutMs - workedMs;
  if (limitMs <= 0) return [fail(rollout, phase, -1, explainTimeout(timeoutMs, tried), now)];
  const project = readProject(containers);
  if (project.kind === 'foreign') return [fail(rollout, phase, -1, explainForeignContainers(project.names), now)];
  // Known as a rule: an agent that was started in the middle of it asks again.
  if (plan === null) {
    return attemptStep(rollout, phase, tried.prepare, Number.POSITIVE_INFINITY, now, {
      do: 'prepare',
      release,
      limitMs,
    });
  }
  if (rollout.plan === null) return [{ do: 'advance', phase, events: [], plan }];
  const up: Action = { do: 'up', release, afresh: isStubborn(tried.up), renew: false, except: [], limitMs };
  if (tried.up === undefined) return [up];

  const state = judgeActivation(containers, plan, release);
  const verdict = judgeUp(tried.up, state, containers);
  switch (verdict) {
    case 'done':
      return [complete(rollout, plan, observed, now)];
    case 'wait':
      return [{ do: 'wait', ms: LOOK_AGAIN_MS }];
    case 'failed': {
      const most = observed.wasInterrupted ? UPS_AFTER_INTERRUPTION : 1;
      if (tried.up.attempts < most) return retry(tried.up, now, up);
      const trouble = troubleOf(tried.up);
      if (trouble !== null) return [defer(phase, trouble, now)];
      return [fail(rollout, phase, exitCodeOf(tried.up), join(outputOf(tried.up), reasonOf(state)), now)];
    }
    default:
      return assertNever(verdict);
  }
}

/**
 * Whether `up` has succeeded. The containers decide, not its exit code: `--wait` also ends with 1 when a job has ended
 * with code 0.
 */
function judgeUp(
  up: Tried,
  state: ActivationState,
  containers: readonly ProjectContainer[],
): 'done' | 'wait' | 'failed' {
  if (state.kind === 'settled') return 'done';
  if (state.kind === 'incomplete') return 'failed';
  // They were well when `up` ended; the soak judges what has happened since.
  if (up.last.ok) return 'done';
  const hasEndedJob = containers.some(({ state: at, exitCode }) => at === 'exited' && exitCode === 0);
  return state.kind === 'settling' && hasEndedJob ? 'wait' : 'failed';
}

function attemptStep(
  rollout: RolloutRecord,
  phase: PhaseAt<'activating'>,
  tried: Tried | undefined,
  most: number,
  now: ClockReading,
  action: Action,
): Action[] {
  if (tried === undefined || tried.last.ok) return [action];
  const { last, attempts } = tried;
  if (last.trouble !== null) return [defer(phase, last.trouble, now)];
  if (last.isFinal || attempts >= most) return [fail(rollout, phase, last.exitCode, last.output, now)];
  return retry(tried, now, action);
}

function retry({ last, attempts }: Tried, now: ClockReading, action: Action): Action[] {
  const waitMs = RETRY_MS * attempts - elapsedMs(last.at, now);
  return waitMs > 0 ? [{ do: 'wait', ms: waitMs }] : [action];
}

function complete(
  rollout: RolloutRecord,
  plan: Plan,
  { containers, images }: Observed & { readonly containers: readonly ProjectContainer[] },
  now: ClockReading,
): Advance {
  const at = formatInstant(now.wallMs);
  const phase = beginSoak(plan, containers, rollout.soakMs ?? plan.soakMs, now);
  return {
    do: 'advance',
    phase,
    events: [
      {
        type: 'activation_completed',
        observed_release: rollout.release,
        exit_code: 0,
        completed_at: at,
        ...(images === null ? {} : { images: images.slice(0, EVENT_LIMITS.maxImages).map(toWire) }),
      },
      {
        type: 'probe_topology_declared',
        probes: phase.probes.map(({ name, mode }) => ({ name, mode })),
        declared_at: at,
      },
    ],
  };
}

function toWire({ service, reference, imageId, repoDigest }: RunningImage) {
  return { service, reference, image_id: imageId, repo_digest: repoDigest };
}

export function beginSoak(
  plan: Plan,
  containers: readonly ProjectContainer[],
  soakMs: number,
  now: ClockReading,
): PhaseAt<'soaking'> {
  return {
    at: 'soaking',
    since: now,
    confirmed: null,
    soakMs,
    probes: declareProbes(plan, containers),
    restarts: countRestarts(containers),
    seenRestarts: {},
    crashes: {},
    notBefore: null,
  };
}

function fail(
  rollout: RolloutRecord,
  phase: PhaseAt<'activating'>,
  exitCode: number,
  output: string,
  now: ClockReading,
): Advance {
  const tail = lastBytes(output, EVENT_LIMITS.maxOutputBytes).toWellFormed();
  return {
    do: 'advance',
    phase: afterFailure(rollout, phase.touched, now),
    events: [
      { type: 'activation_failed', exit_code: exitCode, stderr_tail: tail, failed_at: formatInstant(now.wallMs) },
    ],
  };
}

/** The server hears of it once: a host that is deferred stays so until its activation ends. */
function defer(phase: PhaseAt<'activating'>, trouble: Trouble, now: ClockReading): Advance {
  const { since, attempt, touched, isDeferred } = phase;
  const event = {
    type: 'activation_deferred',
    reason: formatTrouble(trouble),
    deferred_at: formatInstant(now.wallMs),
  } as const;
  return {
    do: 'advance',
    phase: {
      at: 'deferred',
      since,
      deferredAt: now,
      attempt,
      trouble,
      touched,
      isDisruptive: touched && trouble.class !== 'engine',
    },
    events: isDeferred ? [] : [event],
  };
}

function exitCodeOf({ last }: Tried): number {
  return last.ok ? 0 : last.exitCode;
}

function outputOf({ last }: Tried): string {
  return last.ok ? '' : last.output;
}

function troubleOf({ last }: Tried): Trouble | null {
  return last.ok ? null : last.trouble;
}

/** The end of the budget may cut off a pull, which then says less than the attempt before it (`earlier`). */
function lastTrouble({ check, pull, prepare }: Observed['tried'], earlier: Trouble | null): Trouble {
  if (earlier !== null && pull !== undefined && !pull.last.ok && pull.last.exitCode < 0) return earlier;
  for (const tried of [check, pull, prepare]) {
    const trouble = tried === undefined ? null : troubleOf(tried);
    if (trouble !== null) return trouble;
  }
  return earlier ?? { class: 'registry', reason: 'the images have not arrived' };
}

function reasonOf(state: ActivationState): string {
  return state.kind === 'settled' ? '' : state.reason;
}

function join(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n');
}

function explainTimeout(timeoutMs: number, { up }: Observed['tried']): string {
  const sentence = `the activation took longer than ${timeoutMs / 1000} s (activation_timeout_seconds)`;
  return join(up === undefined ? '' : outputOf(up), sentence);
}

function explainForeignContainers(names: readonly string[]): string {
  return `this project has containers that Nexus has not deployed (${names.slice(0, 5).join(', ')}), and they are left alone. Remove them with 'docker compose down', or give the release another stack name`;
}
