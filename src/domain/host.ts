import type { AgentFacts, HostFacts, HostMetrics } from './telemetry.ts';

/** `degraded` is reserved for a host that is online and fails a gate; telemetry alone never sets it. */
export const HOST_STATUSES = ['pending', 'online', 'offline', 'degraded', 'archived'] as const;
export type HostStatus = (typeof HOST_STATUSES)[number];

/** Labels that one host may carry. */
export const MAX_LABELS = 64;

export type Labels = Readonly<Record<string, string>>;

/** A host is offline once the server has not heard from it for this long. */
export const DEFAULT_OFFLINE_AFTER_SECONDS = 120;

/** A shorter limit would call every late tick an outage; a longer one than a week is what archiving is for. */
export const OFFLINE_AFTER_SECONDS = { min: 10, max: 604_800 } as const;

/** Whether all labels of the selector are among these. */
export function matchesAll(labels: Labels, selector: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}

export interface Host {
  readonly id: number;
  readonly name: string;
  readonly status: HostStatus;
  readonly labels: Labels;
  readonly offlineAfterSeconds: number;
  readonly createdAtMs: number;
  readonly archivedAtMs: number | null;
  /** By the server's clock; null before the first tick. */
  readonly lastSeenAtMs: number | null;
  /** The agent's clock minus the server's, milliseconds, as of the latest tick (travel time included). */
  readonly clockSkewMs: number | null;
  readonly facts: HostFacts;
  /** Null until its agent says something of itself. */
  readonly agent: AgentFacts | null;
  readonly metrics: HostMetrics | null;
  /** Containers in the latest tick that reported any. */
  readonly containerCount: number;
}

export const MAX_HOST_NAME_LENGTH = 253;

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** Whether `text` is an RFC 1123 host name in lower case. */
export function isHostName(text: string): boolean {
  return text.length <= MAX_HOST_NAME_LENGTH && NAME.test(text);
}
