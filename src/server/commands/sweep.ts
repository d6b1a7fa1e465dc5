/** Changes that time alone causes: hosts go silent, uses of tokens are stored. (Ageing of history: compactor.ts.) */
import type { CommandOf, Outcomes } from '../../domain/command.ts';
import type { Lookup } from '../../domain/lookups.ts';
import { hasGoneSilent } from '../../telemetry/host-status.ts';
import type { LiveHost } from '../state/fleet.ts';
import type { LookupCache } from '../state/lookup-cache.ts';
import type { State } from '../state/state.ts';
import { changeHost } from './hosts.ts';
import { saveToken } from './tokens.ts';

const USES_KEPT_EVERY_MS = 60_000;

function isSilent({ listening }: State, { stored, lastSeenAtMs }: LiveHost, nowMs: number): boolean {
  const { status, offlineAfterSeconds } = stored;
  return hasGoneSilent({ status, offlineAfterSeconds, lastSeenAtMs }, listening.sinceMs, nowMs);
}

/** Whether a sweep would change anything. An idle server therefore commits nothing. */
export function isSweepDue(state: State, nowMs: number): boolean {
  const { fleet, driver, judge } = state;
  if (fleet.usesToKeep.size > 0 && nowMs - fleet.usesKeptAtMs >= USES_KEPT_EVERY_MS) return true;
  for (const host of fleet.hosts()) if (isSilent(state, host, nowMs)) return true;
  return driver.isDue(nowMs) || judge.isDue(nowMs);
}

/** The lookups of the soaks that the sweep queues for judgement. */
export function lookupsOfSweep({ judge }: State, { nowMs }: CommandOf<'sweep'>, found: LookupCache): readonly Lookup[] {
  return judge.lookupsOfRound(nowMs, found);
}

export function sweep(state: State, { nowMs }: CommandOf<'sweep'>): Outcomes['sweep'] {
  let wentOffline = 0;
  for (const host of state.fleet.hosts()) {
    if (!isSilent(state, host, nowMs)) continue;
    markOffline(state, host, nowMs);
    wentOffline += 1;
  }
  state.driver.loseSilent(nowMs);
  keepUses(state, nowMs);
  state.judge.beginRound(nowMs);
  return { wentOffline };
}

function markOffline(state: State, host: LiveHost, nowMs: number): void {
  changeHost(state, host, { status: 'offline' });
  state.changes.log({
    atMs: nowMs,
    kind: 'host_offline',
    host: host.stored.name,
    rolloutId: null,
    data: { silent_ms: nowMs - (host.lastSeenAtMs ?? nowMs), offline_after_seconds: host.stored.offlineAfterSeconds },
  });
}

function keepUses({ fleet, changes }: State, nowMs: number): void {
  for (const number of fleet.usesToKeep) {
    const token = fleet.tokenByNumber(number);
    if (token !== undefined) saveToken(changes, token);
  }
  fleet.usesToKeep.clear();
  fleet.usesKeptAtMs = nowMs;
}
