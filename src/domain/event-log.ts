import { ROLLOUT_ENTRY_KINDS } from './rollout.ts';

/** The append-only log of everything that changed and why. Ids rise by one per entry and are never reused. */
export const EVENT_KINDS = [
  'host_added',
  'host_labelled',
  'host_offline',
  'host_recovered',
  'host_archived',
  'container_unhealthy',
  'container_recovered',
  'token_created',
  'token_rotated',
  'token_revoked',
  'release_added',
  'release_quarantined',
  'quarantine_lifted',
  'history_damaged',
  ...ROLLOUT_ENTRY_KINDS,
] as const;

export type EventKind = (typeof EVENT_KINDS)[number];

export interface NewLogEvent {
  readonly atMs: number;
  readonly kind: EventKind;
  /** Host name; null where the event is not about one host. */
  readonly host: string | null;
  readonly rolloutId: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface LogEvent extends NewLogEvent {
  readonly id: number;
}
