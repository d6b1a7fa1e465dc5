/**
 * A server around the core, as small as can be: one transaction at a time, the log as the truth, offers to waiting polls
 * after the commit. The real engine makes the same calls in the same order.
 */
import assert from 'node:assert/strict';
import type { HostStatus } from '../../src/domain/host.ts';
import type { RolloutRows } from '../../src/domain/records.ts';
import type { Quarantine } from '../../src/domain/release.ts';
import type { HostState, NumberedEvent, RolloutEntry, RolloutPlan } from '../../src/domain/rollout.ts';
import { classifySeq } from '../../src/rollout/classify-seq.ts';
import { decideCommand, type RolloutCommand } from '../../src/rollout/decide-command.ts';
import { decideEvent } from '../../src/rollout/decide-event.ts';
import { decideHostChange } from '../../src/rollout/decide-host-change.ts';
import { decideNext } from '../../src/rollout/decide-next.ts';
import { findSuperseded } from '../../src/rollout/find-superseded.ts';
import type { FleetHost, FleetView } from '../../src/rollout/fleet-view.ts';
import { isOffered, occupies } from '../../src/rollout/host-bucket.ts';
import { checkOnlyOpen } from '../../src/rollout/invariants.ts';
import { PendingHosts } from '../../src/rollout/pending-hosts.ts';
import { Rollout, type TimedEntry } from '../../src/rollout/rollout.ts';
import { isOpen, type LaterEntry } from '../../src/rollout/rollout-state.ts';
import { isNews, judgeTelemetry, type StackSample } from '../../src/rollout/telemetry-gate/judge-telemetry.ts';
import { checkWhole } from '../rollout/check-whole.ts';
import type { Oracle } from './oracle.ts';

export interface SimHost {
  readonly name: string;
  status: HostStatus;
  labels: Record<string, string>;
  lastSeenMs: number;
  /** What its stacks took lately, by stack. */
  readonly samples: Map<string, StackSample[]>;
}

export interface Offer {
  readonly rolloutId: string;
  readonly stack: string;
  readonly release: string;
  readonly epoch: number;
}

export interface HostPart {
  readonly rolloutId: string;
  readonly stack: string;
  readonly release: string;
  readonly state: HostState;
  readonly epoch: number;
  readonly lastSeq: number;
  readonly previousRelease: string | null;
  readonly regressed: boolean;
}

interface Held {
  readonly rollout: Rollout;
  readonly line: PendingHosts;
}

/** What one transaction may take to come to rest. */
const MAX_PLANS = 500;
const OFFLINE_AFTER_MS = 25_000;
const KEPT_SAMPLES = 16;

export class SimServer implements FleetView {
  up = true;
  readonly hosts = new Map<string, SimHost>();
  readonly log: Array<TimedEntry & { readonly rolloutId: string }> = [];
  readonly rollouts = new Map<string, Held>();
  readonly quarantines = new Map<string, Quarantine>();
  readonly #oracle: Oracle;
  readonly #now: () => number;
  readonly #dirty = new Set<string>();
  readonly #touched = new Set<string>();
  readonly #epochs = new Map<string, number>();
  readonly #digests = new Map<string, string>();
  readonly #polls = new Map<string, (offer: Offer) => void>();
  #toWake: string[] = [];

  constructor(oracle: Oracle, now: () => number) {
    this.#oracle = oracle;
    this.#now = now;
  }

  /** By its own clock. */
  get nowMs(): number {
    return this.#now();
  }

  host(name: string): FleetHost | null {
    return this.hosts.get(name) ?? null;
  }

  quarantine(stack: string, release: string): Quarantine | null {
    return this.quarantines.get(`${stack} ${release}`) ?? null;
  }

  occupant(stack: string, host: string, except: string): string | null {
    for (const [id, { rollout }] of this.rollouts) {
      const part = rollout.plan.stack === stack && id !== except ? rollout.host(host) : undefined;
      if (part !== undefined && occupies(rollout.plan, part)) return id;
    }
    return null;
  }

  changing(): Iterable<string> {
    return [];
  }

  budgets(): Iterable<never> {
    return [];
  }

  nextEpoch(stack: string, host: string): number {
    return (this.#epochs.get(`${stack} ${host}`) ?? 0) + 1;
  }

  /** An agent's event: the status of its answer. */
  receive(host: string, rolloutId: string, numbered: NumberedEvent): 204 | 401 | 404 | 409 {
    if (this.hosts.get(host)?.status === 'archived') return 401;
    const rollout = this.rollouts.get(rolloutId)?.rollout;
    const part = rollout?.host(host);
    if (rollout === undefined || part === undefined) return 404;
    const key = `${rolloutId} ${host} `;
    const stored = this.#digests.get(key + numbered.seq);
    const seqClass = classifySeq(part.lastSeq, numbered.seq, numbered.bodyDigest, stored);
    if (seqClass !== 'new') return seqClass === 'duplicate' ? 204 : 409;
    if (numbered.event.type === 'converged') this.#judge(host);
    const decision = decideEvent(rollout, host, numbered, this.nowMs);
    if (decision.ok) {
      for (const entry of decision.entries) this.#apply(rolloutId, entry);
      this.#digests.set(key + numbered.seq, numbered.bodyDigest);
    }
    this.#commit();
    return decision.ok ? 204 : 409;
  }

  /** Answers with an offer as soon as there is one. */
  poll(host: string, respond: (offer: Offer) => void): void {
    const offer = this.#offerTo(host);
    if (offer !== null) respond(offer);
    else this.#polls.set(host, respond);
  }

  /** What an agent that lost its disk needs to go on. */
  stateOf(host: string): HostPart[] {
    const parts: HostPart[] = [];
    for (const [rolloutId, { rollout }] of this.rollouts) {
      const part = rollout.host(host);
      if (part === undefined || part.epoch === null || !occupies(rollout.plan, part)) continue;
      const { stack, release } = rollout.plan;
      const { state, epoch, lastSeq, previousRelease } = part;
      const regressed = part.telemetry?.status === 'regressed';
      parts.push({ rolloutId, stack, release, state, epoch, lastSeq, previousRelease, regressed });
    }
    return parts;
  }

  telemetry(name: string, memoryMb: ReadonlyMap<string, number>): void {
    const host = this.hosts.get(name);
    if (host === undefined || host.status === 'archived') return;
    host.lastSeenMs = this.nowMs;
    for (const [stack, taken] of memoryMb) {
      const kept = host.samples.get(stack) ?? [];
      const sample = { atMs: this.nowMs, memoryMb: taken, cpuPercent: 5 };
      host.samples.set(stack, [...kept.slice(1 - KEPT_SAMPLES), sample]);
    }
    const back = host.status !== 'online';
    host.status = 'online';
    this.#judge(name);
    if (back) this.#noteHost(name);
    this.#commit();
  }

  /** Time alone: hosts gone silent, windows that open. */
  tick(): void {
    const now = this.nowMs;
    for (const host of this.hosts.values()) {
      if (host.status !== 'online' || now - host.lastSeenMs < OFFLINE_AFTER_MS) continue;
      host.status = 'offline';
      this.#noteHost(host.name);
    }
    for (const [id, { rollout, line }] of this.rollouts) {
      const wakeMs = line.nextWakeMs() ?? Infinity;
      if (isOpen(rollout.progress.status) && wakeMs <= now) this.#dirty.add(id);
    }
    this.#commit();
  }

  addHost(name: string, labels: Record<string, string>): void {
    this.hosts.set(name, { name, status: 'pending', labels, lastSeenMs: 0, samples: new Map() });
  }

  label(name: string, labels: Record<string, string>): void {
    const host = this.hosts.get(name);
    assert(host !== undefined);
    host.labels = labels;
    this.#noteHost(name);
    this.#commit();
  }

  archive(name: string): void {
    const host = this.hosts.get(name);
    assert(host !== undefined);
    host.status = 'archived';
    this.#noteHost(name);
    this.#commit();
  }

  create(asked: RolloutPlan): void {
    const open = [...this.rollouts.values()].map(({ rollout }) => rollout);
    for (const older of findSuperseded(asked, open)) {
      this.#apply(older.plan.id, { kind: 'rollout_superseded', by: asked.id });
    }
    this.#append(asked.id, { kind: 'rollout_created', plan: asked });
    const rollout = Rollout.create(asked, this.nowMs);
    checkOnlyOpen(rollout, open);
    this.rollouts.set(asked.id, { rollout, line: new PendingHosts(rollout) });
    this.#dirty.add(asked.id);
    this.#commit();
  }

  command(id: string, command: RolloutCommand): void {
    const held = this.rollouts.get(id);
    assert(held !== undefined);
    const decision = decideCommand(held.rollout.progress.status, command, 'the operator said so');
    for (const entry of decision.ok ? decision.entries : []) this.#apply(id, entry);
    this.#commit();
  }

  liftQuarantine(stack: string, release: string): void {
    this.quarantines.delete(`${stack} ${release}`);
    this.#oracle.lifted(stack, release);
    for (const [id, { rollout }] of this.rollouts) {
      if (rollout.plan.stack === stack && rollout.plan.release === release) this.#dirty.add(id);
    }
    this.#commit();
  }

  /** Everything in memory is gone; the log and the rows are what is left. */
  restart(fromRows: boolean): void {
    this.#polls.clear();
    this.#toWake = [];
    for (const [id, { rollout }] of this.rollouts) {
      const rows = JSON.stringify(rollout.toRows());
      const replayed = this.replay(id);
      assert.equal(JSON.stringify(replayed.toRows()), rows, `replay of ${id}`);
      const next = fromRows ? Rollout.restore(JSON.parse(rows) as RolloutRows) : replayed;
      this.rollouts.set(id, { rollout: next, line: new PendingHosts(next) });
      this.#dirty.add(id);
    }
    this.#commit();
  }

  replay(id: string): Rollout {
    return Rollout.replay(this.log.filter((entry) => entry.rolloutId === id));
  }

  #noteHost(name: string): void {
    for (const [id, { rollout, line }] of this.rollouts) {
      if (rollout.host(name) === undefined) continue;
      for (const entry of decideHostChange(rollout, this, name, this.nowMs)) this.#apply(id, entry);
      line.noteHost(name);
      this.#dirty.add(id);
    }
  }

  #judge(name: string): void {
    for (const [id, { rollout }] of this.rollouts) {
      const part = rollout.host(name);
      if (part === undefined || part.state !== 'soaking' || part.left) continue;
      const { policy, stack } = rollout.plan;
      const all = this.hosts.get(name)?.samples.get(stack) ?? [];
      const series = (samples: readonly StackSample[]) => ({ samples, restarts: 0, unhealthySeconds: 0 });
      const seen = {
        soakStartedAtMs: part.stateSinceMs,
        soak: series(all.filter((sample) => sample.atMs >= part.stateSinceMs)),
        baseline: null,
        peers: [],
      };
      const { telemetry, sustainedFailureSeconds } = policy;
      const verdict = judgeTelemetry(telemetry, sustainedFailureSeconds, seen, part.telemetry, this.nowMs);
      const isSoakOver = part.soakDueAtMs !== null && this.nowMs >= part.soakDueAtMs;
      if (isNews(part.telemetry, verdict, isSoakOver)) {
        this.#apply(id, { kind: 'telemetry_judged', host: name, verdict });
      }
    }
  }

  #append(rolloutId: string, entry: RolloutEntry): void {
    this.#touched.add(rolloutId);
    this.#oracle.observe(rolloutId, entry, this.nowMs);
    this.log.push({ rolloutId, entry, atMs: this.nowMs });
  }

  #apply(id: string, entry: LaterEntry): void {
    const held = this.rollouts.get(id);
    assert(held !== undefined);
    const { rollout, line } = held;
    this.#append(id, entry);
    const change = rollout.apply(entry, this.nowMs);
    this.#dirty.add(id);
    for (const host of change.hosts) {
      line.noteChange(host);
      if (!occupies(rollout.plan, host)) this.#release(id, rollout.plan.stack, host.name);
    }
    if (entry.kind === 'host_dispatched') this.#epochs.set(`${rollout.plan.stack} ${entry.host}`, entry.epoch);
    for (const effect of change.effects) {
      if (effect.kind === 'offer') this.#toWake.push(effect.host);
      if (effect.kind === 'quarantine') this.#quarantine(rollout.plan, effect);
    }
  }

  /** A rollout let go of a host: another may have waited for that. */
  #release(id: string, stack: string, host: string): void {
    for (const [other, { rollout, line }] of this.rollouts) {
      if (other === id || rollout.plan.stack !== stack || rollout.host(host) === undefined) continue;
      line.noteHost(host);
      this.#dirty.add(other);
    }
  }

  #quarantine({ stack, release, id }: RolloutPlan, evidence: { host: string; failingProbes: readonly string[] }): void {
    const key = `${stack} ${release}`;
    if (this.quarantines.has(key)) return;
    const { host, failingProbes } = evidence;
    const sinceMs = this.nowMs;
    this.quarantines.set(key, { stack, release, rolloutId: id, host, failingProbes, output: '', sinceMs });
    for (const [other, { rollout }] of this.rollouts) {
      if (rollout.plan.stack === stack && rollout.plan.release === release) this.#dirty.add(other);
    }
  }

  /** Plans until there is nothing left to decide, checks everything, and only then acts. */
  #commit(): void {
    for (let plans = 0; this.#dirty.size > 0; plans += 1) {
      assert(plans < MAX_PLANS, 'planning comes to an end');
      const [id] = this.#dirty;
      const held = id === undefined ? undefined : this.rollouts.get(id);
      if (id === undefined || held === undefined) break;
      const { rollout, line } = held;
      const next = decideNext(rollout, this, line.candidates(rollout.progress.currentWave, this.nowMs), this.nowMs);
      line.park(rollout.hosts, next.holds);
      this.#dirty.delete(id);
      for (const entry of next.entries) this.#apply(id, entry);
    }
    for (const id of this.#touched) {
      const held = this.rollouts.get(id);
      if (held === undefined) continue;
      checkWhole(held.rollout);
      this.#oracle.atRest(id, held.rollout);
    }
    this.#touched.clear();
    const woken = this.#toWake;
    this.#toWake = [];
    for (const host of woken) {
      const respond = this.#polls.get(host);
      const offer = this.#offerTo(host);
      if (respond === undefined || offer === null) continue;
      this.#polls.delete(host);
      respond(offer);
    }
  }

  #offerTo(host: string): Offer | null {
    for (const [rolloutId, { rollout }] of this.rollouts) {
      const part = rollout.host(host);
      if (part === undefined || part.epoch === null || !isOffered(part)) continue;
      const { stack, release } = rollout.plan;
      return { rolloutId, stack, release, epoch: part.epoch };
    }
    return null;
  }
}
