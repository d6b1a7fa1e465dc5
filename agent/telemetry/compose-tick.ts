import { RELEASE_LABEL } from '../../src/domain/container.ts';
import { formatInstant } from '../../src/domain/instant.ts';
import {
  type AgentReport,
  CONTAINER_METRICS,
  type ContainerMetrics,
  HOST_METRICS,
  type HostFacts,
  type HostMetrics,
  TELEMETRY_LIMITS,
} from '../../src/domain/telemetry.ts';
import { cutText } from '../cut-text.ts';
import type { ContainerView } from '../docker/container-view.ts';

/** Everything one tick says. */
export interface TickContent {
  readonly recordedAtMs: number;
  /** Null: nothing is said of the agent itself. */
  readonly agent: AgentReport | null;
  readonly metrics: HostMetrics;
  readonly facts: HostFacts;
  /** Null: no engine has been reached, so nothing is known about containers. */
  readonly containers: readonly ContainerView[] | null;
  /** By container id. */
  readonly containerMetrics: ReadonlyMap<string, ContainerMetrics>;
}

/** The labels that name a container's stack, service and release; they stay when there is no room for all labels. */
const ESSENTIAL_LABELS = ['com.docker.compose.project', 'com.docker.compose.service', RELEASE_LABEL];

/** Writes a container's identity as the start of its JSON object, without the closing brace. */
export type IdentityJson = (view: ContainerView) => string;

function identityJson(view: ContainerView, labels: Readonly<Record<string, string>>): string {
  const { identity } = view;
  const fields = {
    container_id: view.id,
    name: identity.name,
    image: identity.image,
    image_tag: identity.imageTag ?? undefined,
    status: identity.status ?? undefined,
    state: identity.state ?? undefined,
    health_status: identity.healthStatus ?? undefined,
    started_at: identity.startedAt,
    finished_at: identity.finishedAt,
    ports: identity.ports,
    labels,
  };
  return JSON.stringify(fields).slice(0, -1);
}

/** Caches what it has written, so that a container that has not changed is not serialised again. */
export function rememberIdentities(): IdentityJson {
  const written = new WeakMap<ContainerView, string>();
  return (view) => {
    const known = written.get(view);
    if (known !== undefined) return known;
    const json = identityJson(view, view.identity.labels);
    written.set(view, json);
    return json;
  };
}

/** As {@link rememberIdentities}, but with only the labels that name the stack and the service. */
export const slimIdentity: IdentityJson = (view) => {
  const labels = Object.entries(view.identity.labels).filter(([name]) => ESSENTIAL_LABELS.includes(name));
  return identityJson(view, Object.fromEntries(labels));
};

/** A metric is left out where it was not measured; the contract reads that as null. */
function metricsJson<N extends string>(names: readonly N[], metrics: Record<N, number | null>): string {
  const parts: string[] = [];
  for (const name of names) {
    const value = metrics[name];
    if (value !== null && Number.isFinite(value)) parts.push(`"${name}":${Math.max(0, value)}`);
  }
  return `{${parts.join(',')}}`;
}

function agentJson({ version, capabilities, composeVersion, bootId, epochs }: AgentReport): string {
  return JSON.stringify({ version, capabilities, compose_version: composeVersion, boot_id: bootId, epochs });
}

function factsJson(facts: HostFacts): string {
  return JSON.stringify({
    cpu_count: facts.cpuCount ?? undefined,
    memory_total_mb: facts.memoryTotalMb ?? undefined,
    disk_total_gb: facts.diskTotalGb ?? undefined,
    os: facts.os === null ? undefined : cutText(facts.os, TELEMETRY_LIMITS.maxOs),
    docker_version:
      facts.dockerVersion === null ? undefined : cutText(facts.dockerVersion, TELEMETRY_LIMITS.maxDockerVersion),
  });
}

/**
 * One telemetry body (`POST /agent/telemetry`) as JSON text. `containers` is left out while no engine is reached, and
 * `metrics` for a container that does not run.
 */
export function composeTick(content: TickContent, identity: IdentityJson): string {
  const { agent, metrics, facts, containers, containerMetrics } = content;
  const head = `{"recorded_at":"${formatInstant(content.recordedAtMs)}"${agent === null ? '' : `,"agent":${agentJson(agent)}`},"host":{"metrics":${metricsJson(HOST_METRICS, metrics)},"facts":${factsJson(facts)}}`;
  if (containers === null) return `${head}}`;
  const bodies = containers.map((view) => {
    const measured = containerMetrics.get(view.id);
    return measured === undefined
      ? `${identity(view)}}`
      : `${identity(view)},"metrics":${metricsJson(CONTAINER_METRICS, measured)}}`;
  });
  return `${head},"containers":[${bodies.join(',')}]}`;
}
