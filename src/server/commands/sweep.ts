/** What time alone brings about: silent hosts, token uses to keep. History ages in compactor.ts. */
import type { CommandOf, Outcomes } from '../../domain/command.ts';
import type { Store } from '../../domain/store.ts';
import { hasGoneSilent } from '../../telemetry/host-status.ts';
import type { Fleet, LiveHost } from '../state/fleet.ts';

const USES_KEPT_EVERY_MS = 60_000;

function isSilent({ stored, lastSeenAtMs }: LiveHost, listeningSinceMs: number, nowMs: number): boolean {
  const { status, offlineAfterSeconds } = stored;
  return hasGoneSilent({ status, offlineAfterSeconds, lastSeenAtMs }, listeningSinceMs, nowMs);
}

export class Sweeper {
  #usesKeptAtMs = 0;

  /** Whether a sweep would change anything: an idle server commits nothing. */
  isDue(fleet: Fleet, listeningSinceMs: number, nowMs: number): boolean {
    if (fleet.usesToKeep.size > 0 && nowMs - this.#usesKeptAtMs >= USES_KEPT_EVERY_MS) return true;
    for (const host of fleet.hosts()) if (isSilent(host, listeningSinceMs, nowMs)) return true;
    return false;
  }

  sweep(store: Store, fleet: Fleet, command: CommandOf<'sweep'>): Outcomes['sweep'] {
    let wentOffline = 0;
    for (const host of fleet.hosts()) {
      if (isSilent(host, command.listeningSinceMs, command.nowMs)) {
        this.#markOffline(store, host, command.nowMs);
        fleet.news.add(host.stored.name);
        wentOffline += 1;
      }
    }
    this.#keepUses(store, fleet, command.nowMs);
    return { wentOffline };
  }

  #markOffline(store: Store, host: LiveHost, nowMs: number): void {
    host.stored = { ...host.stored, status: 'offline' };
    store.hosts.save(host.stored);
    store.events.append({
      atMs: nowMs,
      kind: 'host_offline',
      host: host.stored.name,
      rolloutId: null,
      data: { silent_ms: nowMs - (host.lastSeenAtMs ?? nowMs), offline_after_seconds: host.stored.offlineAfterSeconds },
    });
  }

  #keepUses(store: Store, fleet: Fleet, nowMs: number): void {
    for (const number of fleet.usesToKeep) {
      const token = fleet.tokenByNumber(number);
      if (token !== undefined) store.tokens.save(token);
    }
    fleet.usesToKeep.clear();
    this.#usesKeptAtMs = nowMs;
  }
}
