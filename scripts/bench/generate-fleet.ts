/**
 * Telemetry that behaves like a fleet's, from a seed: what the history benchmark stores. Nothing is constant that is
 * not constant on a real machine.
 *
 * - Load follows the hour and the day of the week; each host has its own level, phase and noise (a first-order
 *   autoregression, so that neighbouring samples resemble each other).
 * - CPU and load have two decimals, as the agent rounds them; memory wanders and is whole megabytes.
 * - Counters grow by a rate times the interval times log-normal noise, in packets or disk blocks, and fall to zero when
 *   their container is recreated or their host reboots (about every 20 days).
 * - Containers come in five kinds (web, database, worker, cache, idle sidecar), live for about four days and are then
 *   replaced under a new id, as by a deployment. A quarter have no memory limit, as Docker's default is.
 * - Posts jitter by some milliseconds; about one in 2,000 is lost, and about once a week a host is silent for an hour.
 */
import type { ContainerMetrics, HostMetrics } from '../../src/domain/telemetry.ts';
import { SeededRandom } from '../../test/domain/seeded-random.ts';

const DAY_MS = 86_400_000;
const PAGE_BYTES = 4096;

/** Adds the normal distribution. */
class Random extends SeededRandom {
  #spare = Number.NaN;

  /** Standard normal (Marsaglia's polar method). */
  normal(): number {
    if (!Number.isNaN(this.#spare)) {
      const value = this.#spare;
      this.#spare = Number.NaN;
      return value;
    }
    for (;;) {
      const a = this.next() * 2 - 1;
      const b = this.next() * 2 - 1;
      const square = a * a + b * b;
      if (square >= 1 || square === 0) continue;
      const factor = Math.sqrt((-2 * Math.log(square)) / square);
      this.#spare = b * factor;
      return a * factor;
    }
  }
}

const hundredths = (value: number): number => Math.round(value * 100) / 100;

interface Kind {
  readonly name: string;
  readonly cpuPercent: number;
  readonly cpuNoise: number;
  readonly memoryMb: number;
  readonly memoryNoiseMb: number;
  /** Bytes a second at the mean of a day. */
  readonly rx: number;
  readonly tx: number;
  readonly read: number;
  readonly write: number;
}

const KINDS: readonly Kind[] = [
  {
    name: 'web',
    cpuPercent: 6,
    cpuNoise: 0.35,
    memoryMb: 320,
    memoryNoiseMb: 3,
    rx: 40_000,
    tx: 160_000,
    read: 40,
    write: 900,
  },
  {
    name: 'db',
    cpuPercent: 11,
    cpuNoise: 0.3,
    memoryMb: 1900,
    memoryNoiseMb: 2,
    rx: 22_000,
    tx: 60_000,
    read: 9_000,
    write: 70_000,
  },
  {
    name: 'worker',
    cpuPercent: 18,
    cpuNoise: 0.8,
    memoryMb: 540,
    memoryNoiseMb: 14,
    rx: 9_000,
    tx: 7_000,
    read: 300,
    write: 4_000,
  },
  {
    name: 'cache',
    cpuPercent: 1.4,
    cpuNoise: 0.25,
    memoryMb: 210,
    memoryNoiseMb: 0.6,
    rx: 15_000,
    tx: 21_000,
    read: 0,
    write: 400,
  },
  {
    name: 'sidecar',
    cpuPercent: 0.08,
    cpuNoise: 0.5,
    memoryMb: 24,
    memoryNoiseMb: 0.15,
    rx: 60,
    tx: 110,
    read: 0,
    write: 0,
  },
];

class Service {
  readonly #kind: Kind;
  readonly #random: Random;
  readonly #level: number;
  readonly #limitMb: number;
  #noise = 0;
  #memoryMb = 0;
  #rx = 0;
  #tx = 0;
  #read = 0;
  #write = 0;
  #endsAtMs = 0;
  /** Rises with every replacement. */
  generation = -1;

  constructor(kind: Kind, random: Random) {
    this.#kind = kind;
    this.#random = random;
    this.#level = Math.exp(random.normal() * 0.5);
    this.#limitMb = random.next() < 0.25 ? 16_000 : 2 ** Math.ceil(Math.log2(kind.memoryMb * this.#level * 1.6));
  }

  get kindName(): string {
    return this.#kind.name;
  }

  sample(atMs: number, intervalMs: number, activity: number): ContainerMetrics {
    const random = this.#random;
    if (atMs >= this.#endsAtMs) this.#replace(atMs);
    const kind = this.#kind;
    this.#noise = this.#noise * 0.8 + random.normal() * kind.cpuNoise * 0.6;
    const busy = activity * this.#level * Math.exp(this.#noise);
    const target = kind.memoryMb * this.#level * (0.9 + 0.1 * activity);
    this.#memoryMb += (target - this.#memoryMb) * 0.01 + random.normal() * kind.memoryNoiseMb;
    const seconds = intervalMs / 1000;
    const grow = (rate: number): number => rate * seconds * busy * Math.exp(random.normal() * 0.25);
    this.#rx += Math.round(grow(kind.rx));
    this.#tx += Math.round(grow(kind.tx));
    if (kind.read > 0 && random.next() < 0.4) this.#read += PAGE_BYTES * Math.round(grow(kind.read * 2.5) / PAGE_BYTES);
    if (kind.write > 0) this.#write += PAGE_BYTES * Math.round(grow(kind.write) / PAGE_BYTES);
    return {
      cpu_percent: hundredths(kind.cpuPercent * busy),
      memory_usage_mb: Math.max(1, Math.round(this.#memoryMb)),
      memory_limit_mb: this.#limitMb,
      network_rx_bytes: this.#rx,
      network_tx_bytes: this.#tx,
      block_read_bytes: this.#read,
      block_write_bytes: this.#write,
    };
  }

  #replace(atMs: number): void {
    // The first generation is found in the middle of its life.
    const share = this.generation < 0 ? this.#random.next() : 1;
    this.generation += 1;
    this.#endsAtMs = atMs - Math.log(1 - this.#random.next() * 0.999) * 4 * DAY_MS * share;
    this.#memoryMb = this.#kind.memoryMb * this.#level * 0.7;
    this.#rx = 0;
    this.#tx = 0;
    this.#read = PAGE_BYTES * Math.round(this.#random.next() * 2_000);
    this.#write = 0;
  }
}

export interface GeneratedTick {
  readonly atMs: number;
  readonly metrics: HostMetrics;
  /** `key` is another one for another container. */
  readonly containers: ReadonlyArray<{
    readonly key: string;
    readonly kind: string;
    readonly metrics: ContainerMetrics;
  }>;
}

export class GeneratedHost {
  readonly #random: Random;
  readonly #services: Service[];
  readonly #intervalMs: number;
  readonly #phase: number;
  readonly #level: number;
  readonly #memoryTotalMb: number;
  readonly #diskTotalGb: number;
  #dueMs: number;
  #silentUntilMs = 0;
  #noise = 0;
  #memoryMb: number;
  #diskGb: number;
  #rx: number;
  #tx: number;

  constructor(seed: number, containers: number, startMs: number, intervalMs: number) {
    this.#random = new Random(seed);
    const random = this.#random;
    this.#services = Array.from({ length: containers }, (_, index) => {
      return new Service(KINDS[index % KINDS.length] ?? { ...(KINDS[0] as Kind) }, random);
    });
    this.#intervalMs = intervalMs;
    this.#dueMs = startMs + Math.floor(random.next() * intervalMs);
    this.#phase = random.next() * 0.6;
    this.#level = Math.exp(random.normal() * 0.4);
    this.#memoryTotalMb = [7_950, 15_990, 32_086, 64_300][Math.floor(random.next() * 4)] ?? 15_990;
    this.#diskTotalGb = [98, 196, 491, 983][Math.floor(random.next() * 4)] ?? 196;
    this.#memoryMb = this.#memoryTotalMb * 0.5;
    this.#diskGb = this.#diskTotalGb * (0.3 + random.next() * 0.3);
    this.#rx = Math.floor(random.next() * 1e11);
    this.#tx = Math.floor(random.next() * 1e11);
  }

  /** From 0.4 in the small hours of a Sunday to about 1.8 at noon of a weekday. */
  #activityAt(ms: number): number {
    const hour = ((ms % DAY_MS) / DAY_MS) * 2 * Math.PI;
    const day = new Date(ms).getUTCDay();
    const weekend = day === 0 || day === 6 ? 0.65 : 1;
    return weekend * (1 + 0.6 * Math.sin(hour - Math.PI / 2 + this.#phase) + 0.15 * Math.sin(2 * hour));
  }

  /** The next tick; the generator never ends. */
  next(): GeneratedTick {
    const random = this.#random;
    for (;;) {
      const atMs = this.#dueMs + Math.floor(Math.abs(random.normal()) * 4);
      this.#dueMs += this.#intervalMs;
      const tick = this.#sample(atMs);
      if (random.next() < this.#intervalMs / (7 * DAY_MS)) this.#silentUntilMs = atMs + 3_600_000;
      if (atMs >= this.#silentUntilMs && random.next() >= 0.0005) return tick;
    }
  }

  #sample(atMs: number): GeneratedTick {
    const random = this.#random;
    const activity = this.#activityAt(atMs);
    this.#noise = this.#noise * 0.85 + random.normal() * 0.12;
    const cpu = Math.min(100, 14 * this.#level * activity * Math.exp(this.#noise));
    this.#memoryMb += (this.#memoryTotalMb * (0.4 + 0.15 * activity) - this.#memoryMb) * 0.004 + random.normal() * 9;
    this.#diskGb = Math.min(this.#diskTotalGb * 0.95, this.#diskGb + (random.next() < 0.0004 ? 1 : 0));
    if (random.next() < this.#intervalMs / (20 * DAY_MS)) {
      this.#rx = 0;
      this.#tx = 0;
    }
    const seconds = this.#intervalMs / 1000;
    this.#rx += Math.round(300_000 * this.#level * activity * seconds * Math.exp(random.normal() * 0.2));
    this.#tx += Math.round(900_000 * this.#level * activity * seconds * Math.exp(random.normal() * 0.2));
    return {
      atMs,
      metrics: {
        cpu_percent: hundredths(cpu),
        load_average: hundredths((cpu / 100) * 8 * Math.exp(random.normal() * 0.1)),
        memory_used_mb: Math.round(this.#memoryMb),
        memory_total_mb: this.#memoryTotalMb,
        disk_used_gb: Math.round(this.#diskGb),
        disk_total_gb: this.#diskTotalGb,
        network_rx_bytes: this.#rx,
        network_tx_bytes: this.#tx,
      },
      containers: this.#services.map((service, index) => {
        const metrics = service.sample(atMs, this.#intervalMs, activity);
        return { key: `${index}-${service.generation}`, kind: service.kindName, metrics };
      }),
    };
  }
}
