/** The changes that move a stack's record forward. Each is a pure function; the record is written as a whole. */
import { formatInstant } from '../../../src/domain/instant.ts';
import type { ClockReading } from '../../async/clock-reading.ts';
import type { Advance } from './advance.ts';
import { queueEvents, unqueueEvent } from './queue-events.ts';
import type { GuardedRelease, PhaseAt, RolloutRecord, StackRecord } from './stack-record.ts';

/** How long after a refused `converged` the next one is sent. */
const CONVERGE_AGAIN_MS = 5_000;

function withRollout(record: StackRecord, rollout: RolloutRecord | null): StackRecord {
  return rollout === record.rollout ? record : { ...record, rollout };
}

/** Applies a decided step, provided that the record still has the rollout and the phase it was decided for. */
export function advanceRecord(record: StackRecord, decidedFor: RolloutRecord, step: Advance): StackRecord {
  const { rollout } = record;
  if (rollout === null || rollout.id !== decidedFor.id || rollout.phase !== decidedFor.phase) return record;
  const advanced = queueEvents({ ...rollout, phase: step.phase, plan: step.plan ?? rollout.plan }, step.events);
  return { ...record, rollout: advanced };
}

/**
 * The server has applied event `seq`. A confirmed acknowledgement begins the activation, a confirmed activation the
 * server's soak, and a confirmed `converged` ends it all.
 */
export function confirmEvent(record: StackRecord, seq: number, now: ClockReading): StackRecord {
  const { rollout } = record;
  const [head] = rollout?.outbox ?? [];
  if (rollout === null || head === undefined || head.seq !== seq) return record;
  const rest = unqueueEvent(rollout, seq);
  if (head.type === 'dispatch_ack' && rollout.phase.at === 'offered') {
    const begun: RolloutRecord = { ...rest, phase: beginActivation(now, false) };
    const started = { type: 'activation_started', started_at: formatInstant(now.wallMs), method: 'compose' } as const;
    return withRollout(record, queueEvents(begun, [started]));
  }
  if (head.type === 'activation_completed' && rest.phase.at === 'soaking') {
    return withRollout(record, { ...rest, phase: { ...rest.phase, confirmed: now } });
  }
  if (head.type === 'converged') return withRollout(record, { ...rest, phase: { at: 'closed', outcome: 'converged' } });
  return withRollout(record, rest);
}

/** `touched`: what ran before may be gone already. */
export function beginActivation(now: ClockReading, touched: boolean): PhaseAt<'activating'> {
  return { at: 'activating', since: now, touched, workSince: null, attempt: 0, isDeferred: false, trouble: null };
}

/** Other stacks of this host are being changed first, which takes a while: the server is told. */
export function noteQueue(
  record: StackRecord,
  rolloutId: string,
  holders: readonly string[],
  now: ClockReading,
): StackRecord {
  const { rollout } = record;
  if (rollout?.id !== rolloutId || rollout.phase.at !== 'activating' || rollout.phase.isDeferred) return record;
  const stacks = holders.length === 1 ? `stack ${holders[0]}` : `stacks ${holders.join(', ')}`;
  const event = {
    type: 'activation_deferred',
    reason: `queue: waiting for the ${stacks} of this host, which are being changed first`,
    deferred_at: formatInstant(now.wallMs),
  } as const;
  return withRollout(record, queueEvents({ ...rollout, phase: { ...rollout.phase, isDeferred: true } }, [event]));
}

/** Its turn has come after `waitedMs`, which count neither for the pull budget nor for the activation. */
export function leaveQueue(record: StackRecord, rolloutId: string, waitedMs: number, now: ClockReading): StackRecord {
  const { rollout } = record;
  if (rollout?.id !== rolloutId || rollout.phase.at !== 'activating') return record;
  const { phase } = rollout;
  const moved = {
    ...phase,
    since: later(phase.since, waitedMs),
    workSince: phase.workSince === null ? null : later(phase.workSince, waitedMs),
  };
  const started = { type: 'activation_started', started_at: formatInstant(now.wallMs), method: 'compose' } as const;
  return withRollout(record, queueEvents({ ...rollout, phase: moved }, phase.isDeferred ? [started] : []));
}

function later({ wallMs, monotonicMs }: ClockReading, ms: number): ClockReading {
  return { wallMs: wallMs + ms, monotonicMs: monotonicMs + ms };
}

/** The server has refused `converged` because it still counts the host as soaking: sends it again later. */
export function postponeConvergence(record: StackRecord, seq: number, now: ClockReading): StackRecord {
  const { rollout } = record;
  if (rollout === null || rollout.phase.at !== 'soaking' || rollout.outbox[0]?.seq !== seq) return record;
  const notBefore = { wallMs: now.wallMs + CONVERGE_AGAIN_MS, monotonicMs: now.monotonicMs + CONVERGE_AGAIN_MS };
  return withRollout(record, { ...unqueueEvent(rollout, seq), phase: { ...rollout.phase, notBefore } });
}

/** The offer was withdrawn before it was taken up: only its epoch is remembered. */
export function forgetOffer(record: StackRecord): StackRecord {
  return record.rollout?.phase.at === 'offered' ? { ...record, rollout: null } : record;
}

/** The server will never take event `seq`: sending it again would only hold up those behind it. */
export function discardEvent(record: StackRecord, seq: number): StackRecord {
  return record.rollout === null ? record : withRollout(record, unqueueEvent(record.rollout, seq));
}

/** Notes a regression that the server has found in this host's telemetry, which fails the soak. */
export function noteRegression(record: StackRecord, rolloutId: string, reason: string): StackRecord {
  const { rollout } = record;
  if (rollout === null || rollout.id !== rolloutId || rollout.regressed !== null) return record;
  return { ...record, rollout: { ...rollout, regressed: reason } };
}

/** Ends a closed rollout once everything is delivered: what may still be gone back to stays on disk. */
export function finishRollout(record: StackRecord): StackRecord {
  const { rollout } = record;
  if (rollout === null || rollout.phase.at !== 'closed' || rollout.outbox.length > 0) return record;
  const { outcome } = rollout.phase;
  const before = record.kept.filter((release) => release !== rollout.release && release !== rollout.fallback);
  const kept =
    outcome === 'reverted'
      ? // What runs now, and what ran before it; the failed release is not needed any more.
        [rollout.fallback, before.at(-1)]
      : [rollout.fallback, rollout.release];
  return { ...record, rollout: null, kept: kept.filter((release) => release != null), guarded: guardedAfter(record) };
}

/** What is brought back from now on, if somebody stops it. */
function guardedAfter({ rollout, guarded }: StackRecord): GuardedRelease | null {
  if (rollout === null || rollout.phase.at !== 'closed') return guarded;
  const { release, plan, fallback, phase } = rollout;
  if (phase.outcome === 'converged') return plan?.healsDrift === true ? { release, plan } : null;
  // A failed release that is left for inspection is nothing to bring back.
  return phase.outcome === 'reverted' && guarded !== null && guarded.release === fallback ? guarded : null;
}
