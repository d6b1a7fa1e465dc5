/** Where the host's CPUs spent their time since boot, in the kernel's clock ticks (proc(5), `/proc/stat`). */
export interface CpuTimes {
  /** Everything but idle and waiting for I/O; time stolen by the hypervisor counts as busy. */
  readonly busy: number;
  readonly total: number;
  /** CPUs that are online. */
  readonly cpuCount: number;
}

/** Fields of the `cpu` line that add up to all time; guest time is already inside user time. */
const SUMMED_FIELDS = 8;
const IDLE_FIELD = 3;
const IOWAIT_FIELD = 4;

/** Reads `/proc/stat`; null when it is not in the form proc(5) describes. */
export function parseCpuTimes(text: string): CpuTimes | null {
  const match = /^cpu +(.+)$/m.exec(text);
  if (match === null) return null;
  const fields = (match[1] ?? '').split(' ').map(Number);
  if (fields.length <= IOWAIT_FIELD || fields.some(Number.isNaN)) return null;
  const total = fields.slice(0, SUMMED_FIELDS).reduce((sum, value) => sum + value, 0);
  const idle = (fields[IDLE_FIELD] ?? 0) + (fields[IOWAIT_FIELD] ?? 0);
  return { busy: total - idle, total, cpuCount: text.match(/^cpu\d+ /gm)?.length ?? 0 };
}

/**
 * Mean CPU use of the whole host between two readings, 0–100 with two decimals. Null without an earlier reading, or
 * when no time has passed or the counters went backwards (CPUs taken offline).
 */
export function cpuPercentBetween(before: CpuTimes | null, after: CpuTimes | null): number | null {
  if (before === null || after === null) return null;
  const total = after.total - before.total;
  const busy = after.busy - before.busy;
  if (total <= 0) return null;
  // The kernel may step iowait back, which makes busy time exceed what has passed by a tick.
  const percent = Math.min(100, Math.max(0, (busy / total) * 100));
  return Math.round(percent * 100) / 100;
}
