/** Prometheus figures. Cardinality is bounded by the routes, the status codes and the hosts. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Clock } from '../domain/clock.ts';
import type { Feed } from '../domain/feed.ts';
import { FORWARDING_OUTCOMES, type ForwardingFigures } from '../domain/figures.ts';
import { HOST_STATUSES, type Host } from '../domain/host.ts';
import type { FleetQueries } from '../domain/ports.ts';

const BYTES_PER_MB = 1024 * 1024;
const GB = 1024 * BYTES_PER_MB;

interface HostFigure {
  readonly metric: Gauge<'host'> | Counter<'host'>;
  readonly read: (host: Host) => number | null;
}

export class HttpMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<'route' | 'code'>;
  readonly #rejections: Counter;
  readonly #ingestSeconds: Histogram<'route'>;
  readonly #inboxDepth: Gauge;
  readonly #hostsByStatus: Gauge<'status'>;
  readonly #hostFigures: readonly HostFigure[];
  readonly #queries: FleetQueries;
  /** What is done before each scrape. */
  readonly #readings: Array<() => void> = [];

  /** `forwarding`: undefined when nothing is forwarded; then its metrics are absent. */
  constructor(queries: FleetQueries, feed: Feed, clock: Clock, forwarding: (() => ForwardingFigures) | undefined) {
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
    this.#hostFigures = [
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
      this.#hostCounter(
        'nexus_host_network_receive_bytes_total',
        'Bytes received.',
        (host) => host.metrics?.network_rx_bytes ?? null,
      ),
      this.#hostCounter(
        'nexus_host_network_transmit_bytes_total',
        'Bytes sent.',
        (host) => host.metrics?.network_tx_bytes ?? null,
      ),
    ];
    this.#addMetrics(
      () => this.#queries.stalledRollouts(),
      [['nexus_rollouts_stalled', 'Rollouts that wait for a lost host.', (stalled) => stalled]],
    );
    this.#addHistoryMetrics();
    this.#tellOfFeed(feed);
    if (forwarding !== undefined) this.#addForwardingMetrics(clock, forwarding);
  }

  #tellOfFeed(feed: Feed): void {
    const labelNames = ['name'] as const;
    const registers = [this.#registry];
    const cursors = new Gauge({
      name: 'nexus_feed_cursors',
      help: 'Readers that follow the log.',
      labelNames,
      registers,
    });
    const lag = new Gauge({
      name: 'nexus_feed_lag_entries',
      help: 'Entries of the log that the slowest reader has not been handed.',
      labelNames,
      registers,
    });
    this.#readings.push(() => {
      cursors.reset();
      lag.reset();
      for (const [name, figures] of feed.figures()) {
        cursors.set({ name }, figures.cursors);
        lag.set({ name }, figures.lag);
      }
    });
  }

  #addHistoryMetrics(): void {
    this.#addMetrics(
      () => this.#queries.compaction(),
      [
        ['nexus_compaction_ticks_total', 'Ticks taken from rows into chunks.', ({ ticks }) => ticks],
        ['nexus_compaction_chunks_total', 'Chunks of history written.', ({ chunks }) => chunks],
        [
          'nexus_compaction_deletions_total',
          'Chunks past their time that were deleted or left without values.',
          ({ deletions }) => deletions,
        ],
        ['nexus_compaction_seconds_total', 'Time spent on ageing history.', ({ seconds }) => seconds],
        [
          'nexus_compaction_failures_total',
          'Pieces of compaction that were undone, to be tried again.',
          ({ failures }) => failures,
        ],
      ],
    );
    this.#addMetrics(
      () => this.#queries.storeSize(),
      [
        ['nexus_store_file_bytes', 'Size of the database.', ({ fileBytes }) => fileBytes],
        ['nexus_store_unused_bytes', 'Of the database: free for what comes next.', ({ unusedBytes }) => unusedBytes],
        ['nexus_store_log_bytes', 'Size of the write-ahead log.', ({ logBytes }) => logBytes],
      ],
    );
  }

  #addForwardingMetrics(clock: Clock, forwarding: () => ForwardingFigures): void {
    const requests = new Counter({
      name: 'nexus_remote_write_requests_total',
      help: 'Requests to the remote store: sent; failed, to be tried again; refused or dropped, which are lost.',
      labelNames: ['outcome'],
      registers: [this.#registry],
    });
    const read = () => {
      const { requests: counts, backlog } = forwarding();
      requests.reset();
      for (const outcome of FORWARDING_OUTCOMES) requests.inc({ outcome }, counts[outcome]);
      return backlog;
    };
    this.#addMetrics(read, [
      ['nexus_remote_write_queue_requests', 'Requests put off.', (backlog) => backlog.requests],
      ['nexus_remote_write_queue_bytes', 'Size of the requests put off.', (backlog) => backlog.requestBytes],
      ['nexus_remote_write_waiting_ticks', 'Ticks not sent and not put off.', (backlog) => backlog.ticks],
      [
        'nexus_remote_write_lag_seconds',
        'For how long the oldest of what waits has waited.',
        ({ oldestAtMs }) => (oldestAtMs === null ? 0 : Math.max(0, clock.nowMs() - oldestAtMs) / 1000),
      ],
    ]);
  }

  /** Counters where the name ends in `_total`, else gauges, of one source that is read once for each scrape. */
  #addMetrics<S>(
    source: () => S,
    figures: ReadonlyArray<readonly [name: string, help: string, read: (source: S) => number]>,
  ): void {
    const registers = [this.#registry];
    const metrics = figures.map(([name, help, read]) => {
      const metric = name.endsWith('_total')
        ? new Counter({ name, help, registers })
        : new Gauge({ name, help, registers });
      return { metric, read };
    });
    this.#readings.push(() => {
      const now = source();
      for (const { metric, read } of metrics) {
        metric.reset();
        metric.inc(read(now));
      }
    });
  }

  #hostGauge(name: string, help: string, read: HostFigure['read']): HostFigure {
    return { metric: new Gauge({ name, help, labelNames: ['host'], registers: [this.#registry] }), read };
  }

  /** What the host itself counts: a reboot sets it back, as Prometheus allows for. */
  #hostCounter(name: string, help: string, read: HostFigure['read']): HostFigure {
    return { metric: new Counter({ name, help, labelNames: ['host'], registers: [this.#registry] }), read };
  }

  /** Read once for each scrape. */
  async #readFleet(): Promise<void> {
    const hosts = await this.#queries.hosts({ after: null, limit: Number.MAX_SAFE_INTEGER });
    const counts = new Map(HOST_STATUSES.map((status) => [status, 0]));
    for (const host of hosts) counts.set(host.status, (counts.get(host.status) ?? 0) + 1);
    for (const [status, count] of counts) this.#hostsByStatus.set({ status }, count);
    const active = hosts.filter((host) => host.status !== 'archived');
    for (const { metric, read } of this.#hostFigures) {
      metric.reset();
      for (const host of active) {
        const value = read(host);
        if (value !== null) metric.inc({ host: host.name }, value);
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

  async render(): Promise<string> {
    await this.#readFleet();
    for (const read of this.#readings) read();
    return this.#registry.metrics();
  }
}

function toBytes(amount: number | null | undefined, unit = BYTES_PER_MB): number | null {
  return amount === null || amount === undefined ? null : amount * unit;
}
