/**
 * Nearly every telemetry body is valid, and a schema that can say what is wrong costs many times as much as seeing that
 * nothing is. So a body is read here first, in one pass. It is accepted only where `telemetrySchema` accepts it
 * unchanged, and the tick is the same; whatever is in doubt is left to the schema, which decides and explains.
 */
import { parseInstant } from '../domain/instant.ts';
import { STACK_NAME } from '../domain/release.ts';
import {
  type AgentReport,
  type ContainerMetrics,
  type ContainerReport,
  type HostFacts,
  type HostMetrics,
  NO_FACTS,
  TELEMETRY_LIMITS,
  type Tick,
} from '../domain/telemetry.ts';

type Fields = Readonly<Record<string, unknown>>;

const NO_FIELDS: Fields = {};
const NO_PORTS: readonly string[] = [];
const NO_LABELS: Readonly<Record<string, string>> = {};
const NO_CAPABILITIES: readonly string[] = [];
const NO_EPOCHS: Readonly<Record<string, number>> = {};
const NO_METRICS: ContainerMetrics = {
  cpu_percent: null,
  memory_usage_mb: null,
  memory_limit_mb: null,
  network_rx_bytes: null,
  network_tx_bytes: null,
  block_read_bytes: null,
  block_write_bytes: null,
};

/** Reads one body; its result must not be used once `isInDoubt`. */
class PlainReader {
  isInDoubt = false;

  #doubt<T>(instead: T): T {
    this.isInDoubt = true;
    return instead;
  }

  #fields(value: unknown): Fields {
    const isFields = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isFields ? (value as Fields) : this.#doubt(NO_FIELDS);
  }

  #requiredText(value: unknown, max: number): string {
    return typeof value === 'string' && value.length >= 1 && value.length <= max ? value : this.#doubt('');
  }

  #text(value: unknown, max: number): string | null {
    if (value === null || value === undefined) return null;
    return typeof value === 'string' && value.length <= max ? value : this.#doubt(null);
  }

  #instantText(value: unknown): string | null {
    if (value === null || value === undefined) return null;
    return typeof value === 'string' && parseInstant(value) !== undefined ? value : this.#doubt(null);
  }

  #gauge(value: unknown, max = Number.MAX_VALUE): number | null {
    if (value === null || value === undefined) return null;
    return typeof value === 'number' && value >= 0 && value <= max ? value : this.#doubt(null);
  }

  #count(value: unknown, min = 0, max = Number.MAX_SAFE_INTEGER): number | null {
    if (value === null || value === undefined) return null;
    return Number.isInteger(value) && (value as number) >= min && (value as number) <= max
      ? (value as number)
      : this.#doubt(null);
  }

  #hostMetrics(value: unknown): HostMetrics {
    const metrics = this.#fields(value);
    return {
      cpu_percent: this.#gauge(metrics['cpu_percent'], 100),
      load_average: this.#gauge(metrics['load_average']),
      memory_used_mb: this.#count(metrics['memory_used_mb']),
      memory_total_mb: this.#count(metrics['memory_total_mb']),
      disk_used_gb: this.#count(metrics['disk_used_gb']),
      disk_total_gb: this.#count(metrics['disk_total_gb']),
      network_rx_bytes: this.#count(metrics['network_rx_bytes']),
      network_tx_bytes: this.#count(metrics['network_tx_bytes']),
    };
  }

  facts(value: unknown): HostFacts {
    if (value === null || value === undefined) return NO_FACTS;
    const facts = this.#fields(value);
    return {
      cpuCount: this.#count(facts['cpu_count'], 1, TELEMETRY_LIMITS.maxCpuCount),
      memoryTotalMb: this.#count(facts['memory_total_mb']),
      diskTotalGb: this.#count(facts['disk_total_gb']),
      os: this.#text(facts['os'], TELEMETRY_LIMITS.maxOs),
      dockerVersion: this.#text(facts['docker_version'], TELEMETRY_LIMITS.maxDockerVersion),
    };
  }

  agent(value: unknown): AgentReport | null {
    if (value === null || value === undefined) return null;
    const agent = this.#fields(value);
    return {
      version: this.#text(agent['version'], TELEMETRY_LIMITS.maxAgentText),
      capabilities: this.#capabilities(agent['capabilities']),
      composeVersion: this.#text(agent['compose_version'], TELEMETRY_LIMITS.maxAgentText),
      bootId: this.#text(agent['boot_id'], TELEMETRY_LIMITS.maxAgentText),
      epochs: this.#epochs(agent['epochs']),
    };
  }

  #capabilities(value: unknown): readonly string[] {
    if (value === null || value === undefined) return NO_CAPABILITIES;
    const isList =
      Array.isArray(value) &&
      value.length <= TELEMETRY_LIMITS.maxCapabilities &&
      value.every((one) => typeof one === 'string' && one.length >= 1 && one.length <= TELEMETRY_LIMITS.maxAgentText);
    return isList ? value : this.#doubt(NO_CAPABILITIES);
  }

  #epochs(value: unknown): Readonly<Record<string, number>> {
    if (value === null || value === undefined) return NO_EPOCHS;
    const epochs = this.#fields(value);
    const stacks = Object.keys(epochs);
    const isPlain =
      stacks.length <= TELEMETRY_LIMITS.maxEpochs &&
      stacks.every(
        (stack) => STACK_NAME.test(stack) && Number.isSafeInteger(epochs[stack]) && Number(epochs[stack]) >= 0,
      );
    return isPlain ? (epochs as Readonly<Record<string, number>>) : this.#doubt(NO_EPOCHS);
  }

  #ports(value: unknown): readonly string[] {
    if (value === null || value === undefined) return NO_PORTS;
    const isTexts = Array.isArray(value) && value.every((entry) => typeof entry === 'string');
    return isTexts ? value : this.#doubt(NO_PORTS);
  }

  #labels(value: unknown): Readonly<Record<string, string>> {
    if (value === null || value === undefined) return NO_LABELS;
    const labels = this.#fields(value);
    for (const name in labels) if (typeof labels[name] !== 'string') return this.#doubt(NO_LABELS);
    return labels as Readonly<Record<string, string>>;
  }

  #containerMetrics(value: unknown): ContainerMetrics {
    if (value === null || value === undefined) return NO_METRICS;
    const metrics = this.#fields(value);
    return {
      cpu_percent: this.#gauge(metrics['cpu_percent']),
      memory_usage_mb: this.#count(metrics['memory_usage_mb']),
      memory_limit_mb: this.#count(metrics['memory_limit_mb']),
      network_rx_bytes: this.#count(metrics['network_rx_bytes']),
      network_tx_bytes: this.#count(metrics['network_tx_bytes']),
      block_read_bytes: this.#count(metrics['block_read_bytes']),
      block_write_bytes: this.#count(metrics['block_write_bytes']),
    };
  }

  #container(value: unknown): ContainerReport {
    const container = this.#fields(value);
    return {
      // The store keeps only valid Unicode: half a surrogate pair would be one id in memory and another on disk.
      containerId: this.#requiredText(container['container_id'], TELEMETRY_LIMITS.maxContainerId).toWellFormed(),
      identity: {
        name: this.#requiredText(container['name'], TELEMETRY_LIMITS.maxContainerName),
        image: this.#requiredText(container['image'], TELEMETRY_LIMITS.maxImage),
        imageTag: this.#text(container['image_tag'], TELEMETRY_LIMITS.maxImageTag),
        status: this.#text(container['status'], TELEMETRY_LIMITS.maxStatus),
        state: this.#text(container['state'], TELEMETRY_LIMITS.maxState),
        healthStatus: this.#text(container['health_status'], TELEMETRY_LIMITS.maxHealthStatus),
        startedAt: this.#instantText(container['started_at']),
        finishedAt: this.#instantText(container['finished_at']),
        ports: this.#ports(container['ports']),
        labels: this.#labels(container['labels']),
      },
      metrics: this.#containerMetrics(container['metrics']),
    };
  }

  #containers(value: unknown): readonly ContainerReport[] | null {
    if (value === null || value === undefined) return null;
    if (!Array.isArray(value) || value.length > TELEMETRY_LIMITS.maxContainers) return this.#doubt(null);
    const reports = value.map((container) => this.#container(container));
    // The schema's reader decides which report counts for a container that is listed twice.
    return new Set(reports.map((report) => report.containerId)).size === reports.length ? reports : this.#doubt(null);
  }

  tick(value: unknown): Tick {
    const body = this.#fields(value);
    const host = this.#fields(body['host']);
    const recordedAt = body['recorded_at'];
    const recordedAtMs = typeof recordedAt === 'string' ? parseInstant(recordedAt) : undefined;
    return {
      recordedAtMs: recordedAtMs ?? this.#doubt(Number.NaN),
      facts: this.facts(host['facts']),
      agent: this.agent(body['agent']),
      metrics: this.#hostMetrics(host['metrics']),
      containers: this.#containers(body['containers']),
    };
  }
}

/** As {@link readPlainTick}, for what an agent says of itself. */
export function readPlainAgent(agent: unknown): AgentReport | null | undefined {
  const reader = new PlainReader();
  const read = reader.agent(agent);
  return reader.isInDoubt ? undefined : read;
}

/** As {@link readPlainTick}, for the facts of a host. */
export function readPlainFacts(facts: unknown): HostFacts | undefined {
  const reader = new PlainReader();
  const read = reader.facts(facts);
  return reader.isInDoubt ? undefined : read;
}

/** The tick of a parsed body that is plainly valid; undefined where only the schema can decide. */
export function readPlainTick(body: unknown): Tick | undefined {
  const reader = new PlainReader();
  const tick = reader.tick(body);
  return reader.isInDoubt ? undefined : tick;
}
