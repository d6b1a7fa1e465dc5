/** Releases, quarantines, budgets, epochs and open rollouts in memory. */
import { type Budget, budgetName } from '../../domain/budget.ts';
import type { Deployment } from '../../domain/deployment.ts';
import type { StoredQuarantine } from '../../domain/records.ts';
import type { Release } from '../../domain/release.ts';
import type { Snapshot } from '../../domain/store.ts';
import { isExpected, occupies, yieldsToNewer } from '../../rollout/host-bucket.ts';
import { Rollout } from '../../rollout/rollout.ts';
import { isOpen } from '../../rollout/rollout-state.ts';

/** Key of one stack on one host. The separator occurs in neither name. */
function place(stack: string, host: string): string {
  return `${stack} ${host}`;
}

export class RolloutIndex {
  readonly #releases = new Map<string, Release>();
  /** Names of all stacks that have a release. */
  readonly #stacks = new Set<string>();
  readonly #quarantines = new Map<string, StoredQuarantine>();
  /** By name, in the order of their names. */
  #budgets: ReadonlyMap<string, Budget> = new Map();
  /** Open rollouts, and ended ones with a host that is still on its way. */
  readonly #rollouts = new Map<string, Rollout>();
  readonly #byHost = new Map<string, Set<Rollout>>();
  readonly #epochs = new Map<string, number>();
  /** By host, then by stack. */
  readonly #deployments = new Map<string, Map<string, Deployment>>();

  static load(snapshot: Snapshot): RolloutIndex {
    const index = new RolloutIndex();
    for (const release of snapshot.releases) index.addRelease(release);
    for (const deployment of snapshot.deployments) index.putDeployment(deployment);
    for (const budget of snapshot.budgets) index.putBudget(budget);
    for (const quarantine of snapshot.quarantines) index.putQuarantine(quarantine);
    for (const { stack, host, epoch } of snapshot.epochs) index.noteEpoch(stack, host, epoch);
    for (const stored of snapshot.rollouts) index.addRollout(Rollout.restore(stored));
    return index;
  }

  release(digest: string): Release | undefined {
    return this.#releases.get(digest);
  }

  /** In the order they came. */
  releases(): Release[] {
    return [...this.#releases.values()];
  }

  hasReleaseOf(stack: string): boolean {
    return this.#stacks.has(stack);
  }

  addRelease(release: Release): void {
    this.#releases.set(release.digest, release);
    this.#stacks.add(release.stack);
  }

  dropRelease(release: Release): void {
    this.#releases.delete(release.digest);
  }

  /** Undefined where no rollout has touched the stack on this host. */
  deployment(stack: string, host: string): Deployment | undefined {
    return this.#deployments.get(host)?.get(stack);
  }

  *deployments(): Generator<Deployment> {
    for (const stacks of this.#deployments.values()) yield* stacks.values();
  }

  /** All that a host has. */
  deploymentsOf(host: string): Iterable<Deployment> {
    return this.#deployments.get(host)?.values() ?? [];
  }

  putDeployment(deployment: Deployment): void {
    const { host, stack } = deployment;
    const stacks = this.#deployments.get(host) ?? new Map<string, Deployment>();
    this.#deployments.set(host, stacks.set(stack, deployment));
  }

  quarantine(stack: string, release: string): StoredQuarantine | null {
    return this.#quarantines.get(place(stack, release)) ?? null;
  }

  putQuarantine(quarantine: StoredQuarantine): void {
    this.#quarantines.set(place(quarantine.stack, quarantine.release), quarantine);
  }

  dropQuarantine(quarantine: StoredQuarantine): void {
    this.#quarantines.delete(place(quarantine.stack, quarantine.release));
  }

  /** In the order of their names. */
  budgets(): Iterable<Budget> {
    return this.#budgets.values();
  }

  get budgetCount(): number {
    return this.#budgets.size;
  }

  budget(name: string): Budget | undefined {
    return this.#budgets.get(name);
  }

  putBudget(budget: Budget): void {
    const changed = new Map(this.#budgets).set(budgetName(budget), budget);
    this.#budgets = new Map([...changed].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  dropBudget(budget: Budget): void {
    const changed = new Map(this.#budgets);
    changed.delete(budgetName(budget));
    this.#budgets = changed;
  }

  addRollout(rollout: Rollout): void {
    this.#rollouts.set(rollout.plan.id, rollout);
    for (const name of rollout.hosts.keys()) {
      const rollouts = this.#byHost.get(name) ?? new Set();
      this.#byHost.set(name, rollouts.add(rollout));
    }
  }

  /** Drops a rollout that is over and expects nothing from its hosts. Returns whether it did. */
  closeIfOver(rollout: Rollout): boolean {
    if (isOpen(rollout.progress.status) || rollout.occupied.size > 0) return false;
    this.#rollouts.delete(rollout.plan.id);
    for (const name of rollout.hosts.keys()) this.#byHost.get(name)?.delete(rollout);
    return true;
  }

  rollout(id: string): Rollout | undefined {
    return this.#rollouts.get(id);
  }

  rollouts(): Iterable<Rollout> {
    return this.#rollouts.values();
  }

  /** Names of the hosts that a rollout is still working on; a host that two rollouts work on comes twice. */
  *changing(): Generator<string> {
    for (const rollout of this.#rollouts.values()) yield* rollout.occupied;
  }

  rolloutsOfHost(name: string): Rollout[] {
    return [...(this.#byHost.get(name) ?? [])];
  }

  /** Rollouts that expect something from the host, or may do so later. */
  expecting(name: string): Rollout[] {
    return this.rolloutsOfHost(name).filter((rollout) => {
      const host = rollout.host(name);
      if (host === undefined) return false;
      return occupies(rollout.plan, host) || (isOpen(rollout.progress.status) && isExpected(rollout.plan, host));
    });
  }

  /** The rollout, other than `except`, that occupies the stack on this host and does not yield to a newer one. */
  occupant(stack: string, name: string, except: string): string | null {
    for (const rollout of this.rolloutsOfHost(name)) {
      if (rollout.plan.id === except || rollout.plan.stack !== stack) continue;
      const host = rollout.host(name);
      if (host === undefined || !occupies(rollout.plan, host)) continue;
      if (!yieldsToNewer(rollout.progress.status, host)) return rollout.plan.id;
    }
    return null;
  }

  nextEpoch(stack: string, host: string): number {
    return (this.#epochs.get(place(stack, host)) ?? 0) + 1;
  }

  /** Returns whether it is higher than any that was known. */
  noteEpoch(stack: string, host: string, epoch: number): boolean {
    const isHigher = epoch > (this.#epochs.get(place(stack, host)) ?? 0);
    if (isHigher) this.#epochs.set(place(stack, host), epoch);
    return isHigher;
  }
}
