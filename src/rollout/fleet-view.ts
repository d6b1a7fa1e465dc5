/**
 * What the core needs to know of everything outside one rollout. It is all in memory before anything is decided, so an
 * answer is an answer: a store that cannot be read fails the whole batch, and nothing is decided then.
 */
import type { Budget } from '../domain/budget.ts';
import type { HostStatus, Labels } from '../domain/host.ts';
import type { Quarantine } from '../domain/release.ts';

export interface FleetHost {
  readonly status: HostStatus;
  readonly labels: Labels;
  /** When it was last heard; null: never. */
  readonly lastSeenAtMs: number | null;
  /** Since when it has been silent, as far as the server has listened. */
  readonly silentSinceMs: number;
}

export interface FleetView {
  /** Null: there is no such host. */
  host(name: string): FleetHost | null;
  /** Null: the release may run. */
  quarantine(stack: string, release: string): Quarantine | null;
  /** The id of the rollout, other than `except`, that is still working on the stack on this host (see `occupies` and `yieldsToNewer`). */
  occupant(stack: string, host: string, except: string): string | null;
  /** Names of the hosts that any rollout of any stack is still working on. */
  changing(): Iterable<string>;
  budgets(): Iterable<Budget>;
  /** One more than any epoch ever given out for this stack on this host, whichever rollout it was. */
  nextEpoch(stack: string, host: string): number;
}

/** Whether the host reports now, so that it can also be reached. */
export function isLive(status: HostStatus): boolean {
  return status === 'online' || status === 'degraded';
}
