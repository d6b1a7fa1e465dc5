/**
 * Finds what one tick changes about the containers of its host, with one look-up and one comparison for each container.
 * A tick whose whole list has the same fingerprint as before changes nothing and is not looked at here.
 */
import type { ContainerIdentity, ContainerReport } from '../domain/telemetry.ts';

/** A container must be missing this long, by its own host's reports, before it counts as removed. */
export const REMOVED_AFTER_MS = 300_000;

/**
 * What is remembered of a container that has not been removed: only what its next report is compared with, because there
 * may be hundreds of thousands of them.
 */
export interface KnownContainer {
  /** The store's number for it. */
  readonly id: number;
  /** Equal as long as nothing of the identity changes. */
  readonly fingerprint: string;
  readonly unhealthy: boolean;
  /** Null while it is reported. */
  readonly absence: Absence | null;
}

/** Times are by the host's clock. */
export interface Absence {
  readonly lastSeenAtMs: number;
  /** When the host first reported without it. */
  readonly sinceMs: number;
}

/** Set by Compose on every container that it starts. */
const COMPOSE_PROJECT_LABEL = 'com.docker.compose.project';

/** The Compose project that a container belongs to; null when it was not started by Compose. */
export function stackOf(identity: ContainerIdentity): string | null {
  return identity.labels[COMPOSE_PROJECT_LABEL] ?? null;
}

/** Whether `docker compose run` started it, so that it is not part of what is deployed. */
export function isOneOff(identity: ContainerIdentity): boolean {
  return identity.labels['com.docker.compose.oneoff'] === 'True';
}

/** Whether a running container was started again: the engine's `started_at` texts differ then. */
export function hasRestarted(before: ContainerIdentity, now: ContainerIdentity): boolean {
  return before.startedAt !== null && now.startedAt !== null && before.startedAt !== now.startedAt;
}

export type HealthTurn = 'unhealthy' | 'recovered' | null;

export type ContainerChange =
  | {
      readonly kind: 'appeared';
      readonly report: ContainerReport;
      readonly fingerprint: string;
      readonly turn: HealthTurn;
    }
  | {
      readonly kind: 'changed';
      readonly report: ContainerReport;
      readonly fingerprint: string;
      readonly unhealthy: boolean;
      readonly turn: HealthTurn;
    }
  /** Reported again, unchanged, after it had been missing. */
  | { readonly kind: 'returned'; readonly containerId: string }
  | { readonly kind: 'missing'; readonly containerId: string; readonly sinceMs: number }
  | { readonly kind: 'removed'; readonly containerId: string; readonly atMs: number };

/** The parts of an identity in a fixed order, for a fingerprint. */
export function identityParts(identity: ContainerIdentity): readonly unknown[] {
  return [
    identity.name,
    identity.image,
    identity.imageTag,
    identity.status,
    identity.state,
    identity.healthStatus,
    identity.startedAt,
    identity.finishedAt,
    identity.ports,
    identity.labels,
  ];
}

export function identityText(identity: ContainerIdentity): string {
  return JSON.stringify(identityParts(identity));
}

/**
 * A container is unhealthy from the report that says so until a report that says `healthy`, or that it no longer has a
 * health check. A restart in between, with its `starting`, does not end that.
 */
export function nextHealth(
  wasUnhealthy: boolean,
  healthStatus: string | null,
): { unhealthy: boolean; turn: HealthTurn } {
  if (healthStatus === 'unhealthy') return { unhealthy: true, turn: wasUnhealthy ? null : 'unhealthy' };
  if (wasUnhealthy && healthStatus === 'healthy') return { unhealthy: false, turn: 'recovered' };
  if (wasUnhealthy && (healthStatus === null || healthStatus === 'none')) return { unhealthy: false, turn: null };
  return { unhealthy: wasUnhealthy, turn: null };
}

/** `reports` is the whole list of a tick that reported containers, even none. */
export function observeContainers(
  known: ReadonlyMap<string, KnownContainer>,
  reports: readonly ContainerReport[],
  recordedAtMs: number,
  fingerprintOf: (report: ContainerReport) => string,
): ContainerChange[] {
  const changes: ContainerChange[] = [];
  let seen = 0;
  for (const report of reports) {
    const container = known.get(report.containerId);
    const fingerprint = fingerprintOf(report);
    if (container === undefined) {
      const { turn } = nextHealth(false, report.identity.healthStatus);
      changes.push({ kind: 'appeared', report, fingerprint, turn });
      continue;
    }
    seen += 1;
    if (container.fingerprint !== fingerprint) {
      changes.push({
        kind: 'changed',
        report,
        fingerprint,
        ...nextHealth(container.unhealthy, report.identity.healthStatus),
      });
    } else if (container.absence !== null) {
      changes.push({ kind: 'returned', containerId: report.containerId });
    }
  }
  if (seen < known.size) changes.push(...observeAbsence(known, reports, recordedAtMs));
  return changes;
}

function observeAbsence(
  known: ReadonlyMap<string, KnownContainer>,
  reports: readonly ContainerReport[],
  recordedAtMs: number,
): ContainerChange[] {
  const reported = new Set(reports.map((report) => report.containerId));
  const changes: ContainerChange[] = [];
  for (const [containerId, container] of known) {
    if (reported.has(containerId)) continue;
    if (container.absence === null) changes.push({ kind: 'missing', containerId, sinceMs: recordedAtMs });
    else if (recordedAtMs - container.absence.sinceMs >= REMOVED_AFTER_MS) {
      changes.push({ kind: 'removed', containerId, atMs: recordedAtMs });
    }
  }
  return changes;
}
