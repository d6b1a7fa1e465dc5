import { assertNever } from '../domain/errors.ts';
import type { HostStatus } from '../domain/host.ts';

/** How a live tick changes the status of its host. `recovered` is logged; a host's first tick is not. */
export function statusOnTick(status: HostStatus): { readonly status: HostStatus; readonly recovered: boolean } {
  switch (status) {
    case 'pending':
      return { status: 'online', recovered: false };
    case 'offline':
      return { status: 'online', recovered: true };
    case 'online':
    case 'degraded':
    case 'archived':
      return { status, recovered: false };
    default:
      return assertNever(status);
  }
}

/**
 * Whether a host counts as offline now. Its silence is measured by the server's clock, and only while the server was
 * listening: a server that was down cannot tell whether a host was silent.
 */
export function hasGoneSilent(
  host: { readonly status: HostStatus; readonly lastSeenAtMs: number | null; readonly offlineAfterSeconds: number },
  listeningSinceMs: number,
  nowMs: number,
): boolean {
  if (host.status !== 'online' && host.status !== 'degraded') return false;
  const heardAtMs = Math.max(host.lastSeenAtMs ?? listeningSinceMs, listeningSinceMs);
  return nowMs - heardAtMs >= host.offlineAfterSeconds * 1000;
}
