/** A rollout and its hosts at one point in time: which stage each host has reached, and how many have reached it. */
import type { ReleasePolicy } from '../domain/release.ts';
import { plural, releaseName, shortDigest } from '../domain/words.ts';
import type { RolloutBody, RolloutHostBody, RolloutSummaryBody } from '../wire/rollout.ts';
import type { ReleaseNames } from './log-entry.ts';
import type { Tone } from './tone.ts';

/** A rollout as the API answers it, with what that answer does not say about its release. */
export interface RolloutSnapshot {
  readonly rollout: RolloutBody;
  readonly policy: ReleasePolicy;
  /** Of every release that the rollout may mention. */
  readonly releaseNames: ReleaseNames;
  readonly nowMs: number;
}

/** The states of the contract, and two stages that other fields tell apart: offered, and left. */
export type HostStage = RolloutHostBody['state'] | 'offered' | 'left';

export function stageOf(host: RolloutHostBody): HostStage {
  switch (host.state) {
    case 'converged':
    case 'failed':
    case 'reverted':
      return host.state;
    case 'pending':
      if (host.left) return 'left';
      return host.epoch === null ? 'pending' : 'offered';
    default:
      return host.left ? 'left' : host.state;
  }
}

export const STAGE_TONES: Readonly<Record<HostStage, Tone>> = {
  pending: 'muted',
  offered: 'active',
  activating: 'active',
  deferred: 'warning',
  soaking: 'active',
  converged: 'good',
  failed: 'bad',
  reverted: 'bad',
  left: 'muted',
};

export const ROLLOUT_TONES: Readonly<Record<RolloutSummaryBody['state'], Tone>> = {
  active: 'active',
  paused: 'warning',
  converged: 'good',
  halted: 'bad',
  aborted: 'bad',
  superseded: 'muted',
};

/** Whether the failed release does not stay on the host: its agent still has to roll it back. */
export function owesRollback(policy: ReleasePolicy, host: RolloutHostBody): boolean {
  return host.state === 'failed' && !host.left && policy.onHealthFailure === 'rollback-and-halt';
}

export function hasEnded(rollout: RolloutSummaryBody): boolean {
  return rollout.state !== 'active' && rollout.state !== 'paused';
}

/** Whether nothing more will happen: the rollout has ended, no host is in flight, and every failed host is rolled back. */
export function isSettled({ rollout, policy }: Pick<RolloutSnapshot, 'rollout' | 'policy'>): boolean {
  return (
    hasEnded(rollout) && rollout.counts.in_flight === 0 && !rollout.hosts.some((host) => owesRollback(policy, host))
  );
}

/** `shop 2 (28af88ad2579)`: the release that a rollout brings. */
export function releaseOf({ stack, version, release }: RolloutSummaryBody): string {
  return releaseName({ stack, version, digest: release });
}

/** `shop 1 (7d7189039521)`; the digest alone for a release that is not known by name. */
export function nameOfDigest({ releaseNames }: RolloutSnapshot, digest: string): string {
  return releaseNames.get(digest) ?? shortDigest(digest);
}

/** How many failures a rollout bears. */
export function formatTolerance({ failure_threshold: threshold }: RolloutSummaryBody): string {
  return threshold === 0 ? 'the first failure halts it' : `it tolerates ${plural(threshold, 'failure')}`;
}

export interface HostCounts {
  readonly hosts: number;
  readonly pending: number;
  readonly inFlight: number;
  readonly converged: number;
  readonly failed: number;
  readonly left: number;
}

/** Hosts by stage, counted as the API counts them. */
export function countHosts(hosts: readonly RolloutHostBody[]): HostCounts {
  const counts = { hosts: hosts.length, pending: 0, inFlight: 0, converged: 0, failed: 0, left: 0 };
  for (const host of hosts) {
    const stage = stageOf(host);
    if (stage === 'failed' || stage === 'reverted') counts.failed += 1;
    else if (stage === 'pending' || stage === 'converged' || stage === 'left') counts[stage] += 1;
    else counts.inFlight += 1;
  }
  return counts;
}

export function countsOf({ counts }: RolloutSummaryBody): HostCounts {
  const { hosts, pending, in_flight: inFlight, converged, failed, left } = counts;
  return { hosts, pending, inFlight, converged, failed, left };
}

/** `12 converged, 5 in flight, 23 pending`; a count of none is left out. */
export function formatCounts(counts: HostCounts): string {
  const parts: Array<[number, string]> = [
    [counts.converged, 'converged'],
    [counts.inFlight, 'in flight'],
    [counts.failed, 'failed'],
    [counts.pending, 'pending'],
    [counts.left, 'left'],
  ];
  return parts
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`)
    .join(', ');
}

/** Seconds from an instant to now; an instant ahead of this clock counts as now. */
export function secondsSince(instant: string, nowMs: number): number {
  return Math.max(0, (nowMs - Date.parse(instant)) / 1000);
}

/** Seconds from now to an instant, at least 0. */
export function secondsUntil(instant: string, nowMs: number): number {
  return Math.max(0, (Date.parse(instant) - nowMs) / 1000);
}
