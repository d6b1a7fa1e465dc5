/**
 * What one tick changes about the containers of its host. A steady tick changes nothing and costs one look-up and one
 * comparison per container.
 */
import type { ContainerIdentity, ContainerReport } from '../domain/telemetry.ts';

/** A container must be missing this long, by its own host's reports, before it counts as removed. */
export const REMOVED_AFTER_MS = 300_000;

/** What is remembered of a container that has not been removed. */
export interface KnownContainer {
  /** The store's number for it. */
  readonly id: number;
  readonly name: string;
  /** Equal fingerprints: nothing of the identity changed. */
  readonly fingerprint: string;
  /** The Compose project it belongs to; null when it was not started by Compose. */
  readonly stack: string | null;
  /** As the engine wrote it: another value is another start. */
  readonly startedAt: string | null;
  readonly unhealthy: boolean;
  /** By its host's clock. Out of date while it is reported: then it was last seen at the latest report. */
  readonly lastSeenAtMs: number;
  /** The first report without it, by its host's clock; null while it is reported. */
  readonly missingSinceMs: number | null;
}

/** Set by Compose on every container that it starts. */
const COMPOSE_PROJECT_LABEL = 'com.docker.compose.project';

/** What a container's report says of it that is remembered. */
export function readTraits({
  name,
  labels,
  startedAt,
}: ContainerIdentity): Pick<KnownContainer, 'name' | 'stack' | 'startedAt'> {
  return { name, stack: labels[COMPOSE_PROJECT_LABEL] ?? null, startedAt };
}

/** Whether a container that was running was started again. */
export function hasRestarted(before: KnownContainer, now: Pick<KnownContainer, 'startedAt'>): boolean {
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

/** The parts of an identity as one text, for a fingerprint. */
export function identityText(identity: ContainerIdentity): string {
  return JSON.stringify([
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
  ]);
}

/**
 * A container is unhealthy from the report that says so until one that says `healthy` (or that it has no health check
 * any more): a restart in between, with its `starting`, ends nothing.
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

/** `reports` is the tick's whole list; a tick that says nothing of containers must not come here. */
export function observeContainers(
  known: ReadonlyMap<string, KnownContainer>,
  reports: readonly ContainerReport[],
  recordedAtMs: number,
  fingerprintOf: (identityText: string) => string,
): ContainerChange[] {
  const changes: ContainerChange[] = [];
  let seen = 0;
  for (const report of reports) {
    const container = known.get(report.containerId);
    const fingerprint = fingerprintOf(identityText(report.identity));
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
    } else if (container.missingSinceMs !== null) {
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
    if (container.missingSinceMs === null) changes.push({ kind: 'missing', containerId, sinceMs: recordedAtMs });
    else if (recordedAtMs - container.missingSinceMs >= REMOVED_AFTER_MS) {
      changes.push({ kind: 'removed', containerId, atMs: recordedAtMs });
    }
  }
  return changes;
}
