/**
 * The vocabulary of telemetry. A metric's name is data: it has one spelling on the wire, in the store, in Prometheus
 * and in code. The order of these tables is the order of the stored columns, so they only ever grow at the end.
 */
export const HOST_METRICS = [
  'cpu_percent',
  'load_average',
  'memory_used_mb',
  'memory_total_mb',
  'disk_used_gb',
  'disk_total_gb',
  'network_rx_bytes',
  'network_tx_bytes',
] as const;

export const CONTAINER_METRICS = [
  'cpu_percent',
  'memory_usage_mb',
  'memory_limit_mb',
  'network_rx_bytes',
  'network_tx_bytes',
  'block_read_bytes',
  'block_write_bytes',
] as const;

/** Metrics that only ever rise until they reset (a reboot, a recreated container); every other one is a gauge. */
export const COUNTER_METRICS: ReadonlySet<string> = new Set([
  'network_rx_bytes',
  'network_tx_bytes',
  'block_read_bytes',
  'block_write_bytes',
]);

export type HostMetricName = (typeof HOST_METRICS)[number];
export type ContainerMetricName = (typeof CONTAINER_METRICS)[number];
/** Null: not measured. */
export type HostMetrics = Record<HostMetricName, number | null>;
export type ContainerMetrics = Record<ContainerMetricName, number | null>;

export interface HostFacts {
  readonly cpuCount: number | null;
  readonly memoryTotalMb: number | null;
  readonly diskTotalGb: number | null;
  readonly os: string | null;
  readonly dockerVersion: string | null;
}

export const NO_FACTS: HostFacts = {
  cpuCount: null,
  memoryTotalMb: null,
  diskTotalGb: null,
  os: null,
  dockerVersion: null,
};

/** What an agent is and can do, as it says of itself. Null: it does not say. */
export interface AgentFacts {
  readonly version: string | null;
  /** Words such as `rollouts`: what it has been started for. */
  readonly capabilities: readonly string[];
  /** Null: the host has no Docker Compose. */
  readonly composeVersion: string | null;
  /** Changes with every boot of the host. */
  readonly bootId: string | null;
}

export interface AgentReport extends AgentFacts {
  /** The highest epoch that it has taken up, by stack. */
  readonly epochs: Readonly<Record<string, number>>;
}

/** What a container is, as opposed to how it does: written only when it changes. */
export interface ContainerIdentity {
  readonly name: string;
  readonly image: string;
  readonly imageTag: string | null;
  readonly status: string | null;
  readonly state: string | null;
  readonly healthStatus: string | null;
  /** ISO 8601, as the engine wrote it. */
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly ports: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface ContainerReport {
  /** The engine's id; unique on its host only. */
  readonly containerId: string;
  readonly identity: ContainerIdentity;
  readonly metrics: ContainerMetrics;
}

/** One telemetry body, validated. */
export interface Tick {
  readonly recordedAtMs: number;
  readonly facts: HostFacts;
  /** Null: the agent says nothing of itself. */
  readonly agent: AgentReport | null;
  readonly metrics: HostMetrics;
  /** Null: this tick says nothing of containers. Empty: the host has none. */
  readonly containers: readonly ContainerReport[] | null;
}

/** A validated tick in the form in which its numbers are stored. */
export interface PackedTick {
  readonly recordedAtMs: number;
  readonly facts: HostFacts;
  readonly agent: AgentReport | null;
  /** The host's numbers, as `telemetry/sample-codec` writes them. */
  readonly host: Uint8Array;
  /** Null: this tick says nothing of containers. */
  readonly containers: PackedContainers | null;
}

export interface PackedContainers {
  /** Equal fingerprints: the same containers in the same order, and nothing of what they are has changed. */
  readonly fingerprint: string;
  readonly count: number;
  /** Their numbers in that order, as `telemetry/sample-codec` writes them. */
  readonly blocks: Uint8Array;
}

/** A tick as the writer takes it: most differ from the one before only in their numbers, so the rest stays packed. */
export interface ReportedTick extends PackedTick {
  reports(): readonly ContainerReport[];
}

/** Memory used as a share of its limit, 0–100 and beyond; null without both. */
export function memoryPercent(metrics: ContainerMetrics): number | null {
  const { memory_usage_mb: usage, memory_limit_mb: limit } = metrics;
  if (usage === null || limit === null || limit === 0) return null;
  return (usage / limit) * 100;
}

/** While a stack is in its soak, its host is sampled this often, whatever its interval is otherwise. */
export const SOAK_INTERVAL_MS = 5_000;
/** Ticks that a host with a stack in its soak may send in any 60 s besides, however low the limit of its token is. */
export const SOAK_TICKS_PER_MINUTE = 15;

/** Requests that one agent token may send in any 60 s, unless the server is told otherwise. */
export const DEFAULT_AGENT_RATE_LIMIT = 60;

/** Limits of what an agent posts. Texts are counted in UTF-16 code units; the agent cuts what is longer. */
export const TELEMETRY_LIMITS = {
  maxCpuCount: 1_024,
  maxOs: 80,
  maxDockerVersion: 32,
  /** Of an agent: its version, that of Compose, the id of the boot, and each of its capabilities. */
  maxAgentText: 64,
  maxCapabilities: 32,
  maxEpochs: 500,
  maxContainerId: 80,
  maxContainerName: 255,
  maxImage: 255,
  maxImageTag: 128,
  maxStatus: 32,
  maxState: 32,
  maxHealthStatus: 16,
  maxContainers: 500,
  maxBatchTicks: 100,
  maxAgeMs: 3_600_000,
  maxBatchAgeMs: 7 * 86_400_000,
  maxAheadMs: 300_000,
} as const;
