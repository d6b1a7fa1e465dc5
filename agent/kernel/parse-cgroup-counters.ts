/**
 * Readers of single cgroup files, versions 1 and 2 (kernel documentation: admin-guide/cgroup-v1, cgroup-v2). Each
 * gives null when the text is not what that documentation promises.
 */

function wholeNumber(text: string): number | null {
  const trimmed = text.trim();
  return /^\d+$/.test(trimmed) ? Number(trimmed) : null;
}

/** The number after `key ` at the start of a line of a flat-keyed file. */
function keyed(text: string, key: string): number | null {
  const head = `${key} `;
  const at = text.startsWith(head) ? 0 : text.indexOf(`\n${head}`) + 1;
  if (at === 0 && !text.startsWith(head)) return null;
  const end = text.indexOf('\n', at);
  return wholeNumber(text.slice(at + head.length, end < 0 ? text.length : end));
}

/** v1 `cpuacct.usage`: CPU time in nanoseconds. */
export function parseCpuacctUsage(text: string): number | null {
  return wholeNumber(text);
}

/** v2 `cpu.stat`: CPU time in nanoseconds (the file counts microseconds). */
export function parseCpuStat(text: string): number | null {
  const micros = keyed(text, 'usage_usec');
  return micros === null ? null : micros * 1000;
}

/** v1 `memory.usage_in_bytes`, v2 `memory.current`: bytes, page cache included. */
export function parseMemoryUsage(text: string): number | null {
  return wholeNumber(text);
}

/** Bytes of page cache that can be dropped at once: v1 `total_inactive_file`, v2 `inactive_file` of `memory.stat`. */
export function parseInactiveFile(text: string, version: 1 | 2): number | null {
  return keyed(text, version === 1 ? 'total_inactive_file' : 'inactive_file');
}

/** v1 `memory.limit_in_bytes`, v2 `memory.max`: bytes, or null for `max`. */
export function parseMemoryLimit(text: string): number | null {
  return wholeNumber(text);
}

/** Bytes read from and written to block devices. */
export interface BlockBytes {
  readonly readBytes: number;
  readonly writeBytes: number;
}

/** v1 `blkio.throttle.io_service_bytes[_recursive]`: lines of `major:minor Operation bytes`, summed over devices. */
export function parseBlkioServiceBytes(text: string): BlockBytes {
  let readBytes = 0;
  let writeBytes = 0;
  for (const line of text.split('\n')) {
    const [, operation, bytes] = line.split(' ');
    if (operation === 'Read') readBytes += wholeNumber(bytes ?? '') ?? 0;
    if (operation === 'Write') writeBytes += wholeNumber(bytes ?? '') ?? 0;
  }
  return { readBytes, writeBytes };
}

/** v2 `io.stat`: lines of `major:minor rbytes=… wbytes=… …`, summed over devices. */
export function parseIoStat(text: string): BlockBytes {
  let readBytes = 0;
  let writeBytes = 0;
  for (const match of text.matchAll(/ (rbytes|wbytes)=(\d+)/g)) {
    if (match[1] === 'rbytes') readBytes += Number(match[2]);
    else writeBytes += Number(match[2]);
  }
  return { readBytes, writeBytes };
}

/** Memory in use without droppable page cache, as the Docker CLI shows it. */
export function memoryWithoutCache(usageBytes: number, inactiveFileBytes: number | null): number {
  return inactiveFileBytes !== null && inactiveFileBytes < usageBytes ? usageBytes - inactiveFileBytes : usageBytes;
}
