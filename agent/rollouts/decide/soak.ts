/** Decides during the soak: every probe counts while it lasts, and all have to pass at its end. */
import { formatInstant } from '../../../src/domain/instant.ts';
import { TELEMETRY_PROBE } from '../../../src/domain/rollout.ts';
import { type ClockReading, elapsedMs } from '../../async/clock-reading.ts';
import type { Advance } from '../record/advance.ts';
import { isConverging } from '../record/queue-events.ts';
import type { PhaseAt, Plan, RolloutRecord } from '../record/stack-record.ts';
import type { Action } from './action.ts';
import { beginSoak } from './activation.ts';
import { afterFailure } from './after-failure.ts';
import { hasNewRestarts, noteRestarts, untilCalmMs } from './crashes.ts';
import { allPass, findSustainedFailure, foldReadings, untilSustained } from './fold-readings.ts';
import { judgeActivation } from './judge-activation.ts';
import { readServices } from './judge-services.ts';
import type { Observed } from './observed.ts';

/** The server that cannot be reached counts as a failing probe of this name. */
const CONFIRM_PROBE = 'confirm';
const LOOK_AGAIN_MS = 1_000;
/** After this long, a soak is observed less often. */
const BRISK_MS = 120_000;
const LOOK_LATER_MS = 3_000;
const RETRY_MS = 5_000;
const PREPARE_LIMIT_MS = 60_000;

export function decideSoak(
  rollout: RolloutRecord,
  phase: PhaseAt<'soaking'>,
  observed: Observed,
  now: ClockReading,
): Action[] {
  const { plan } = rollout;
  if (plan === null) return prepare(rollout, phase, observed, now);
  const passedMs = elapsedMs(phase.since, now);
  const lookMs = passedMs < BRISK_MS ? LOOK_AGAIN_MS : LOOK_LATER_MS;
  const wait: Action = { do: 'wait', ms: Math.min(lookMs, untilSustained(phase.probes, plan.sustainedFailureMs, now)) };
  // This host has reported its verdict; only a refusal by the server resumes the soak.
  if (isConverging(rollout)) return [wait];
  const { containers } = observed;
  if (rollout.regressed !== null) return [fail(rollout, plan, [TELEMETRY_PROBE], 0, now)];
  if (containers !== null && hasNewRestarts(phase, containers)) {
    return [{ do: 'advance', phase: noteRestarts(phase, containers, observed.exitCodes, now), events: [] }];
  }

  const own = containers === null ? [] : readServices(phase, plan, rollout.release, containers, observed.runs, now);
  const { probes, events } = foldReadings(phase.probes, [...own, ...observed.readings]);
  if (probes !== phase.probes) return [{ do: 'advance', phase: { ...phase, probes }, events }];
  const failure = findSustainedFailure(probes, plan.sustainedFailureMs, now);
  if (failure !== null) return [fail(rollout, plan, failure.probes, failure.sustainedMs, now)];

  // The server's soak has not begun, so it would refuse the end of this one.
  if (phase.confirmed === null) return awaitConfirmation(rollout, phase, plan, wait, now);
  const holdMs = phase.notBefore === null ? 0 : phase.notBefore.monotonicMs - now.monotonicMs;
  const unseenMs = leastSeenMs(phase, plan) - (observed.seenSince === null ? 0 : elapsedMs(observed.seenSince, now));
  const calmMs = untilCalmMs(phase, plan.sustainedFailureMs, plan.maxRestarts, now);
  const leftMs = Math.max(phase.soakMs - elapsedMs(phase.confirmed, now), holdMs, unseenMs, calmMs);
  if (leftMs > 0) return [{ do: 'wait', ms: Math.min(leftMs, wait.ms) }];
  // Containers that cannot be seen are not taken for healthy: a silent engine delays the end of the soak.
  if (containers === null || !allPass(probes)) return [wait];
  if (judgeActivation(containers, plan, rollout.release).kind !== 'settled') return [wait];
  const at = formatInstant(now.wallMs);
  return [
    { do: 'advance', phase, events: [{ type: 'converged', converged_at: at, current_release: rollout.release }] },
  ];
}

/**
 * Until the server has confirmed the activation. A release that may have cut this host off from it does not get to stay
 * for longer than it allows itself.
 */
function awaitConfirmation(
  rollout: RolloutRecord,
  phase: PhaseAt<'soaking'>,
  plan: Plan,
  wait: Extract<Action, { readonly do: 'wait' }>,
  now: ClockReading,
): Action[] {
  if (plan.confirmMs === 0) return [wait];
  const waitedMs = elapsedMs(phase.since, now);
  if (waitedMs < plan.confirmMs) return [{ ...wait, ms: Math.min(wait.ms, plan.confirmMs - waitedMs) }];
  const at = formatInstant(now.wallMs);
  const reason = `the host could not reach the server for ${plan.confirmMs / 1000} s after its activation (confirm_seconds)`;
  const result = {
    type: 'probe_result',
    probe: CONFIRM_PROBE,
    mode: 'enforce',
    status: 'fail',
    observed_at: at,
    failure_reason: reason,
  } as const;
  const failed = fail(rollout, { ...plan, onHealthFailure: 'rollback-and-halt' }, [CONFIRM_PROBE], waitedMs, now);
  // Whatever the policy says of other failures: staying would mean never to hear of the server again.
  return [
    {
      ...failed,
      phase: { at: 'reverting', touched: true, since: now, reported: null },
      events: [result, ...failed.events],
    },
  ];
}

/**
 * A soak only ends after the containers were watched: after a crash of the agent or the engine, for as long as a failure
 * has to last to count.
 */
function leastSeenMs(phase: PhaseAt<'soaking'>, plan: Plan): number {
  return Math.min(phase.soakMs, plan.sustainedFailureMs);
}

/** The disk was lost during the soak: fetches the release again to know its probes, and starts the rest of the soak. */
export function decideResumption(
  rollout: RolloutRecord,
  phase: PhaseAt<'resuming'>,
  observed: Observed,
  now: ClockReading,
): Action[] {
  const { plan } = rollout;
  if (plan === null) return prepare(rollout, phase, observed, now);
  if (observed.containers === null) return [{ do: 'wait', ms: LOOK_AGAIN_MS }];
  const soak = { ...beginSoak(plan, observed.containers, phase.soakMs, now), confirmed: now };
  const declared = soak.probes.map(({ name, mode }) => ({ name, mode }));
  return [
    {
      do: 'advance',
      phase: soak,
      events: [{ type: 'probe_topology_declared', probes: declared, declared_at: formatInstant(now.wallMs) }],
    },
  ];
}

function prepare(
  rollout: RolloutRecord,
  phase: PhaseAt<'soaking' | 'resuming'>,
  { plan, tried }: Observed,
  now: ClockReading,
): Action[] {
  if (plan !== null) return [{ do: 'advance', phase, events: [], plan }];
  const waitMs = tried.prepare === undefined ? 0 : RETRY_MS - elapsedMs(tried.prepare.last.at, now);
  if (waitMs > 0) return [{ do: 'wait', ms: waitMs }];
  return [{ do: 'prepare', release: rollout.release, limitMs: PREPARE_LIMIT_MS }];
}

function fail(
  rollout: RolloutRecord,
  plan: Plan,
  probes: readonly string[],
  sustainedMs: number,
  now: ClockReading,
): Advance {
  return {
    do: 'advance',
    phase: afterFailure(rollout, true, now),
    events: [
      {
        type: 'failed',
        failed_at: formatInstant(now.wallMs),
        sustained_seconds: Math.round(sustainedMs) / 1000,
        failing_probes: [...probes],
        policy_applied: plan.onHealthFailure,
      },
    ],
  };
}
