/**
 * One rollout in memory. It changes only through `apply`, which checks every change against the invariants first. The
 * indexes `pending`, `inFlight` and `occupied` only spare a scan over every host.
 *
 *     an agent's event      decideEvent      ┐
 *     an operator's order   decideCommand    ├─ entries ─→ the log ─→ apply: evolve, then invariants ─→ rows, effects
 *     a change of a host    decideHostChange │                ↑
 *     what comes next       decideNext       ┘                └─ replay: the same fold, from nothing
 */
import { invariant } from '../domain/errors.ts';
import type { RolloutRows } from '../domain/records.ts';
import type { RolloutEntry, RolloutHost, RolloutPlan, RolloutProgress } from '../domain/rollout.ts';
import { type Change, evolveCreation, evolveRollout } from './evolve.ts';
import { bucketOf, occupies } from './host-bucket.ts';
import { checkChange } from './invariants.ts';
import type { LaterEntry, RolloutState } from './rollout-state.ts';

export interface TimedEntry {
  readonly entry: RolloutEntry;
  /** By the server's clock. */
  readonly atMs: number;
}

export class Rollout implements RolloutState {
  readonly plan: RolloutPlan;
  readonly #hosts = new Map<string, RolloutHost>();
  readonly #pending: ReadonlyArray<Set<string>>;
  readonly #inFlight = new Set<string>();
  readonly #occupied = new Set<string>();
  #progress: RolloutProgress;

  private constructor(plan: RolloutPlan, progress: RolloutProgress, hosts: readonly RolloutHost[]) {
    this.plan = plan;
    this.#progress = progress;
    this.#pending = plan.waves.map(() => new Set());
    for (const host of hosts) this.#put(host);
    invariant(this.#hosts.size === plan.waves.flat().length, `rollout ${plan.id} must have each of its hosts once`);
  }

  /** As its first entry leaves it. */
  static create(plan: RolloutPlan, atMs: number): Rollout {
    const { progress, hosts } = evolveCreation(plan, atMs);
    return new Rollout(plan, progress, hosts);
  }

  /** From its rows. */
  static restore({ plan, progress, hosts }: RolloutRows): Rollout {
    return new Rollout(plan, progress, hosts);
  }

  /** From its log, beginning with `rollout_created`. */
  static replay(entries: Iterable<TimedEntry>): Rollout {
    let rollout: Rollout | null = null;
    for (const { entry, atMs } of entries) {
      if (entry.kind === 'rollout_created') {
        invariant(rollout === null, 'a rollout must be created once');
        rollout = Rollout.create(entry.plan, atMs);
      } else {
        invariant(rollout !== null, 'a log must begin with rollout_created');
        rollout.apply(entry, atMs);
      }
    }
    invariant(rollout !== null, 'a log must have entries');
    return rollout;
  }

  get progress(): RolloutProgress {
    return this.#progress;
  }

  get hosts(): ReadonlyMap<string, RolloutHost> {
    return this.#hosts;
  }

  get pending(): readonly ReadonlySet<string>[] {
    return this.#pending;
  }

  get inFlight(): ReadonlySet<string> {
    return this.#inFlight;
  }

  /** The hosts that it is still working on, also once it has ended. */
  get occupied(): ReadonlySet<string> {
    return this.#occupied;
  }

  host(name: string): RolloutHost | undefined {
    return this.#hosts.get(name);
  }

  /** Folds the entry in and returns what it changed. Throws, and changes nothing, when an invariant would break. */
  apply(entry: LaterEntry, atMs: number): Change {
    const change = evolveRollout(this, entry, atMs);
    checkChange(this, entry, change, atMs);
    this.#progress = change.progress;
    for (const host of change.hosts) this.#put(host);
    return change;
  }

  /** Equal states give equal bytes under `JSON.stringify`. */
  toRows(): RolloutRows {
    return { plan: this.plan, progress: this.#progress, hosts: [...this.#hosts.values()] };
  }

  #put(host: RolloutHost): void {
    const bucket = bucketOf(host);
    this.#hosts.set(host.name, host);
    if (bucket === 'inFlight') this.#inFlight.add(host.name);
    else this.#inFlight.delete(host.name);
    if (occupies(this.plan, host)) this.#occupied.add(host.name);
    else this.#occupied.delete(host.name);
    if (bucket === 'pending') this.#pending[host.wave]?.add(host.name);
    else this.#pending[host.wave]?.delete(host.name);
  }
}
