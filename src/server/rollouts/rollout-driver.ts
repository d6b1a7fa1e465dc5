/**
 * Applies the entries of rollouts to memory, log and rows, and advances rollouts as far as they can go by themselves.
 * `src/rollout` makes the decisions; this file only carries them out.
 */
import { type Budget, budgetName, isOfBudget } from '../../domain/budget.ts';
import { NOT_WATCHED } from '../../domain/deployment.ts';
import { invariant } from '../../domain/errors.ts';
import type { StoredQuarantine } from '../../domain/records.ts';
import {
  type AgentEvent,
  type RolloutEffect,
  type RolloutEntry,
  type RolloutHost,
  type RolloutPlan,
  type RolloutProgress,
  soakSecondsOf,
} from '../../domain/rollout.ts';
import { decideHostChange, isNewlyLost } from '../../rollout/decide-host-change.ts';
import { decideNext } from '../../rollout/decide-next.ts';
import { findDeployed } from '../../rollout/find-deployed.ts';
import { findSuperseded } from '../../rollout/find-superseded.ts';
import type { FleetView } from '../../rollout/fleet-view.ts';
import { occupies, yieldsToNewer } from '../../rollout/host-bucket.ts';
import { checkBudgets, checkOnlyOpen } from '../../rollout/invariants.ts';
import { PendingHosts } from '../../rollout/pending-hosts.ts';
import { Rollout } from '../../rollout/rollout.ts';
import { isOpen, type LaterEntry } from '../../rollout/rollout-state.ts';
import { logEventOf } from '../../rollout/stored-entry.ts';
import type { Changes } from '../state/changes.ts';
import { endSetbacks, type Fleet, noteSetback } from '../state/fleet.ts';
import type { Listening } from '../state/listening.ts';
import type { Numbers } from '../state/numbers.ts';
import type { RolloutIndex } from '../state/rollout-index.ts';

/** A rollout that still produces entries after this many rounds must be stuck in a defect. */
const MAX_ROUNDS = 1000;
/**
 * Hosts that the gates are asked about in one commit. A wave of thousands is dispatched over many commits, so that an
 * event that arrives meanwhile waits for some dozens of hosts and not for all of them.
 */
const MAX_ASKED = 64;

/** Rows of one rollout that have changed since they were last written. */
interface Unsaved {
  /** The stored progress. */
  readonly progress: RolloutProgress;
  readonly hosts: Set<string>;
}

function fleetView(fleet: Fleet, index: RolloutIndex, listening: Listening): FleetView {
  return {
    host: (name) => {
      const host = fleet.hostByName(name);
      if (host === undefined) return null;
      const { stored, lastSeenAtMs } = host;
      const silentSinceMs = Math.max(lastSeenAtMs ?? 0, listening.sinceMs);
      return { status: stored.status, labels: stored.labels, lastSeenAtMs, silentSinceMs };
    },
    quarantine: (stack, release) => index.quarantine(stack, release),
    occupant: (stack, host, except) => index.occupant(stack, host, except),
    changing: () => index.changing(),
    budgets: () => index.budgets(),
    nextEpoch: (stack, host) => index.nextEpoch(stack, host),
  };
}

export class RolloutDriver {
  readonly view: FleetView;
  readonly #numbers: Numbers;
  readonly #changes: Changes;
  readonly #fleet: Fleet;
  readonly #index: RolloutIndex;
  readonly #pending = new Map<Rollout, PendingHosts>();
  readonly #dirty = new Set<Rollout>();
  #hasCheckedSoaks = false;
  /** Written at the end of the batch, so that a row that changes many times is written once. */
  readonly #unsaved = new Map<Rollout, Unsaved>();

  constructor(fleet: Fleet, index: RolloutIndex, numbers: Numbers, changes: Changes, listening: Listening) {
    this.#numbers = numbers;
    this.#changes = changes;
    this.#fleet = fleet;
    this.#index = index;
    this.view = fleetView(fleet, index, listening);
    for (const rollout of index.rollouts()) this.open(rollout);
  }

  /** Starts driving a rollout. It is first planned at the end of the batch. */
  open(rollout: Rollout): void {
    this.#pending.set(rollout, new PendingHosts(rollout));
    this.#dirty.add(rollout);
  }

  /** Supersedes the open rollouts that the new one replaces, and creates it. */
  create(asked: RolloutPlan, nowMs: number): void {
    for (const other of findSuperseded(asked, this.#index.rollouts())) {
      this.apply(other, { kind: 'rollout_superseded', by: asked.id }, nowMs);
    }
    const rollout = Rollout.create(asked, nowMs);
    checkOnlyOpen(rollout, this.#index.rollouts());
    this.#log(asked.id, { kind: 'rollout_created', plan: asked }, nowMs);
    const number = this.#numbers.next('rollout');
    this.#changes.write({ kind: 'insert_rollout', number, plan: asked, progress: rollout.progress });
    for (const host of rollout.hosts.values())
      this.#changes.write({ kind: 'save_rollout_host', rolloutId: asked.id, host });
    this.#index.addRollout(rollout);
    this.open(rollout);
  }

  /** Applies one entry to memory and the log; the changed rows are written at the end of the batch. */
  apply(rollout: Rollout, entry: LaterEntry, nowMs: number): void {
    const { id, stack } = rollout.plan;
    const unsaved = this.#unsavedOf(rollout);
    if (entry.kind === 'host_dispatched') checkBudgets(this.view, entry.host);
    const concerned = 'host' in entry ? rollout.host(entry.host) : undefined;
    const wasOccupied = concerned !== undefined && occupies(rollout.plan, concerned);
    const wasOpen = isOpen(rollout.progress.status);
    const change = rollout.apply(entry, nowMs);
    this.#log(id, entry, nowMs);
    if (wasOpen && !isOpen(rollout.progress.status)) {
      for (const name of rollout.occupied) this.#freeStack(rollout, name);
    }
    for (const host of change.hosts) {
      unsaved.hosts.add(host.name);
      this.#pending.get(rollout)?.noteChange(host);
      if (concerned !== undefined && host.state !== concerned.state) this.#noteOutcome(stack, host, nowMs);
      if (yieldsToNewer(rollout.progress.status, host)) this.#freeStack(rollout, host.name);
      if (!wasOccupied || occupies(rollout.plan, host)) continue;
      this.#freeStack(rollout, host.name);
      this.#freePlaces(host.name);
    }
    if (entry.kind === 'host_dispatched') this.noteEpoch(stack, entry.host, entry.epoch);
    if (entry.kind === 'host_reported') this.#noteDeployed(rollout, entry.host, entry.numbered.event, nowMs);
    for (const effect of change.effects) this.#carryOut(rollout, effect, nowMs);
    this.#dirty.add(rollout);
  }

  #noteDeployed({ plan }: Rollout, host: string, event: AgentEvent, nowMs: number): void {
    const { stack, id: rolloutId } = plan;
    const reported = findDeployed(event, plan);
    const release = reported && this.#index.release(reported)?.removesStack === true ? null : reported;
    const known = this.#index.deployment(stack, host);
    if (release === undefined || known?.release === release) return;
    const deployment = { stack, host, release, rolloutId, sinceMs: nowMs, ...NOT_WATCHED };
    if (known !== undefined && known.drift !== null) {
      const data = { stack, release: known.release, replaced_by: release };
      this.#changes.log({ atMs: nowMs, kind: 'drift_resolved', host, rolloutId, data });
    }
    const live = this.#fleet.hostByName(host);
    if (live !== undefined) live.awaitsBaseline = true;
    this.#index.putDeployment(deployment);
    this.#changes.write({ kind: 'save_deployment', deployment });
  }

  /** The agent has acknowledged the offer of this rollout, so it has dropped the host's part in every earlier one. */
  takeOver(rollout: Rollout, name: string, nowMs: number): void {
    for (const other of this.#index.rolloutsOfHost(name)) {
      const host = other.host(name);
      if (other === rollout || other.plan.stack !== rollout.plan.stack || host === undefined) continue;
      if (!occupies(other.plan, host)) continue;
      const reason = `rollout ${rollout.plan.id} has taken it over`;
      this.apply(other, { kind: 'host_dropped', host: name, reason }, nowMs);
    }
  }

  /** Goes beyond an epoch that the host's agent knows: an earlier database may have given it out. */
  noteEpoch(stack: string, host: string, epoch: number): void {
    if (this.#index.noteEpoch(stack, host, epoch)) this.#changes.write({ kind: 'save_epoch', stack, host, epoch });
  }

  /** For the baseline of the next release. */
  #noteOutcome(stack: string, { name, state, dispatchedAtMs }: RolloutHost, nowMs: number): void {
    const host = this.#fleet.hostByName(name);
    if (host === undefined) return;
    if (state === 'failed') noteSetback(host, stack, dispatchedAtMs ?? nowMs);
    if (state === 'reverted' || state === 'converged') endSetbacks(host, stack, nowMs);
  }

  #unsavedOf(rollout: Rollout): Unsaved {
    const known = this.#unsaved.get(rollout);
    if (known !== undefined) return known;
    const unsaved = { progress: rollout.progress, hosts: new Set<string>() };
    this.#unsaved.set(rollout, unsaved);
    return unsaved;
  }

  #save(): void {
    for (const [rollout, { progress, hosts }] of this.#unsaved) {
      const { id: rolloutId } = rollout.plan;
      if (rollout.progress !== progress)
        this.#changes.write({ kind: 'save_progress', rolloutId, progress: rollout.progress });
      for (const name of hosts) {
        const host = rollout.host(name);
        invariant(host !== undefined, `rollout ${rolloutId} has the host '${name}' that changed`);
        this.#changes.write({ kind: 'save_rollout_host', rolloutId, host });
      }
    }
    this.#unsaved.clear();
  }

  #log(rolloutId: string, entry: RolloutEntry, atMs: number): void {
    this.#changes.log(logEventOf(rolloutId, entry, atMs));
  }

  #carryOut(rollout: Rollout, effect: RolloutEffect, nowMs: number): void {
    if (effect.kind !== 'quarantine') {
      const hostId = this.#fleet.hostByName(effect.host)?.stored.id;
      if (hostId !== undefined) this.#changes.effect({ kind: 'wake_polls', hostId });
      return;
    }
    const { stack, release, id: rolloutId } = rollout.plan;
    if (this.#index.quarantine(stack, release) !== null) return;
    const { host, failingProbes, output } = effect;
    const quarantine: StoredQuarantine = {
      id: this.#numbers.next('quarantine'),
      stack,
      release,
      rolloutId,
      host,
      failingProbes,
      output,
      sinceMs: nowMs,
      liftedAtMs: null,
      liftedReason: null,
    };
    this.#index.putQuarantine(quarantine);
    this.#changes.write({ kind: 'insert_quarantine', quarantine });
    const data = { stack, release, failing_probes: failingProbes, output };
    this.#changes.log({
      atMs: nowMs,
      kind: 'release_quarantined',
      host,
      rolloutId: null,
      data: { ...data, rollout_id: rolloutId },
    });
    this.touchStack(stack);
  }

  /** The rollout no longer keeps others from the stack on this host: those that wait for it are planned again. */
  #freeStack(rollout: Rollout, name: string): void {
    for (const other of this.#index.rolloutsOfHost(name)) {
      if (other === rollout || other.plan.stack !== rollout.plan.stack) continue;
      this.#pending.get(other)?.noteHost(name);
      this.#dirty.add(other);
    }
  }

  /** A rollout no longer occupies this host: rollouts that wait for a place in one of its budgets are planned again. */
  #freePlaces(name: string): void {
    const labels = this.#fleet.hostByName(name)?.stored.labels ?? {};
    for (const budget of this.#index.budgets()) if (isOfBudget(budget, labels)) this.touchBudget(budget);
  }

  /** Plans every rollout with a host that waits for a place in the budget again. */
  touchBudget(budget: Pick<Budget, 'label' | 'value'>): void {
    for (const [rollout, pending] of this.#pending) {
      if (pending.noteBudget(budgetName(budget))) this.#dirty.add(rollout);
    }
  }

  /** Plans every rollout of the stack again, because something changed that all of them may depend on. */
  touchStack(stack: string): void {
    for (const rollout of this.#index.rollouts()) if (rollout.plan.stack === stack) this.#dirty.add(rollout);
  }

  /** Whether the last batch left work for the next one. */
  get hasMore(): boolean {
    return this.#dirty.size > 0;
  }

  /** Whether some rollout has something to do because time has passed, or has not been planned yet. */
  isDue(nowMs: number): boolean {
    if (this.hasMore) return true;
    for (const pending of this.#pending.values()) {
      const wakeMs = pending.nextWakeMs();
      if (wakeMs !== null && wakeMs <= nowMs) return true;
    }
    return this.#newlyLost(nowMs).next().done !== true;
  }

  /** Hosts on their way that have been silent for too long. */
  *#newlyLost(nowMs: number): Generator<{ readonly rollout: Rollout; readonly name: string }> {
    for (const rollout of this.#index.rollouts()) {
      for (const name of rollout.inFlight) {
        const [host, known] = [rollout.host(name), this.view.host(name)];
        if (host === undefined || known === null) continue;
        if (isNewlyLost(rollout.plan, host, known, nowMs)) yield { rollout, name };
      }
    }
  }

  /** Gives up hosts that have been silent for too long. Time alone makes them so: a sweep looks, not every commit. */
  loseSilent(nowMs: number): void {
    for (const { rollout, name } of [...this.#newlyLost(nowMs)]) {
      for (const entry of decideHostChange(rollout, this.view, name, nowMs)) this.apply(rollout, entry, nowMs);
    }
  }

  /**
   * Advances every rollout that something has happened to until nothing more follows, or as far as one batch allows, and
   * writes the changed rows. The cost depends on what changed, not on the size of the fleet.
   */
  advance(nowMs: number): void {
    for (const [rollout, pending] of this.#pending) {
      const wakeMs = pending.nextWakeMs();
      if (wakeMs !== null && wakeMs <= nowMs) this.#dirty.add(rollout);
    }
    if (!this.#hasCheckedSoaks) {
      this.#hasCheckedSoaks = true;
      this.#restartEndlessSoaks(nowMs);
    }
    this.#reconsiderChangedHosts(nowMs);
    let left = MAX_ASKED;
    for (let round = 0; this.#dirty.size > 0 && left > 0; round += 1) {
      invariant(round < MAX_ROUNDS, 'a rollout must run out of entries');
      for (const rollout of [...this.#dirty]) {
        if (left <= 0) break;
        this.#dirty.delete(rollout);
        left -= this.#plan(rollout, left, nowMs);
      }
    }
    this.#save();
  }

  /** Begins every soak again after a step of the wall clock. Returns how many. */
  restartSoaks(byMs: number, nowMs: number): number {
    const soaking = [...this.#soaking()];
    for (const { rollout, host } of soaking) {
      this.apply(rollout, { kind: 'soak_restarted', host: host.name, byMs }, nowMs);
    }
    return soaking.length;
  }

  /** Begins soaks again that would last for longer than they can: the clock was set back while no server was running. */
  #restartEndlessSoaks(nowMs: number): void {
    for (const { rollout, host } of [...this.#soaking()]) {
      const latestMs = nowMs + soakSecondsOf(rollout.plan, host.wave) * 1000;
      if ((host.soakDueAtMs ?? 0) <= latestMs) continue;
      this.apply(rollout, { kind: 'soak_restarted', host: host.name, byMs: null }, nowMs);
    }
  }

  *#soaking(): Generator<{ readonly rollout: Rollout; readonly host: RolloutHost }> {
    for (const rollout of this.#index.rollouts()) {
      for (const name of rollout.inFlight) {
        const host = rollout.host(name);
        if (host?.state === 'soaking') yield { rollout, host };
      }
    }
  }

  #reconsiderChangedHosts(nowMs: number): void {
    for (const name of this.#fleet.changedHosts) {
      for (const rollout of this.#index.rolloutsOfHost(name)) {
        for (const entry of decideHostChange(rollout, this.view, name, nowMs)) this.apply(rollout, entry, nowMs);
        this.#pending.get(rollout)?.noteHost(name);
        this.#dirty.add(rollout);
        // With other labels it takes up a place of another budget.
        if (rollout.occupied.has(name)) for (const budget of this.#index.budgets()) this.touchBudget(budget);
      }
    }
    this.#fleet.changedHosts.clear();
  }

  /** Plans a rollout once and asks the gates about at most `limit` hosts. Returns about how many it asked about. */
  #plan(rollout: Rollout, limit: number, nowMs: number): number {
    const pending = this.#pending.get(rollout);
    if (pending === undefined) return 0;
    const asked = new First(pending.candidates(rollout.progress.currentWave, nowMs), limit);
    const { entries, holds } = decideNext(rollout, this.view, asked, nowMs);
    pending.park(rollout.hosts, holds);
    for (const entry of entries) this.apply(rollout, entry, nowMs);
    if (entries.length === 0 && this.#index.closeIfOver(rollout)) this.#pending.delete(rollout);
    else if (asked.isCut) this.#dirty.add(rollout);
    return asked.count;
  }
}

/** The first `limit` items of a list, and whether there were more. */
class First<T> implements Iterable<T> {
  readonly #items: Iterable<T>;
  readonly #limit: number;
  count = 0;
  isCut = false;

  constructor(items: Iterable<T>, limit: number) {
    this.#items = items;
    this.#limit = limit;
  }

  *[Symbol.iterator](): Generator<T> {
    for (const item of this.#items) {
      if (this.count >= this.#limit) {
        this.isCut = true;
        return;
      }
      this.count += 1;
      yield item;
    }
  }
}
