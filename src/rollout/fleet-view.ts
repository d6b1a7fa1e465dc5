/** What the core needs to know of everything outside one rollout. Whoever holds the fleet implements it. */
import type { HostStatus, Labels } from '../domain/host.ts';
import type { Quarantine } from '../domain/release.ts';

/** What could be read, or why it could not. A gate that cannot read what it needs holds. */
export type Reading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

export interface HostFigures {
  readonly status: HostStatus;
  readonly labels: Labels;
}

export interface FleetView {
  /** Null: there is no such host. */
  host(name: string): Reading<HostFigures | null>;
  quarantine(stack: string, release: string): Reading<Quarantine | null>;
  /** Another rollout than `except` in whose hands the stack on this host is (see `occupies`); null: nobody's. */
  occupant(stack: string, host: string, except: string): Reading<string | null>;
  /** One more than any epoch ever given out for this stack on this host, whichever rollout it was. */
  nextEpoch(stack: string, host: string): Reading<number>;
}

/** It reports, so what it is told it hears. */
export function isLive(status: HostStatus): boolean {
  return status === 'online' || status === 'degraded';
}
