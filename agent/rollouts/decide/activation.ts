/** Decides from the confirmed acknowledgement to the soak, or to the failure. */
import { assertNever } from '../../../src/domain/errors.ts';
import { formatInstant } from '../../../src/domain/instant.ts';
import { DEFAULT_POLICY } from '../../../src/domain/release.ts';
import { EVENT_LIMITS } from '../../../src/domain/rollout.ts';
import { lastBytes } from '../../../src/rollout/last-bytes.ts';
import { type ClockReading, elapsedMs } from '../../async/clock-reading.ts';
import type { ProjectContainer } from '../../docker/project-container.ts';
import type { Advance } from '../record/advance.ts';
import type { Phase, PhaseAt, Plan, RolloutRecord } from '../record/stack-record.ts';
import type { Action } from './action.ts';
import { type ActivationState, judgeActivation } from './judge-activation.ts';
import { countRestarts, declareProbes } from './judge-services.ts';
import { isStubborn, type Observed, type Tried } from './observed.ts';
import { readProject } from './read-project.ts';

/** Counts until the manifest is there to say otherwise. */
const DEFAULT_ACTIVATION_TIMEOUT_MS = DEFAULT_POLICY.activationTimeoutSeconds * 1000;
const LOOK_AGAIN_MS = 500;
const ENGINE_AGAIN_MS = 1_000;
/** A registry may fail once; after this many attempts the release has failed. */
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
  const timeoutMs = rollout.plan?.activationTimeoutMs ?? DEFAULT_ACTIVATION_TIMEOUT_MS;
  const limitMs = timeoutMs - elapsedMs(phase.since, now);
  const { release } = rollout;
  if (limitMs <= 0) return [fail(rollout, phase, -1, explainTimeout(timeoutMs, observed), now)];
  const { containers, tried, plan } = observed;
  if (containers === null) return [{ do: 'wait', ms: ENGINE_AGAIN_MS }];
  const project = readProject(containers);
  if (project.kind === 'foreign') {
    return [fail(rollout, phase, -1, explainForeignContainers(project.names), now)];
  }

  if (plan === null)
    return attempt(rollout, phase, tried.prepare, Number.POSITIVE_INFINITY, now, { do: 'prepare', release, limitMs });
  if (rollout.plan === null) return [{ do: 'advance', phase, events: [], plan }];
  if (tried.pull?.last.ok !== true) {
    return attempt(rollout, phase, tried.pull, MOST_PULLS, now, { do: 'pull', release, onlyMissing: false, limitMs });
  }
  if (!phase.touched) return [{ do: 'advance', phase: { ...phase, touched: true }, events: [] }];
  const up: Action = { do: 'up', release, afresh: isStubborn(tried.up), limitMs };
  if (tried.up === undefined) return [up];

  const state = judgeActivation(containers, plan, release);
  const verdict = judgeUp(tried.up, state, containers);
  switch (verdict) {
    case 'done':
      return [complete(rollout, plan, containers, now)];
    case 'wait':
      return [{ do: 'wait', ms: LOOK_AGAIN_MS }];
    case 'failed': {
      const most = observed.wasInterrupted ? UPS_AFTER_INTERRUPTION : 1;
      if (tried.up.attempts < most) return retry(tried.up, now, up);
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

function attempt(
  rollout: RolloutRecord,
  phase: PhaseAt<'activating'>,
  tried: Tried | undefined,
  most: number,
  now: ClockReading,
  action: Action,
): Action[] {
  if (tried === undefined || tried.last.ok) return [action];
  const { last, attempts } = tried;
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
  containers: readonly ProjectContainer[],
  now: ClockReading,
): Advance {
  const at = formatInstant(now.wallMs);
  const phase = beginSoak(plan, containers, rollout.soakMs ?? plan.soakMs, now);
  return {
    do: 'advance',
    phase,
    events: [
      { type: 'activation_completed', observed_release: rollout.release, exit_code: 0, completed_at: at },
      {
        type: 'probe_topology_declared',
        probes: phase.probes.map(({ name, mode }) => ({ name, mode })),
        declared_at: at,
      },
    ],
  };
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

/** Without a manifest nothing was touched, and going back only verifies what runs. */
export function afterFailure(rollout: RolloutRecord, touched: boolean, now: ClockReading): Phase {
  if (rollout.plan?.onHealthFailure === 'halt') return { at: 'closed', outcome: 'halted' };
  return { at: 'reverting', touched, since: now };
}

function exitCodeOf({ last }: Tried): number {
  return last.ok ? 0 : last.exitCode;
}

function outputOf({ last }: Tried): string {
  return last.ok ? '' : last.output;
}

function reasonOf(state: ActivationState): string {
  return state.kind === 'settled' ? '' : state.reason;
}

function join(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n');
}

function explainTimeout(timeoutMs: number, observed: Observed): string {
  const sentence = `the activation took longer than ${timeoutMs / 1000} s (activation_timeout_seconds)`;
  const { up, pull, prepare } = observed.tried;
  const last = [up, pull, prepare].find((tried) => tried !== undefined && !tried.last.ok);
  if (observed.containers === null)
    return join(last === undefined ? '' : outputOf(last), `${sentence}; the Docker Engine does not answer`);
  return join(last === undefined ? '' : outputOf(last), sentence);
}

function explainForeignContainers(names: readonly string[]): string {
  return `this project has containers that Nexus has not deployed (${names.slice(0, 5).join(', ')}), and they are left alone. Remove them with 'docker compose down', or give the release another stack name`;
}
