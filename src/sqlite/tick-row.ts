import type { StoredTick } from '../domain/records.ts';

export interface TickRow {
  host_id: number;
  recorded_at_ms: number;
  received_at_ms: number;
  token_number: number;
  live: number;
  sample: Uint8Array;
}

export function readTickRow(row: TickRow): StoredTick {
  return {
    hostId: row.host_id,
    recordedAtMs: row.recorded_at_ms,
    receivedAtMs: row.received_at_ms,
    tokenNumber: row.token_number,
    live: row.live === 1,
    sample: row.sample,
  };
}
