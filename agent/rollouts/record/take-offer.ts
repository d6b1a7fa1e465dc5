import { formatInstant } from '../../../src/domain/instant.ts';
import type { DispatchBody } from '../../../src/wire/agent-event.ts';
import type { ClockReading } from '../../async/clock-reading.ts';
import { queueEvents } from './queue-events.ts';
import type { PriorContainer, RolloutRecord, StackRecord } from './stack-record.ts';

/** What runs when a dispatch is taken up: the release, null for none, and how its containers do. */
export interface PriorRelease {
  readonly release: string | null;
  readonly containers: readonly PriorContainer[];
}

/**
 * Records a dispatch with its acknowledgement. Where it takes over from a rollout that is not through, this one goes back
 * to what ran before that one if need be, and not to the unproven release that may run meanwhile.
 */
export function takeOffer(
  record: StackRecord,
  offer: DispatchBody,
  found: PriorRelease,
  now: ClockReading,
): StackRecord {
  const replaced = record.rollout?.phase.at === 'offered' ? null : record.rollout;
  const fallback = replaced === null ? found.release : replaced.fallback;
  const rollout: RolloutRecord = {
    id: offer.rollout_id,
    release: offer.release,
    epoch: offer.epoch,
    fallback,
    before: replaced === null ? found.containers : replaced.before,
    images: offer.images ?? null,
    soakMs: Math.round(offer.soak_seconds * 1000),
    plan: null,
    regressed: null,
    isSilent: false,
    nextSeq: (offer.last_event_seq ?? 0) + 1,
    outbox: [],
    phase: { at: 'offered' },
  };
  const received = formatInstant(now.wallMs);
  const { epoch } = offer;
  const ack = { type: 'dispatch_ack', current_release: fallback, received_at: received, agent_epoch: epoch } as const;
  return {
    ...record,
    taken: { rolloutId: offer.rollout_id, epoch: offer.epoch },
    kept: keep(record.kept, offer.release, fallback),
    rollout: queueEvents(rollout, [ack]),
  };
}

/** Adds releases whose files are needed during a rollout. */
export function keep(kept: readonly string[], ...releases: readonly (string | null)[]): string[] {
  return [...new Set([...kept, ...releases.filter((release) => release !== null)])];
}
