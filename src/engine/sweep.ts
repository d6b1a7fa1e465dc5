/** What time alone brings about: silent hosts, history past its time, token uses to keep. */
import type { CommandOf, Outcomes } from '../domain/command.ts';
import type { Store } from '../domain/store.ts';
import { hasGoneSilent } from '../telemetry/host-status.ts';
import type { Fleet, LiveHost } from './fleet.ts';

/** Ticks older than this are deleted, but never a host's latest. */
export const HISTORY_KEPT_MS = 30 * 86_400_000;
/** A host's history is pruned about this often; hosts take turns. */
const PRUNE_EVERY_MS = 3_600_000;
const USES_KEPT_EVERY_MS = 60_000;

export class Sweeper {
  readonly #prunedAtMs = new Map<number, number>();
  #usesKeptAtMs = 0;

  /** Whether a sweep would change anything: an idle server commits nothing. */
  isDue(fleet: Fleet, listeningSinceMs: number, nowMs: number): boolean {
    if (fleet.usesToKeep.size > 0 && nowMs - this.#usesKeptAtMs >= USES_KEPT_EVERY_MS) return true;
    for (const host of fleet.hosts()) {
      if (hasGoneSilent({ ...host.stored, lastSeenAtMs: host.lastSeenAtMs }, listeningSinceMs, nowMs)) return true;
      if (this.#isPruneDue(host, nowMs)) return true;
    }
    return false;
  }

  #isPruneDue(host: LiveHost, nowMs: number): boolean {
    return nowMs - (this.#prunedAtMs.get(host.stored.id) ?? 0) >= PRUNE_EVERY_MS;
  }

  sweep(store: Store, fleet: Fleet, command: CommandOf<'sweep'>): Outcomes['sweep'] {
    let wentOffline = 0;
    let pruned = 0;
    let turns = 100;
    for (const host of fleet.hosts()) {
      if (hasGoneSilent({ ...host.stored, lastSeenAtMs: host.lastSeenAtMs }, command.listeningSinceMs, command.nowMs)) {
        this.#markOffline(store, host, command.nowMs);
        fleet.news.add(host.stored.name);
        wentOffline += 1;
      }
      if (turns > 0 && this.#isPruneDue(host, command.nowMs)) {
        turns -= 1;
        this.#prunedAtMs.set(host.stored.id, command.nowMs);
        const beforeMs = Math.min(
          command.nowMs - HISTORY_KEPT_MS,
          host.latest?.recordedAtMs ?? Number.POSITIVE_INFINITY,
        );
        const keptMs = Math.min(beforeMs, host.latestWithContainers?.recordedAtMs ?? beforeMs);
        pruned += store.ticks.prune(host.stored.id, keptMs);
      }
    }
    this.#keepUses(store, fleet, command.nowMs);
    return { wentOffline, pruned };
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
