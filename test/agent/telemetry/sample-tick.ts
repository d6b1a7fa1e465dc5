import { type EncodedTick, type OutboxTick, outboxTickOf } from '../../../agent/telemetry/outbox/outbox-tick.ts';

/** The smallest tick the server takes, recorded at `recordedAtMs`; `padding` bytes of something it ignores. */
export function sampleTick(recordedAtMs: number, padding = 0): EncodedTick {
  const body = {
    recorded_at: new Date(recordedAtMs).toISOString(),
    host: { metrics: {} },
    padding: 'x'.repeat(padding),
  };
  return { recordedAtMs, json: Buffer.from(JSON.stringify(body)) };
}

export function sampleOutboxTick(recordedAtMs: number, padding = 0): OutboxTick {
  return outboxTickOf(sampleTick(recordedAtMs, padding));
}
