import { formatInstant } from '../../../src/domain/instant.ts';
import type { DispatchBody } from '../../../src/wire/agent-event.ts';
import type { ClockReading } from '../../async/clock-reading.ts';
import { queueEvents } from './queue-events.ts';
import type { RolloutRecord, StackRecord } from './stack-record.ts';

/** Records a dispatch with its acknowledgement; `fallback` is the release that runs now. */
export function takeOffer(
  record: StackRecord,
  offer: DispatchBody,
  fallback: string | null,
  now: ClockReading,
): StackRecord {
  const rollout: RolloutRecord = {
    id: offer.rollout_id,
    release: offer.release,
    epoch: offer.epoch,
    fallback,
    soakMs: Math.round(offer.soak_seconds * 1000),
    plan: null,
    regressed: null,
    isSilent: false,
    nextSeq: 1,
    outbox: [],
    phase: { at: 'offered' },
  };
  const ack = { type: 'dispatch_ack', current_release: fallback, received_at: formatInstant(now.wallMs) } as const;
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
