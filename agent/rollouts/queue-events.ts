/**
 * The outbox of one rollout. Numbers rise by one from 1 and are never used twice; a number that the server refused stays
 * a gap, which the contract allows. Events leave the queue in order, at the front only.
 */
import type { EventDraft, QueuedEvent, RolloutRecord } from './stack-record.ts';

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
 * Brings the numbers in step with the last one that the server has applied. What it has is dropped. When it has more
 * than this agent ever numbered (an older disk was restored), what waits is numbered anew behind it: under its old
 * number it would pass for a duplicate.
 */
export function alignNumbers(rollout: RolloutRecord, lastEventSeq: number): RolloutRecord {
  if (rollout.nextSeq > lastEventSeq) {
    const outbox = rollout.outbox.filter(({ seq }) => seq > lastEventSeq);
    return outbox.length === rollout.outbox.length ? rollout : { ...rollout, outbox };
  }
  const outbox = rollout.outbox.map((event, index) => ({ ...event, seq: lastEventSeq + 1 + index }));
  return { ...rollout, outbox, nextSeq: lastEventSeq + 1 + outbox.length };
}

/** `converged` waits for its answer: until then nothing else may be queued, as a converged host takes no more events. */
export function isConverging(rollout: RolloutRecord): boolean {
  return rollout.outbox.some(({ type }) => type === 'converged');
}
