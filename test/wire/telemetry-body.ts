/** Telemetry bodies as an agent sends them: a complete one, and ways to bend it. */
import { invariant } from '../../src/domain/errors.ts';

export type JsonObject = { [key: string]: unknown };

/** A container with every field filled in. */
export function containerBody(fields: JsonObject = {}): JsonObject {
  return {
    container_id: 'c0ffee',
    name: 'shop-web-1',
    image: 'nginx',
    image_tag: '1.27',
    status: 'Up 2 hours',
    state: 'running',
    health_status: 'healthy',
    started_at: '2026-03-01T10:00:00.123456789Z',
    finished_at: null,
    ports: ['0.0.0.0:8080->80/tcp'],
    labels: { 'com.docker.compose.project': 'shop' },
    metrics: {
      cpu_percent: 12.5,
      memory_usage_mb: 256,
      memory_limit_mb: 1024,
      network_rx_bytes: 1000,
      network_tx_bytes: 2000,
      block_read_bytes: 3000,
      block_write_bytes: 4000,
    },
    ...fields,
  };
}

/** A tick with every field filled in and one container, recorded at noon of 1 March 2026 unless told otherwise. */
export function telemetryBody(fields: JsonObject = {}): JsonObject {
  return {
    recorded_at: '2026-03-01T12:00:00Z',
    host: {
      metrics: {
        cpu_percent: 37.25,
        load_average: 1.5,
        memory_used_mb: 2048,
        memory_total_mb: 8192,
        disk_used_gb: 40,
        disk_total_gb: 100,
        network_rx_bytes: 123456789,
        network_tx_bytes: 987654321,
      },
      facts: {
        cpu_count: 4,
        memory_total_mb: 8192,
        disk_total_gb: 100,
        os: 'Debian GNU/Linux 13',
        docker_version: '29.1.0',
      },
    },
    agent: {
      version: '1.2.0',
      capabilities: ['rollouts', 'logs'],
      compose_version: '2.40.0',
      boot_id: '3f1c',
      epochs: { shop: 7, 'mail-2': 0 },
    },
    containers: [containerBody()],
    ...fields,
  };
}

/** A tick that says the least a tick can say. */
export function bareTick(recordedAt: string, fields: JsonObject = {}): JsonObject {
  return { recorded_at: recordedAt, host: { metrics: {} }, ...fields };
}

function isTree(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null;
}

/** A copy of `body` with the field at a dotted path (`containers.0.name`) replaced; `undefined` takes it away. */
export function withField(body: JsonObject, path: string, value: unknown): JsonObject {
  const copy: JsonObject = structuredClone(body);
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  let parent = copy;
  for (const key of keys) {
    const child = parent[key];
    invariant(isTree(child), `${path} has the parent ${key}`);
    parent = child;
  }
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return copy;
}
