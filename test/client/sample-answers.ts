import type { ContainerBody, HostBody, TokenBody } from '../../src/wire/operator.ts';

/** A host as the API answers it, all of it measured. */
export function sampleHost(changes: Partial<HostBody> = {}): HostBody {
  return {
    name: 'web-1',
    status: 'online',
    labels: { role: 'web' },
    last_seen_at: '2026-05-01T11:59:48.000Z',
    clock_skew_ms: 12,
    created_at: '2026-04-01T12:00:00.000Z',
    archived_at: null,
    offline_after_seconds: 120,
    facts: {
      cpu_count: 4,
      memory_total_mb: 4096,
      disk_total_gb: 40,
      os: 'Debian GNU/Linux 12',
      docker_version: '26.1.5',
    },
    agent: { version: '1.0.0', capabilities: ['rollouts'], compose_version: '2.40.0', boot_id: 'b-1' },
    metrics: {
      cpu_percent: 12.34,
      load_average: 0.5,
      memory_used_mb: 1024,
      memory_total_mb: 4096,
      disk_used_gb: 10,
      disk_total_gb: 40,
      network_rx_bytes: 2048,
      network_tx_bytes: 512,
    },
    container_count: 1,
    ...changes,
  };
}

/** A host that was added and has not reported yet. */
export function pendingHost(name: string): HostBody {
  return sampleHost({
    name,
    status: 'pending',
    labels: {},
    last_seen_at: null,
    clock_skew_ms: null,
    facts: { cpu_count: null, memory_total_mb: null, disk_total_gb: null, os: null, docker_version: null },
    agent: null,
    metrics: null,
    container_count: 0,
  });
}

export function sampleContainer(changes: Partial<ContainerBody> = {}): ContainerBody {
  return {
    container_id: 'f00dfeed0001',
    name: 'shop-web',
    image: 'registry.example/shop',
    image_tag: '1.4',
    status: 'Up 2 hours',
    state: 'running',
    health_status: 'healthy',
    started_at: '2026-05-01T10:00:00.123456789Z',
    finished_at: '0001-01-01T00:00:00Z',
    ports: ['0.0.0.0:80->8080/tcp'],
    labels: {},
    metrics: {
      cpu_percent: 150.4,
      memory_usage_mb: 256,
      memory_limit_mb: 512,
      network_rx_bytes: 1024,
      network_tx_bytes: 0,
      block_read_bytes: null,
      block_write_bytes: null,
      memory_percent: 50,
    },
    last_seen_at: '2026-05-01T11:59:48.000Z',
    removed_at: null,
    ...changes,
  };
}

export function sampleToken(changes: Partial<TokenBody> = {}): TokenBody {
  return {
    id: 'tok_1',
    kind: 'agent',
    scope: null,
    name: 'agent',
    created_at: '2026-04-01T12:00:00.000Z',
    expires_at: null,
    last_used_at: null,
    revoked_at: null,
    ...changes,
  };
}
