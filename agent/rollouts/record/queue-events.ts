/**
 * The outbox of one rollout. Numbers rise by one from 1 and are never used twice; a number that the server refused stays
 * a gap, which the contract allows. Events leave the queue in order, at the front only.
 */
import type { QueuedEvent } from '../../server/queued-event.ts';
import type { EventDraft, RolloutRecord } from './stack-record.ts';

export function queueEvents(rollout: RolloutRecord, drafts: readonly EventDraft[]): RolloutRecord {
  if (rollout.isSilent || drafts.length === 0) return rollout;
  const queued: QueuedEvent[] = drafts.map((draft, index) => ({ ...draft, seq: rollout.nextSeq + index }));
  return { ...rollout, nextSeq: rollout.nextSeq + drafts.length, outbox: [...rollout.outbox, ...queued] };
}

/** Takes `seq` off the front; unchanged when something else is there. */
export function unqueueEvent(rollout: RolloutRecord, seq: number): RolloutRecord {
  return rollout.outbox[0]?.seq === seq ? { ...rollout, outbox: rollout.outbox.slice(1) } : rollout;
}

/**
 * Renumbers the waiting events when the server has applied more than this agent has ever numbered (an older disk was
 * restored): under its old number an event would pass for a duplicate.
 */
export function renumberEvents(rollout: RolloutRecord, lastEventSeq: number): RolloutRecord {
  if (rollout.nextSeq > lastEventSeq) return rollout;
  const outbox = rollout.outbox.map((event, index) => ({ ...event, seq: lastEventSeq + 1 + index }));
  return { ...rollout, outbox, nextSeq: lastEventSeq + 1 + outbox.length };
}

/** Whether `converged` awaits its answer. Nothing else is queued until then: a converged host takes no more events. */
export function isConverging(rollout: RolloutRecord): boolean {
  return rollout.outbox.some(({ type }) => type === 'converged');
}
