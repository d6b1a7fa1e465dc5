import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { release } from 'node:os';
import type { Runtime } from '../../../src/domain/runtime.ts';
import { type HostFacts, type HostMetrics, TELEMETRY_LIMITS } from '../../../src/domain/telemetry.ts';
import { finishesWithin } from '../../async/finishes-within.ts';
import { chooseHostInterfaces, parseDefaultRoutes, sumInterfaces } from '../../kernel/choose-interfaces.ts';
import { type CpuTimes, cpuPercentBetween, parseCpuTimes } from '../../kernel/parse-cpu-times.ts';
import { parseMemoryInfo } from '../../kernel/parse-memory-info.ts';
import { parseNetworkCounters } from '../../kernel/parse-network-counters.ts';
import { describeOs, parseOsRelease } from '../../kernel/parse-os-release.ts';
import type { SmallFileReader } from '../../kernel/small-file-reader.ts';
import { megabytes } from './measure-container.ts';

const BYTES_PER_GB = 1_073_741_824;

export interface HostSample {
  readonly metrics: HostMetrics;
  /** Without the engine's version, which the engine follower knows. */
  readonly facts: Omit<HostFacts, 'dockerVersion'>;
  readonly memoryBytes: number | null;
}

/** Where the host's own files are: `/`, or where its root is mounted inside the agent's container. */
export interface HostPaths {
  readonly root: string;
  readonly proc: string;
  readonly sys: string;
  /** The network namespace to report on, as a process's `net` directory. */
  readonly net: string;
}

/** `hostRoot` is an absolute path, `/` on the host itself. */
export function hostPathsBelow(hostRoot: string): HostPaths {
  const base = hostRoot === '/' ? '' : hostRoot.replace(/\/+$/, '');
  return {
    root: base === '' ? '/' : base,
    proc: `${base}/proc`,
    sys: `${base}/sys`,
    // `self` in the host's procfs is still this process, in its own network: the host's first process stands in.
    net: base === '' ? '/proc/self/net' : `${base}/proc/1/net`,
  };
}

/** Measures the host by the kernel's own counters. What cannot be read is null. */
export class HostSampler {
  readonly #reader: SmallFileReader;
  readonly #paths: HostPaths;
  readonly #runtime: Pick<Runtime, 'setTimer'>;
  #previousCpu: CpuTimes | null = null;
  #os: string | null = null;
  #disk: { usedGb: number; totalGb: number } | null = null;
  /** Which of the interfaces have a device behind them; looked up when their names change. */
  #interfaces: { readonly names: string; readonly withDevice: ReadonlySet<string> } = {
    names: '',
    withDevice: new Set(),
  };
  /** At most one at a time: on a file system that hangs, each further one would block a thread of the pool. */
  #measuringDisk: Promise<void> | null = null;

  constructor(reader: SmallFileReader, paths: HostPaths, runtime: Pick<Runtime, 'setTimer'>) {
    this.#reader = reader;
    this.#paths = paths;
    this.#runtime = runtime;
  }

  /** Takes the CPU reading that the next sample is measured from. */
  prime(): void {
    this.#previousCpu = this.#read('/stat', parseCpuTimes);
  }

  /** CPU is the mean since the sample before. A file system that hangs costs at most `limitMs`, and keeps its last figures. */
  async sample(limitMs: number): Promise<HostSample> {
    const cpu = this.#read('/stat', parseCpuTimes);
    const memory = this.#read('/meminfo', parseMemoryInfo);
    const network = this.#network();
    this.#measuringDisk ??= this.#measureDisk().finally(() => {
      this.#measuringDisk = null;
    });
    await finishesWithin(this.#runtime, this.#measuringDisk, limitMs);
    const metrics: HostMetrics = {
      cpu_percent: cpuPercentBetween(this.#previousCpu, cpu),
      load_average: this.#read('/loadavg', parseLoadAverage),
      memory_used_mb: memory === null ? null : megabytes(memory.totalBytes - memory.availableBytes),
      memory_total_mb: megabytes(memory?.totalBytes ?? null),
      disk_used_gb: this.#disk?.usedGb ?? null,
      disk_total_gb: this.#disk?.totalGb ?? null,
      network_rx_bytes: network?.rxBytes ?? null,
      network_tx_bytes: network?.txBytes ?? null,
    };
    this.#previousCpu = cpu;
    return {
      metrics,
      facts: {
        cpuCount: cpu !== null && cpu.cpuCount >= 1 ? Math.min(TELEMETRY_LIMITS.maxCpuCount, cpu.cpuCount) : null,
        memoryTotalMb: metrics.memory_total_mb,
        diskTotalGb: metrics.disk_total_gb,
        os: this.#describeOs(),
      },
      memoryBytes: memory?.totalBytes ?? null,
    };
  }

  #read<T>(file: string, parse: (text: string) => T | null): T | null {
    const text = this.#reader.tryRead(this.#paths.proc + file);
    return text === null ? null : parse(text);
  }

  #network(): { rxBytes: number; txBytes: number } | null {
    const text = this.#reader.tryRead(`${this.#paths.net}/dev`);
    if (text === null) return null;
    const counters = parseNetworkCounters(text);
    const names = counters.map(({ name }) => name);
    if (this.#interfaces.names !== names.join(' ')) {
      const withDevice = names.filter((name) => existsSync(`${this.#paths.sys}/class/net/${name}/device`));
      this.#interfaces = { names: names.join(' '), withDevice: new Set(withDevice) };
    }
    const chosen = chooseHostInterfaces({
      counters,
      withDevice: this.#interfaces.withDevice,
      withDefaultRoute: parseDefaultRoutes(this.#reader.tryRead(`${this.#paths.net}/route`) ?? ''),
    });
    return chosen.length === 0 ? null : sumInterfaces(chosen);
  }

  /** As df(1) counts: used is size − free, and blocks reserved for root count as free. */
  async #measureDisk(): Promise<void> {
    try {
      const { bsize, blocks, bfree } = await statfs(this.#paths.root);
      const gigabytes = (count: number): number => Math.round((count * bsize) / BYTES_PER_GB);
      this.#disk = { usedGb: gigabytes(blocks - bfree), totalGb: gigabytes(blocks) };
    } catch {
      this.#disk = null;
    }
  }

  #describeOs(): string {
    if (this.#os !== null) return this.#os;
    const base = this.#paths.root === '/' ? '' : this.#paths.root;
    const text = this.#reader.tryRead(`${base}/etc/os-release`) ?? this.#reader.tryRead(`${base}/usr/lib/os-release`);
    this.#os = describeOs(text === null ? null : parseOsRelease(text), release());
    return this.#os;
  }
}

/** The one-minute load of `/proc/loadavg` (proc(5)). */
export function parseLoadAverage(text: string): number | null {
  const load = Number(text.split(' ')[0]);
  return text !== '' && Number.isFinite(load) && load >= 0 ? load : null;
}
