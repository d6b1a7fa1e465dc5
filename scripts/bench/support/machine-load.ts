import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { figure } from './samples.ts';

const TICKS_PER_SECOND = 100;

/** CPU seconds of the whole machine since it started. Reads /proc, so on Linux only. */
function busySeconds(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, stolen = 0] = (
    /^cpu +(.+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? ''
  )
    .split(' ')
    .map(Number);
  return (user + nice + system + irq + softIrq + stolen) / TICKS_PER_SECOND;
}

/** How much of a shared machine others use while something is measured: without that no figure can be judged. */
export class MachineLoad {
  readonly #beganMs = performance.now();
  readonly #busyBefore = busySeconds();
  readonly #ownBefore: number;

  /** `ownSeconds`: CPU seconds of the servers that are measured; this process is counted by itself. */
  constructor(ownSeconds: number) {
    this.#ownBefore = ownSeconds + ownCpuSeconds();
  }

  describe(ownSeconds: number): string {
    const own = ownSeconds + ownCpuSeconds() - this.#ownBefore;
    const others = busySeconds() - this.#busyBefore - own;
    const cores = (others * 1000) / (performance.now() - this.#beganMs);
    return `${figure(Math.max(0, cores), 1)} of ${availableParallelism()} cores`;
  }
}

/** Of this process, which is the load generator. */
export function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
