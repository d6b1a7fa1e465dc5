/** Prometheus figures. Cardinality is bounded by the routes, the status codes and the hosts. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { HOST_STATUSES, type Host } from '../domain/host.ts';
import type { Queries } from '../domain/ports.ts';

const BYTES_PER_MB = 1024 * 1024;
const GB = 1024 * BYTES_PER_MB;

interface HostGauge {
  readonly gauge: Gauge<'host'>;
  readonly read: (host: Host) => number | null;
}

export class HttpMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<'route' | 'code'>;
  readonly #rejections: Counter;
  readonly #ingestSeconds: Histogram<'route'>;
  readonly #inboxDepth: Gauge;
  readonly #hostsByStatus: Gauge<'status'>;
  readonly #hostGauges: readonly HostGauge[];
  readonly #queries: Queries;

  constructor(queries: Queries) {
    this.#queries = queries;
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#requests = new Counter({
      name: 'nexus_http_requests_total',
      help: 'Answers by route and status code.',
      labelNames: ['route', 'code'],
      registers,
    });
    this.#rejections = new Counter({
      name: 'nexus_identity_rejections_total',
      help: 'Requests whose identity was missing, unknown, expired or revoked.',
      registers,
    });
    this.#ingestSeconds = new Histogram({
      name: 'nexus_ingest_seconds',
      help: 'From the arrival of an agent request to its durable answer.',
      labelNames: ['route'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    });
    this.#inboxDepth = new Gauge({
      name: 'nexus_inbox_depth',
      help: 'Commands that wait for the single writer.',
      registers,
    });
    new Gauge({ name: 'nexus_inbox_limit', help: 'Commands that may wait.', registers }).set(queries.queue().limit);
    this.#hostsByStatus = new Gauge({
      name: 'nexus_hosts',
      help: 'Hosts by status.',
      labelNames: ['status'],
      registers,
    });
    this.#hostGauges = [
      this.#hostGauge('nexus_host_up', '1 while the server hears from the host.', (host) =>
        host.status === 'online' ? 1 : 0,
      ),
      this.#hostGauge('nexus_host_cpu_percent', 'CPU use, 0–100.', (host) => host.metrics?.cpu_percent ?? null),
      this.#hostGauge('nexus_host_memory_used_bytes', 'Memory in use: total minus available.', (host) =>
        toBytes(host.metrics?.memory_used_mb),
      ),
      this.#hostGauge('nexus_host_memory_total_bytes', 'Memory of the host.', (host) =>
        toBytes(host.metrics?.memory_total_mb),
      ),
      this.#hostGauge(
        'nexus_host_load_average',
        'Load average over one minute.',
        (host) => host.metrics?.load_average ?? null,
      ),
      this.#hostGauge('nexus_host_disk_used_bytes', 'Disk space in use.', (host) =>
        toBytes(host.metrics?.disk_used_gb, GB),
      ),
      this.#hostGauge('nexus_host_disk_total_bytes', 'Disk space of the host.', (host) =>
        toBytes(host.metrics?.disk_total_gb, GB),
      ),
      this.#hostGauge('nexus_host_containers', 'Containers in the latest report.', (host) => host.containerCount),
      this.#hostGauge('nexus_host_last_seen_timestamp_seconds', 'When the host was last heard from.', (host) =>
        host.lastSeenAtMs === null ? null : host.lastSeenAtMs / 1000,
      ),
    ];
  }

  #hostGauge(name: string, help: string, read: (host: Host) => number | null): HostGauge {
    const gauge = new Gauge({ name, help, labelNames: ['host'], registers: [this.#registry] });
    return { gauge, read };
  }

  /** One look at the fleet for one scrape. */
  #readFleet(): void {
    const hosts = this.#queries.hosts({ after: null, limit: Number.MAX_SAFE_INTEGER });
    const counts = new Map(HOST_STATUSES.map((status) => [status, 0]));
    for (const host of hosts) counts.set(host.status, (counts.get(host.status) ?? 0) + 1);
    for (const [status, count] of counts) this.#hostsByStatus.set({ status }, count);
    const active = hosts.filter((host) => host.status !== 'archived');
    for (const { gauge, read } of this.#hostGauges) {
      gauge.reset();
      for (const host of active) {
        const value = read(host);
        if (value !== null) gauge.set({ host: host.name }, value);
      }
    }
    this.#inboxDepth.set(this.#queries.queue().depth);
  }

  answered(route: string, code: number): void {
    this.#requests.inc({ route, code: String(code) });
  }

  rejected(): void {
    this.#rejections.inc();
  }

  ingested(route: string, seconds: number): void {
    this.#ingestSeconds.observe({ route }, seconds);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  render(): Promise<string> {
    this.#readFleet();
    return this.#registry.metrics();
  }
}

function toBytes(amount: number | null | undefined, unit = BYTES_PER_MB): number | null {
  return amount === null || amount === undefined ? null : amount * unit;
}
