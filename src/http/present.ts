/** Domain values as the wire says them. */
import type { Container } from '../domain/container.ts';
import type { LogEvent } from '../domain/event-log.ts';
import type { Host } from '../domain/host.ts';
import { formatInstant, formatInstantOrNull } from '../domain/instant.ts';
import { isRolloutEntryKind } from '../domain/rollout.ts';
import { CONTAINER_METRICS, type ContainerMetrics, memoryPercent } from '../domain/telemetry.ts';
import type { MintedToken, Token } from '../domain/token.ts';
import type { ContainerBody, HostBody, LogEventBody, MintedTokenBody, TokenBody } from '../wire/operator.ts';

export function presentHost(host: Host): HostBody {
  return {
    name: host.name,
    status: host.status,
    labels: host.labels,
    last_seen_at: formatInstantOrNull(host.lastSeenAtMs),
    clock_skew_ms: host.clockSkewMs,
    created_at: formatInstant(host.createdAtMs),
    archived_at: formatInstantOrNull(host.archivedAtMs),
    offline_after_seconds: host.offlineAfterSeconds,
    facts: {
      cpu_count: host.facts.cpuCount,
      memory_total_mb: host.facts.memoryTotalMb,
      disk_total_gb: host.facts.diskTotalGb,
      os: host.facts.os,
      docker_version: host.facts.dockerVersion,
    },
    agent:
      host.agent === null
        ? null
        : {
            version: host.agent.version,
            capabilities: [...host.agent.capabilities],
            compose_version: host.agent.composeVersion,
            boot_id: host.agent.bootId,
          },
    metrics: host.metrics,
    container_count: host.containerCount,
  };
}

export function presentMintedToken({ token, plaintext }: MintedToken): MintedTokenBody {
  return { id: token.id, name: token.name, token: plaintext };
}

export function presentToken(token: Token): TokenBody {
  return {
    id: token.id,
    kind: token.kind,
    scope: token.scope,
    name: token.name,
    created_at: formatInstant(token.createdAtMs),
    expires_at: formatInstantOrNull(token.expiresAtMs),
    last_used_at: formatInstantOrNull(token.lastUsedAtMs),
    revoked_at: formatInstantOrNull(token.revokedAtMs),
  };
}

const NOT_MEASURED = Object.fromEntries(CONTAINER_METRICS.map((name) => [name, null])) as ContainerMetrics;

export function presentContainerMetrics(metrics: ContainerMetrics | null): ContainerBody['metrics'] {
  const values = metrics ?? NOT_MEASURED;
  return { ...values, memory_percent: memoryPercent(values) };
}

export function presentContainer(container: Container): ContainerBody {
  const { identity } = container;
  return {
    container_id: container.containerId,
    name: identity.name,
    image: identity.image,
    image_tag: identity.imageTag,
    status: identity.status,
    state: identity.state,
    health_status: identity.healthStatus,
    started_at: identity.startedAt,
    finished_at: identity.finishedAt,
    ports: [...identity.ports],
    labels: identity.labels,
    metrics: presentContainerMetrics(container.metrics),
    last_seen_at: formatInstant(container.lastSeenAtMs),
    removed_at: formatInstantOrNull(container.removedAtMs),
  };
}

/** `soakDueAtMs` → `soak_due_at`, `sinceMs` → `since`: instants are named and written as everywhere on the wire. */
function presentField(key: string, value: unknown): [string, unknown] {
  const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  if (/(?:^since|^at|At|Since)Ms$/.test(key) && (typeof value === 'number' || value === null)) {
    return [name.replace(/_ms$/, ''), formatInstantOrNull(value)];
  }
  return [name, presentData(value)];
}

/** The data of a rollout's entry is the core's own value; its names and times are turned into those of the wire. */
function presentData(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(presentData);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => presentField(key, field)));
}

export function presentEvent(event: LogEvent): LogEventBody {
  const isEntry = isRolloutEntryKind(event.kind);
  return {
    id: event.id,
    at: formatInstant(event.atMs),
    kind: event.kind,
    host: event.host,
    rollout_id: event.rolloutId,
    data: isEntry ? (presentData(event.data) as Record<string, unknown>) : event.data,
  };
}
