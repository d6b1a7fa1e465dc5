import type { Style } from '../cli/terminal/terminal.ts';
import type { ReleasePolicy } from '../domain/release.ts';
import { plural, shortDigest } from '../domain/words.ts';
import type { RolloutBody, RolloutHostBody, RolloutSummaryBody } from '../wire/rollout.ts';

/** A rollout at one moment, with what its body does not say of its release. */
export interface RolloutMoment {
  readonly rollout: RolloutBody;
  readonly policy: ReleasePolicy;
  /** What people call releases, by digest. */
  readonly releaseNames: ReadonlyMap<string, string>;
  readonly nowMs: number;
}

/** Where a host is, as people tell it: the states of the contract, and two that are told by other fields. */
export type HostPart = RolloutHostBody['state'] | 'offered' | 'left';

export function partOf(host: RolloutHostBody): HostPart {
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

export const PART_STYLES: Readonly<Record<HostPart, { readonly sign: string; readonly style: Style }>> = {
  pending: { sign: '·', style: 'gray' },
  offered: { sign: '○', style: 'cyan' },
  activating: { sign: '◐', style: 'cyan' },
  deferred: { sign: '◌', style: 'yellow' },
  soaking: { sign: '◕', style: 'yellow' },
  converged: { sign: '✓', style: 'green' },
  failed: { sign: '✗', style: 'red' },
  reverted: { sign: '↩', style: 'red' },
  left: { sign: '–', style: 'gray' },
};

export const ROLLOUT_STYLES: Readonly<Record<RolloutSummaryBody['state'], Style>> = {
  active: 'cyan',
  paused: 'yellow',
  converged: 'green',
  halted: 'red',
  aborted: 'red',
  superseded: 'gray',
};

/** The failed release does not stay on the host: its agent still has to go back to what ran before. */
export function owesRollback(policy: ReleasePolicy, host: RolloutHostBody): boolean {
  return host.state === 'failed' && !host.left && policy.onHealthFailure === 'rollback-and-halt';
}

export function hasEnded(rollout: RolloutSummaryBody): boolean {
  return rollout.state !== 'active' && rollout.state !== 'paused';
}

/** Nothing is to come any more: the rollout has ended, nobody is on the way, and every failed host is back. */
export function isSettled({ rollout, policy }: Pick<RolloutMoment, 'rollout' | 'policy'>): boolean {
  return (
    hasEnded(rollout) && rollout.counts.in_flight === 0 && !rollout.hosts.some((host) => owesRollback(policy, host))
  );
}

/** `shop 1.4`, the stack alone where the release is not known by a version. */
export function releaseName(rollout: RolloutSummaryBody): string {
  return rollout.version === null ? rollout.stack : `${rollout.stack} ${rollout.version}`;
}

/** How many failures a rollout bears. */
export function formatTolerance({ failure_threshold: threshold }: RolloutSummaryBody): string {
  return threshold === 0 ? 'the first failure halts it' : `it tolerates ${plural(threshold, 'failure')}`;
}

/** `shop 1.3 (a1b2c3d4e5f6)`: what ran before, or will again. */
export function nameOfDigest(moment: RolloutMoment, digest: string): string {
  const name = moment.releaseNames.get(digest);
  return name === undefined ? shortDigest(digest) : `${name} (${shortDigest(digest)})`;
}

export interface PartCounts {
  readonly hosts: number;
  readonly pending: number;
  readonly inFlight: number;
  readonly converged: number;
  readonly failed: number;
  readonly left: number;
}

/** Hosts by where they are, counted as the API counts them. */
export function countParts(hosts: readonly RolloutHostBody[]): PartCounts {
  const counts = { hosts: hosts.length, pending: 0, inFlight: 0, converged: 0, failed: 0, left: 0 };
  for (const host of hosts) {
    const part = partOf(host);
    if (part === 'failed' || part === 'reverted') counts.failed += 1;
    else if (part === 'pending' || part === 'converged' || part === 'left') counts[part] += 1;
    else counts.inFlight += 1;
  }
  return counts;
}

/** `12 converged, 5 in flight, 23 pending`; what is none is not said. */
export function formatCounts(counts: PartCounts): string {
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

export function countsOf({ counts }: RolloutSummaryBody): PartCounts {
  const { hosts, pending, in_flight: inFlight, converged, failed, left } = counts;
  return { hosts, pending, inFlight, converged, failed, left };
}

/** Seconds from an instant to now; an instant ahead of this clock counts as now. */
export function secondsSince(instant: string, nowMs: number): number {
  return Math.max(0, (nowMs - Date.parse(instant)) / 1000);
}

/** Seconds from now to an instant, at least 0. */
export function secondsUntil(instant: string, nowMs: number): number {
  return Math.max(0, (Date.parse(instant) - nowMs) / 1000);
}
