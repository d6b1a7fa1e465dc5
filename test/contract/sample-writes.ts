/** Writes for tests of stores: everything that a test does not name is in order. */
import type { LogEvent } from '../../src/domain/event-log.ts';
import type {
  StoredContainer,
  StoredHost,
  StoredQuarantine,
  StoredTick,
  StoredToken,
} from '../../src/domain/records.ts';
import { type ContainerMetrics, type HostMetrics, NO_FACTS } from '../../src/domain/telemetry.ts';
import type { Write } from '../../src/domain/writes.ts';
import { type ContainerSample, encodeSample } from '../../src/telemetry/sample-codec.ts';

/** Noon of 1 March 2026. */
const NOON_MS = Date.UTC(2026, 2, 1, 12);

export function host(id: number, fields: Partial<StoredHost> = {}): StoredHost {
  return {
    id,
    name: `web-${id}`,
    status: 'online',
    labels: { role: 'web', ümläut: '🛒' },
    offlineAfterSeconds: 300,
    createdAtMs: NOON_MS,
    archivedAtMs: null,
    facts: {
      cpuCount: 1024,
      memoryTotalMb: 9_007_199_254_740_991,
      diskTotalGb: 4_503_599_627_370_497,
      os: 'Debian',
      dockerVersion: null,
    },
    agent: { version: '1.2', capabilities: ['rollouts', 'logs'], composeVersion: null, bootId: 'b-1' },
    ...fields,
  };
}

export function insertHosts(...ids: readonly number[]): Write[] {
  return ids.map((id) => ({ kind: 'insert_host', host: host(id, { facts: NO_FACTS, agent: null }) }));
}

export function token(number: number, fields: Partial<StoredToken> = {}): StoredToken {
  return {
    number,
    id: `tok_${number}`,
    kind: 'agent',
    hostId: 1,
    scope: null,
    name: 'agent',
    digest: `digest ${number}`,
    createdAtMs: 1,
    expiresAtMs: 2,
    lastUsedAtMs: null,
    revokedAtMs: null,
    ...fields,
  };
}

export function container(id: number, fields: Partial<StoredContainer> = {}): StoredContainer {
  return {
    id,
    hostId: 1,
    containerId: `container-${id}`,
    identity: {
      name: `name of ${id}`,
      image: 'nginx',
      imageTag: null,
      status: 'Up',
      state: 'running',
      healthStatus: 'healthy',
      startedAt: '2026-03-01T10:00:00Z',
      finishedAt: null,
      ports: ['80/tcp', '443/tcp'],
      labels: { constructor: 'x', '': '' },
    },
    fingerprint: 'f1',
    unhealthy: false,
    lastSeenAtMs: 10,
    missingSinceMs: null,
    removedAtMs: null,
    ...fields,
  };
}

export function ofStack(stack: string): Pick<StoredContainer, 'identity'> {
  const { identity } = container(0);
  return { identity: { ...identity, labels: { 'com.docker.compose.project': stack } } };
}

const NO_METRICS: HostMetrics = {
  cpu_percent: null,
  load_average: null,
  memory_used_mb: null,
  memory_total_mb: null,
  disk_used_gb: null,
  disk_total_gb: null,
  network_rx_bytes: null,
  network_tx_bytes: null,
};

const NO_CONTAINER_METRICS: ContainerMetrics = {
  cpu_percent: null,
  memory_usage_mb: null,
  memory_limit_mb: null,
  network_rx_bytes: null,
  network_tx_bytes: null,
  block_read_bytes: null,
  block_write_bytes: null,
};

export function sampleOf(id: number, metrics: Partial<ContainerMetrics>): ContainerSample {
  return { id, metrics: { ...NO_CONTAINER_METRICS, ...metrics } };
}

/** Null: the tick says nothing of containers. */
export function tick(
  recordedAtMs: number,
  fields: Partial<StoredTick> = {},
  containers: readonly ContainerSample[] | null = null,
): StoredTick {
  const sample = encodeSample({ metrics: { ...NO_METRICS, cpu_percent: recordedAtMs % 100 }, containers });
  return { hostId: 1, recordedAtMs, receivedAtMs: recordedAtMs + 5, tokenNumber: 7, live: true, sample, ...fields };
}

export function insertTicks(...ticks: readonly StoredTick[]): Write[] {
  return ticks.map((one) => ({ kind: 'insert_tick', ...one }));
}

export function entry(id: number, fields: Partial<LogEvent> = {}): LogEvent {
  return {
    id,
    atMs: NOON_MS + id,
    kind: 'host_added',
    host: null,
    rolloutId: null,
    data: { labels: { a: 'ü' } },
    ...fields,
  };
}

/** Stands for the hash of an entry: a store keeps what it is told. */
export function hashOf(id: number): string {
  return id.toString(16).padStart(64, '0');
}

export function append(...entries: readonly LogEvent[]): Write[] {
  return entries.map((one) => ({ kind: 'append_entry', entry: one, hash: hashOf(one.id) }));
}

export function quarantine(id: number, fields: Partial<StoredQuarantine> = {}): StoredQuarantine {
  return {
    id,
    stack: 'shop',
    release: 'sha256:1',
    rolloutId: 'ro_1',
    host: 'web-1',
    failingProbes: ['http', 'ü'],
    output: 'no such image',
    sinceMs: NOON_MS,
    liftedAtMs: null,
    liftedReason: null,
    ...fields,
  };
}
