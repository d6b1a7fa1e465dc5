/** Decides while an activation is put off by trouble of this host or of a registry: until when, and what runs meanwhile. */
import { formatInstant } from '../../../src/domain/instant.ts';
import { DEFAULT_POLICY } from '../../../src/domain/release.ts';
import { EVENT_LIMITS } from '../../../src/domain/rollout.ts';
import { lastBytes } from '../../../src/rollout/last-bytes.ts';
import { type ClockReading, elapsedMs } from '../../async/clock-reading.ts';
import type { Advance } from '../record/advance.ts';
import type { PhaseAt, RolloutRecord } from '../record/stack-record.ts';
import type { Action } from './action.ts';
import { afterFailure } from './after-failure.ts';
import type { Trouble } from './classify-trouble.ts';
import type { Observed } from './observed.ts';
import { bringBack } from './rollback.ts';

const ENGINE_AGAIN_MS = 1_000;
/** Waits before the second attempt, the third and so on; the last one holds for all after it. */
const RETRY_MS = [2_000, 5_000, 10_000, 20_000, 30_000, 60_000] as const;
/** The same where every attempt stops what runs: it was not known beforehand what would be in the way. */
const DISRUPTIVE_RETRY_MS = [15_000, 60_000, 120_000, 300_000] as const;

/** How long trouble may put an activation off, and images may take to arrive. */
export function pullBudgetMs({ plan }: RolloutRecord): number {
  return plan?.pullBudgetMs ?? DEFAULT_POLICY.pullBudgetSeconds * 1000;
}

export function formatTrouble({ class: word, reason }: Trouble): string {
  const sentence = lastBytes(reason, EVENT_LIMITS.maxReasonBytes - word.length - 2).toWellFormed();
  return `${word}: ${sentence}`;
}

export function decideDeferral(
  rollout: RolloutRecord,
  phase: PhaseAt<'deferred'>,
  observed: Observed,
  now: ClockReading,
): Action[] {
  const leftMs = pullBudgetMs(rollout) - elapsedMs(phase.since, now);
  if (leftMs <= 0) return [failByTrouble(rollout, phase, phase.trouble, now)];
  const { containers } = observed;
  if (containers === null) return [{ do: 'wait', ms: Math.min(ENGINE_AGAIN_MS, leftMs) }];
  const dueMs = Math.min(waitMsOf(phase) - elapsedMs(phase.deferredAt, now), leftMs);
  if (phase.touched && rollout.fallback !== null && phase.trouble.class !== 'engine') {
    const way = bringBack(rollout, rollout.fallback, { ...observed, containers }, now);
    if (way.kind === 'there') return [{ do: 'advance', phase: { ...phase, touched: false }, events: [] }];
    const isPatient = way.action.do === 'wait' && dueMs <= 0;
    if (!isPatient) return [way.action.do === 'wait' ? { do: 'wait', ms: Math.min(way.action.ms, dueMs) } : way.action];
  }
  if (dueMs > 0) return [{ do: 'wait', ms: dueMs }];
  const { since, attempt, touched, trouble } = phase;
  return [
    {
      do: 'advance',
      phase: { at: 'activating', since, touched, workSince: null, attempt: attempt + 1, isDeferred: true, trouble },
      events: [],
    },
  ];
}

function waitMsOf({ attempt, isDisruptive }: PhaseAt<'deferred'>): number {
  const waits = isDisruptive ? DISRUPTIVE_RETRY_MS : RETRY_MS;
  return waits[Math.min(attempt, waits.length - 1)] ?? 0;
}

/** The trouble has outlasted its budget: the host has failed, and the release has not. */
export function failByTrouble(
  rollout: RolloutRecord,
  { touched }: PhaseAt<'activating' | 'deferred'>,
  trouble: Trouble,
  now: ClockReading,
): Advance {
  const sentence = `put off for more than ${pullBudgetMs(rollout) / 1000} s (pull_budget_seconds): ${trouble.reason}`;
  return {
    do: 'advance',
    phase: afterFailure(rollout, touched, now),
    events: [
      {
        type: 'activation_failed',
        exit_code: -1,
        stderr_tail: lastBytes(sentence, EVENT_LIMITS.maxOutputBytes).toWellFormed(),
        failed_at: formatInstant(now.wallMs),
        trouble: trouble.class,
      },
    ],
  };
}
