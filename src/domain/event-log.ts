import { NexusError } from './errors.ts';
import { ROLLOUT_ENTRY_KINDS } from './rollout.ts';
import { anything, MARKED, recordOf, StoredForm } from './stored-json.ts';

/** The append-only log of everything that changed and why. Ids rise by one per entry and are never reused. */
export const EVENT_KINDS = [
  'host_added',
  'host_labelled',
  'host_offline',
  'host_recovered',
  'host_archived',
  'container_unhealthy',
  'container_recovered',
  'drift_detected',
  'drift_resolved',
  'token_created',
  'token_rotated',
  'token_revoked',
  'release_added',
  'release_removed',
  'release_quarantined',
  'quarantine_lifted',
  'budget_set',
  'budget_removed',
  'history_damaged',
  'clock_stepped',
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

/** The last entry of the log and its hash, which covers every entry before it (`trust/log-chain`). */
export interface LogHead {
  readonly id: number;
  /** 64 hex digits. */
  readonly hash: string;
}

/** The head of an empty log. */
export const NO_ENTRY: LogHead = { id: 0, hash: '0'.repeat(64) };

const KNOWN_KINDS: ReadonlySet<string> = new Set(EVENT_KINDS);

function isEventKind(kind: string): kind is EventKind {
  return KNOWN_KINDS.has(kind);
}

/** Throws `store_unavailable` on a kind that only a newer Nexus writes. */
export function parseEventKind(id: number, kind: string): EventKind {
  if (isEventKind(kind)) return kind;
  throw new NexusError(
    'store_unavailable',
    `entry ${id} of the log is of the kind '${kind}', which this Nexus does not know: a newer Nexus wrote it; ` +
      'start that one again, or restore the backup made before the upgrade',
  );
}

/**
 * How a store keeps the `data` of an entry. Its fields depend on the kind; code that does more than show them parses them
 * as well (`rollout/stored-entry`).
 */
export const EVENT_DATA = new StoredForm<NewLogEvent['data']>('entry of the log', recordOf(anything), [MARKED]);
