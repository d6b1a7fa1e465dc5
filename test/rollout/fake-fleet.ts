/** A fleet that answers what a test wants. By default every host is online and nothing holds it. */
import type { Budget } from '../../src/domain/budget.ts';
import type { HostStatus, Labels } from '../../src/domain/host.ts';
import type { Quarantine } from '../../src/domain/release.ts';
import type { FleetHost, FleetView } from '../../src/rollout/fleet-view.ts';
import { NOON_MS } from './sample-rollout.ts';

export class FakeFleet implements FleetView {
  readonly statuses = new Map<string, HostStatus>();
  readonly labels = new Map<string, Labels>();
  /** When hosts were last heard; all others at noon. */
  readonly seenAtMs = new Map<string, number>();
  readonly occupants = new Map<string, string>();
  /** Names of hosts that do not exist. */
  readonly unknown = new Set<string>();
  /** Names of hosts that another rollout is changing. */
  readonly busy: string[] = [];
  readonly limits: Budget[] = [];
  quarantined: Quarantine | null = null;
  /** How often anything was asked. */
  questions = 0;

  host(name: string): FleetHost | null {
    this.questions += 1;
    if (this.unknown.has(name)) return null;
    const seenAtMs = this.seenAtMs.get(name) ?? NOON_MS;
    return {
      status: this.statuses.get(name) ?? 'online',
      labels: this.labels.get(name) ?? {},
      lastSeenAtMs: seenAtMs,
      silentSinceMs: seenAtMs,
    };
  }

  quarantine(): Quarantine | null {
    this.questions += 1;
    return this.quarantined;
  }

  occupant(_stack: string, host: string): string | null {
    this.questions += 1;
    return this.occupants.get(host) ?? null;
  }

  changing(): Iterable<string> {
    return this.busy;
  }

  budgets(): Iterable<Budget> {
    return this.limits;
  }

  nextEpoch(): number {
    this.questions += 1;
    return 1;
  }
}
