/** Telemetry as agents post it: every host its own containers, every post its own time and numbers. */

/** The same in every run, so that runs can be compared. */
function* numbersFrom(seed: number): Generator<number, never> {
  let state = seed;
  for (;;) {
    // Park and Miller's generator.
    state = (state * 48_271) % 2_147_483_647;
    yield state;
  }
}

interface Container {
  readonly name: string;
  readonly metrics: Readonly<Record<string, number>>;
}

/** A body without its time. */
export interface Telemetry {
  readonly host: { readonly metrics: Readonly<Record<string, number>>; readonly facts: object };
  readonly containers: readonly Container[];
}

function container(host: number, index: number, numbers: Iterator<number>): Container & Record<string, unknown> {
  const below = (limit: number): number => numbers.next().value % limit;
  const service = ['web', 'api', 'worker', 'db', 'cache'][index % 5];
  const hex = (host * 1000 + index).toString(16).padStart(8, '0');
  return {
    container_id: hex.repeat(8),
    name: `shop-${service}-${index}`,
    image: `registry.example.org/shop/${service}`,
    image_tag: '2026.11.3',
    status: 'Up 3 days (healthy)',
    state: 'running',
    health_status: 'healthy',
    started_at: '2026-11-18T04:12:33.123456789Z',
    finished_at: null,
    ports: [`0.0.0.0:${8000 + index}->80/tcp`],
    labels: {
      'com.docker.compose.project': 'shop',
      'com.docker.compose.service': service,
      'com.docker.compose.container-number': String(index),
    },
    metrics: {
      cpu_percent: below(20_000) / 100,
      memory_usage_mb: below(2048),
      memory_limit_mb: 2048,
      network_rx_bytes: below(2_000_000_000),
      network_tx_bytes: below(2_000_000_000),
      block_read_bytes: below(2_000_000_000),
      block_write_bytes: below(2_000_000_000),
    },
  };
}

export function telemetryOf(host: number, variant: number, containerCount: number): Telemetry {
  const numbers = numbersFrom(1 + host * 16 + variant);
  const below = (limit: number): number => numbers.next().value % limit;
  const metrics = {
    cpu_percent: below(10_000) / 100,
    load_average: below(800) / 100,
    memory_used_mb: below(8192),
    memory_total_mb: 8192,
    disk_used_gb: below(200),
    disk_total_gb: 200,
    network_rx_bytes: below(2_000_000_000),
    network_tx_bytes: below(2_000_000_000),
  };
  const facts = {
    cpu_count: 4,
    memory_total_mb: 8192,
    disk_total_gb: 200,
    os: 'Debian GNU/Linux 13',
    docker_version: '29.1.0',
  };
  const containers = Array.from({ length: containerCount }, (_, index) => container(host, index, numbers));
  return { host: { metrics, facts }, containers };
}
