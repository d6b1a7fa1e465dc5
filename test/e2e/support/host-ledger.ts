/** What a host was told about its ticks, and whether its history agrees. */
import assert from 'node:assert/strict';
import type { NexusClient } from '../../../src/client/nexus-client.ts';
import { formatInstant } from '../../../src/domain/instant.ts';
import type { TelemetryBody } from '../../../src/wire/telemetry.ts';

export interface LedgerTick {
  readonly recordedAtMs: number;
  /** Stands in the tick's numbers, so that a tick stored under another's time would show. */
  readonly mark: number;
  /** How many containers it reports; null: it says nothing of containers. */
  readonly containers: number | null;
  /** A 204 came for it. */
  acknowledged: boolean;
  /** A request with it ended without an answer: it may be stored or not. */
  doubtful: boolean;
}

/** How one request ended: `refused` is a 503, so nothing was taken; `unanswered`: the connection broke. */
export type Outcome = 'acknowledged' | 'refused' | 'unanswered';

const BACK_FILL_AGE_MS = 3 * 86_400_000;
/** Below the limit of one history answer, whatever lies between two ticks that are known. */
const TICKS_PER_QUERY = 4_000;
const CONTAINER_LIMIT_MB = 512;

export class HostLedger {
  readonly name: string;
  readonly token: string;
  readonly #ticks = new Map<number, LedgerTick>();
  /** Ticks that travelled together and whose request got no answer: all of them are stored, or none. */
  #doubtfulBatches: LedgerTick[][] = [];
  #newestMs = 0;
  #newestBackFilledMs = Date.now() - BACK_FILL_AGE_MS;
  #marks = 0;
  #acknowledgedCount = 0;
  /** Ticks made since the last verification. */
  #fresh: LedgerTick[] = [];

  constructor(name: string, token: string) {
    this.name = name;
    this.token = token;
  }

  #note(recordedAtMs: number, containers: number | null): LedgerTick {
    this.#marks += 1;
    const tick = { recordedAtMs, mark: this.#marks, containers, acknowledged: false, doubtful: false };
    this.#ticks.set(recordedAtMs, tick);
    this.#fresh.push(tick);
    return tick;
  }

  /** A tick of now, newer than all before. */
  nextTick(containers: number | null): LedgerTick {
    this.#newestMs = Math.max(this.#newestMs + 1, Date.now());
    return this.#note(this.#newestMs, containers);
  }

  /** A tick of days ago, newer than all back-filled before. */
  nextBackFill(containers: number | null): LedgerTick {
    this.#newestBackFilledMs += 1_000;
    return this.#note(this.#newestBackFilledMs, containers);
  }

  /** Enters how a request that carried these ticks ended. */
  settle(ticks: readonly LedgerTick[], outcome: Outcome): void {
    if (outcome === 'refused') return;
    for (const tick of ticks) {
      if (outcome === 'acknowledged') this.#acknowledge(tick);
      else tick.doubtful = true;
    }
    if (outcome === 'unanswered' && ticks.length > 1) this.#doubtfulBatches.push([...ticks]);
  }

  #acknowledge(tick: LedgerTick): void {
    if (!tick.acknowledged) this.#acknowledgedCount += 1;
    tick.acknowledged = true;
  }

  /** Ticks whose sender would send them again. */
  unsettled(): LedgerTick[] {
    return [...this.#ticks.values()].filter((tick) => !tick.acknowledged);
  }

  /** Live ticks that got their 204, oldest first. */
  acknowledgedLive(): LedgerTick[] {
    return [...this.#ticks.values()].filter((tick) => tick.acknowledged && !this.isBackFill(tick));
  }

  isBackFill(tick: LedgerTick): boolean {
    return tick.recordedAtMs <= this.#newestBackFilledMs;
  }

  get acknowledgedCount(): number {
    return this.#acknowledgedCount;
  }

  /** Compares what was made since the last verification with the history of the server. */
  async verifyFresh(operator: NexusClient): Promise<void> {
    const fresh = this.#fresh;
    this.#fresh = [];
    const backFilled = fresh.filter((tick) => this.isBackFill(tick));
    const live = fresh.filter((tick) => !this.isBackFill(tick));
    for (const ticks of [backFilled, live]) {
      const [first, last] = [ticks[0], ticks.at(-1)];
      if (first !== undefined && last !== undefined) {
        await this.#verifySpan(operator, ticks, first.recordedAtMs, last.recordedAtMs);
      }
    }
    this.#forgetBatches();
  }

  /** From now on their ticks may be sent again one by one, and be stored in part. */
  #forgetBatches(): void {
    this.#doubtfulBatches = [];
  }

  /** Compares everything: the history holds the acknowledged ticks, each once, and nothing that was never sent. */
  async verifyAll(operator: NexusClient): Promise<void> {
    const ticks = [...this.#ticks.values()].sort((a, b) => a.recordedAtMs - b.recordedAtMs);
    const dayMs = 86_400_000;
    let fromMs = Date.now() - 30 * dayMs;
    for (let start = 0; start < ticks.length; start += TICKS_PER_QUERY) {
      const some = ticks.slice(start, start + TICKS_PER_QUERY);
      const isLast = start + TICKS_PER_QUERY >= ticks.length;
      const toMs = isLast ? Date.now() + dayMs : (some.at(-1)?.recordedAtMs ?? fromMs);
      await this.#verifySpan(operator, some, fromMs, toMs);
      fromMs = toMs + 1;
    }
    this.#fresh = [];
    this.#forgetBatches();
  }

  async #verifySpan(operator: NexusClient, ticks: readonly LedgerTick[], fromMs: number, toMs: number): Promise<void> {
    const span = { from: formatInstant(fromMs), to: formatInstant(toMs) };
    const { points } = await operator.hostHistory(this.name, span);
    const stored = this.#requireOnce(points, ticks, (point) => point.memory_used_mb);
    for (const batch of this.#doubtfulBatches) {
      const inSpan = batch.filter((tick) => tick.recordedAtMs >= fromMs && tick.recordedAtMs <= toMs);
      const missing = inSpan.filter((tick) => !stored.has(tick.recordedAtMs));
      assert.ok(
        missing.length === 0 || missing.length === inSpan.length,
        `${this.name}: a batch of ${batch.length} is stored in part (${missing.length} missing)`,
      );
    }
    const withContainers = ticks.filter((tick) => (tick.containers ?? 0) > 0);
    if (!withContainers.some((tick) => tick.acknowledged)) return;
    const containers = await operator.containerHistory(this.name, containerId(0), span);
    this.#requireOnce(containers.points, withContainers, (point) => point.memory_usage_mb);
  }

  /** Every acknowledged one of `ticks` is among the points, each at most once, and nothing else is. */
  #requireOnce<P extends { readonly recorded_at: string }>(
    points: readonly P[],
    ticks: readonly LedgerTick[],
    markOf: (point: P) => number | null,
  ): ReadonlySet<number> {
    const stored = new Set<number>();
    for (const point of points) {
      const recordedAtMs = Date.parse(point.recorded_at);
      assert.ok(!stored.has(recordedAtMs), `${this.name}: ${point.recorded_at} is stored twice`);
      stored.add(recordedAtMs);
      const tick = this.#ticks.get(recordedAtMs);
      assert.ok(tick !== undefined, `${this.name}: ${point.recorded_at} is stored and was never sent`);
      assert.ok(
        tick.acknowledged || tick.doubtful,
        `${this.name}: ${point.recorded_at} is stored although every request with it was refused`,
      );
      assert.equal(markOf(point), tick.mark, `${this.name}: ${point.recorded_at} holds another tick's numbers`);
    }
    const lost = ticks.filter((tick) => tick.acknowledged && !stored.has(tick.recordedAtMs));
    assert.deepEqual(
      lost.map((tick) => formatInstant(tick.recordedAtMs)),
      [],
      `${this.name}: acknowledged ticks are lost`,
    );
    return stored;
  }
}

function containerId(index: number): string {
  return `c${index}`.padEnd(64, '0');
}

/** The telemetry body of a tick. */
export function bodyOf(tick: LedgerTick): TelemetryBody {
  const { mark } = tick;
  const containers = Array.from({ length: tick.containers ?? 0 }, (_, index) => ({
    container_id: containerId(index),
    name: `service-${index}`,
    image: 'registry.example/service',
    image_tag: '1.4.2',
    status: 'running',
    state: 'running',
    health_status: 'healthy',
    started_at: '2026-01-31T12:00:00Z',
    ports: ['8080/tcp'],
    labels: { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': `service-${index}` },
    metrics: {
      cpu_percent: mark % 400,
      memory_usage_mb: mark,
      memory_limit_mb: CONTAINER_LIMIT_MB,
      network_rx_bytes: mark * 1_000,
      network_tx_bytes: mark * 2_000,
      block_read_bytes: mark * 3_000,
      block_write_bytes: mark * 4_000,
    },
  }));
  return {
    recorded_at: formatInstant(tick.recordedAtMs),
    host: {
      metrics: { cpu_percent: mark % 100, load_average: mark / 100, memory_used_mb: mark, network_rx_bytes: mark * 10 },
      facts: { cpu_count: 4, os: 'Debian GNU/Linux 13', docker_version: '28.0.1' },
    },
    ...(tick.containers === null ? {} : { containers }),
  };
}
