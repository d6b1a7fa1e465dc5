import { accessSync, constants } from 'node:fs';
import type { ContainerReading } from '../../docker/container-reading.ts';
import type { ContainerView } from '../../docker/container-view.ts';
import { chooseContainerInterfaces, sumInterfaces } from '../../kernel/choose-interfaces.ts';
import { type CgroupDirectories, locateCgroup } from '../../kernel/locate-cgroup.ts';
import {
  memoryWithoutCache,
  parseBlkioServiceBytes,
  parseCpuacctUsage,
  parseCpuStat,
  parseInactiveFile,
  parseIoStat,
  parseMemoryLimit,
  parseMemoryUsage,
} from '../../kernel/parse-cgroup-counters.ts';
import { type CgroupMount, parseCgroupMounts } from '../../kernel/parse-mountinfo.ts';
import { parseNetworkCounters } from '../../kernel/parse-network-counters.ts';
import { parseProcessCgroups } from '../../kernel/parse-process-cgroups.ts';
import type { SmallFileReader } from '../../kernel/small-file-reader.ts';

/** Where one running container's counters are. */
export interface ContainerFiles {
  readonly version: 1 | 2;
  readonly cpu: string;
  readonly memoryUsage: string | null;
  readonly memoryStat: string | null;
  readonly block: string | null;
  /** Null for a container in the host's own network. */
  readonly network: string | null;
  /** Read once: the engine announces when it changes, and the files are located again then. */
  readonly memoryLimitBytes: number | null;
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function firstReadable(directories: readonly string[], ...names: string[]): string | null {
  for (const directory of directories) {
    for (const name of names) if (isReadable(`${directory}/${name}`)) return `${directory}/${name}`;
  }
  return null;
}

/** Finds and reads containers' counters in the kernel's own files, at the cost of a few system calls each. */
export class ContainerFileReader {
  readonly #reader: SmallFileReader;
  readonly #procRoot: string;
  #mounts: readonly CgroupMount[] | null = null;

  /** `procRoot`: the host's procfs, `/proc` or where it is mounted inside a container. */
  constructor(reader: SmallFileReader, procRoot: string) {
    this.#reader = reader;
    this.#procRoot = procRoot;
  }

  /** Null when this process cannot see the container's cgroup: the engine has to be asked instead. */
  locate(view: ContainerView): ContainerFiles | null {
    const membership = this.#reader.tryRead(`${this.#procRoot}/${view.pid}/cgroup`);
    if (membership === null) return null;
    this.#mounts ??= parseCgroupMounts(this.#reader.tryRead('/proc/self/mountinfo') ?? '');
    const directories = locateCgroup(this.#mounts, parseProcessCgroups(membership), view.id);
    return directories === null ? null : this.#choose(directories, view);
  }

  /** The counters now, or null when they are gone: the container has stopped or was restarted. */
  read(files: ContainerFiles, clockNs: number): ContainerReading | null {
    const cpuText = this.#reader.tryRead(files.cpu);
    if (cpuText === null) return null;
    const cpuNs = files.version === 1 ? parseCpuacctUsage(cpuText) : parseCpuStat(cpuText);
    if (cpuNs === null) return null;
    const network = this.#network(files.network);
    const block = this.#block(files);
    return {
      cpuNs,
      clockNs,
      memoryBytes: this.#memory(files),
      memoryLimitBytes: files.memoryLimitBytes,
      rxBytes: network?.rxBytes ?? null,
      txBytes: network?.txBytes ?? null,
      readBytes: block?.readBytes ?? null,
      writeBytes: block?.writeBytes ?? null,
    };
  }

  #choose(directories: CgroupDirectories, view: ContainerView): ContainerFiles | null {
    const { version } = directories;
    const memoryDirectories = version === 1 ? directories.memory : directories.unified;
    const cpu =
      version === 1
        ? firstReadable(directories.cpuacct, 'cpuacct.usage')
        : firstReadable(directories.unified, 'cpu.stat');
    if (cpu === null) return null;
    const limit = firstReadable(memoryDirectories, version === 1 ? 'memory.limit_in_bytes' : 'memory.max');
    return {
      version,
      cpu,
      memoryUsage: firstReadable(memoryDirectories, version === 1 ? 'memory.usage_in_bytes' : 'memory.current'),
      memoryStat: firstReadable(memoryDirectories, 'memory.stat'),
      block:
        version === 1
          ? firstReadable(
              directories.blkio,
              'blkio.throttle.io_service_bytes_recursive',
              'blkio.throttle.io_service_bytes',
            )
          : firstReadable(directories.unified, 'io.stat'),
      network: view.sharesHostNetwork ? null : `${this.#procRoot}/${view.pid}/net/dev`,
      memoryLimitBytes: limit === null ? null : parseMemoryLimit(this.#reader.tryRead(limit) ?? ''),
    };
  }

  #memory(files: ContainerFiles): number | null {
    const usageText = files.memoryUsage === null ? null : this.#reader.tryRead(files.memoryUsage);
    const usage = usageText === null ? null : parseMemoryUsage(usageText);
    if (usage === null) return null;
    const stat = files.memoryStat === null ? null : this.#reader.tryRead(files.memoryStat);
    return memoryWithoutCache(usage, stat === null ? null : parseInactiveFile(stat, files.version));
  }

  #network(path: string | null): { rxBytes: number; txBytes: number } | null {
    const text = path === null ? null : this.#reader.tryRead(path);
    return text === null ? null : sumInterfaces(chooseContainerInterfaces(parseNetworkCounters(text)));
  }

  #block(files: ContainerFiles): { readBytes: number; writeBytes: number } | null {
    const text = files.block === null ? null : this.#reader.tryRead(files.block);
    if (text === null) return null;
    return files.version === 1 ? parseBlkioServiceBytes(text) : parseIoStat(text);
  }
}
