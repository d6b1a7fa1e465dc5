/** The host's memory in bytes. */
export interface MemoryInfo {
  readonly totalBytes: number;
  /** What new work could get without swapping, as the kernel estimates it. */
  readonly availableBytes: number;
}

function kilobytes(text: string, name: string): number | null {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text);
  return match === null ? null : Number(match[1]);
}

/** Reads `/proc/meminfo` (proc(5): `kB` there means 1,024 bytes); null when a needed line is missing. */
export function parseMemoryInfo(text: string): MemoryInfo | null {
  const total = kilobytes(text, 'MemTotal');
  if (total === null) return null;
  // Some container runtimes present a /proc/meminfo without the estimate: free and reclaimable memory stand in for it.
  const available =
    kilobytes(text, 'MemAvailable') ??
    (kilobytes(text, 'MemFree') ?? 0) + (kilobytes(text, 'Buffers') ?? 0) + (kilobytes(text, 'Cached') ?? 0);
  return { totalBytes: total * 1024, availableBytes: Math.min(total, available) * 1024 };
}
