/** Reconciles a stack's record with what the server knows about this host. */

import { assertNever } from '../../../src/domain/errors.ts';
import { formatInstant, parseInstant } from '../../../src/domain/instant.ts';
import type { ClockReading } from '../../async/clock-reading.ts';
import type { ServerView } from '../../server/rollout-api.ts';
import { beginActivation, confirmEvent } from './advance-record.ts';
import { queueEvents, renumberEvents } from './queue-events.ts';
import type { Phase, RolloutRecord, StackRecord } from './stack-record.ts';
import { keep } from './take-offer.ts';

/**
 * `views`: the server's open rollouts of this stack. The record follows them:
 * - a rollout that the server does not know any more is dropped; one that was half-way into a change first goes back;
 * - a rollout that only the server knows is taken up from there: the disk was lost;
 * - where both know it and nothing waits to be delivered that explains a difference, the server's state counts.
 */
export function reconcile(record: StackRecord, views: readonly ServerView[], now: ClockReading): StackRecord {
  const { rollout } = record;
  if (rollout === null) {
    const open = views.find(({ epoch, state }) => epoch !== null && state !== 'pending');
    if (open !== undefined) return adopt(record, open, now);
    return views.some((view) => isTaken(record, view)) ? { ...record, taken: null } : record;
  }
  const view = views.find(({ rollout_id }) => rollout_id === rollout.id);
  if (view === undefined) {
    // The answer to its acknowledgement tells whether the offer still stands.
    return rollout.phase.at === 'offered' ? record : { ...record, rollout: drop(rollout, now) };
  }
  const confirmed = confirmThrough(record, view.last_event_seq, now);
  if (confirmed.rollout === null) return confirmed;
  const renumbered = renumberEvents(confirmed.rollout, view.last_event_seq);
  const aligned = renumbered === confirmed.rollout ? confirmed : { ...confirmed, rollout: renumbered };
  if (renumbered.outbox.length > 0 || agrees(view.state, renumbered.phase)) return aligned;
  return adopt(aligned, view, now);
}

/** Confirms events that the server has applied although their answers were lost. */
function confirmThrough(record: StackRecord, lastEventSeq: number, now: ClockReading): StackRecord {
  const { rollout } = record;
  const [head] = rollout?.outbox ?? [];
  if (rollout === null || head === undefined) return record;
  if (rollout.nextSeq <= lastEventSeq || head.seq > lastEventSeq) return record;
  return confirmThrough(confirmEvent(record, head.seq, now), lastEventSeq, now);
}

/** Whether the server awaits an acknowledgement that it has had once, because its database was restored. */
function isTaken({ taken }: StackRecord, view: ServerView): boolean {
  return taken !== null && taken.rolloutId === view.rollout_id && taken.epoch === view.epoch;
}

/** Stops working on it and leaves what runs; half a change is rolled back: a host never stays between two releases. */
function drop(rollout: RolloutRecord, now: ClockReading): RolloutRecord {
  const silent: RolloutRecord = { ...rollout, isSilent: true, outbox: [] };
  const { phase } = rollout;
  if (phase.at === 'reverting') {
    // An operator has let go of a host whose way back does not succeed.
    return phase.reported === null ? silent : { ...silent, phase: { at: 'closed', outcome: 'dropped' } };
  }
  if ((phase.at === 'activating' || phase.at === 'deferred') && phase.touched) {
    return { ...silent, phase: { at: 'reverting', touched: true, since: now, reported: null } };
  }
  return phase.at === 'closed' ? silent : { ...silent, phase: { at: 'closed', outcome: 'dropped' } };
}

/** Whether a phase here, with nothing left to deliver, matches the server's state. */
function agrees(state: string, phase: Phase): boolean {
  switch (phase.at) {
    case 'offered':
      return state === 'pending';
    case 'activating':
    case 'deferred':
      return state === 'activating' || state === 'deferred';
    case 'resuming':
      return state === 'soaking';
    case 'soaking':
      return state === 'soaking' && phase.confirmed !== null;
    case 'reverting':
      return state === 'failed';
    case 'closed':
      return phase.outcome !== 'converged' || state === 'converged';
    default:
      return assertNever(phase);
  }
}

/** Goes on from the state that the server reports. */
function adopt(record: StackRecord, view: ServerView, now: ClockReading): StackRecord {
  const known = record.rollout;
  const base: RolloutRecord = known ?? {
    id: view.rollout_id,
    release: view.release,
    epoch: view.epoch ?? 0,
    fallback: view.previous_release,
    before: null,
    images: null,
    soakMs: null,
    plan: null,
    regressed: null,
    isSilent: false,
    nextSeq: view.last_event_seq + 1,
    outbox: [],
    phase: { at: 'offered' },
  };
  const rollout = adoptState(base, view, now);
  if (rollout === null) return record;
  return {
    ...record,
    taken: { rolloutId: view.rollout_id, epoch: base.epoch },
    kept: keep(record.kept, base.release, base.fallback),
    rollout,
  };
}

function adoptState(rollout: RolloutRecord, view: ServerView, now: ClockReading): RolloutRecord | null {
  switch (view.state) {
    case 'pending': {
      const received = formatInstant(now.wallMs);
      const ack = { type: 'dispatch_ack', current_release: rollout.fallback, received_at: received } as const;
      return queueEvents({ ...rollout, phase: { at: 'offered' } }, [ack]);
    }
    case 'activating':
    case 'deferred': {
      const started = formatInstant(now.wallMs);
      const phase: Phase = { ...beginActivation(now, true), isDeferred: view.state === 'deferred' };
      return queueEvents({ ...rollout, phase }, [
        { type: 'activation_started', started_at: started, method: 'compose' },
      ]);
    }
    case 'soaking':
      return { ...rollout, phase: { at: 'resuming', soakMs: remainingSoakMs(view, now) } };
    case 'failed':
      return { ...rollout, phase: { at: 'reverting', touched: true, since: now, reported: null } };
    default:
      return null;
  }
}

/** By this host's wall clock; when that is wrong, the server still refuses a `converged` that comes too early. */
function remainingSoakMs(view: ServerView, now: ClockReading): number {
  const dueMs = view.soak_due_at === null ? undefined : parseInstant(view.soak_due_at);
  return dueMs === undefined ? 0 : Math.max(0, dueMs - now.wallMs);
}
