/**
 * Remembers which pending hosts are worth asking the gates about. A pending host is either ready (wave by wave, in the
 * order in which it became so) or parked behind its hold until something happens that may lift it. In a fleet of ten
 * thousand hosts, most of them offline, a tick then asks only about the one that came back.
 *
 * It only saves work, and is built from the rollout at every start; what it must never do is forget a host. Its owner
 * reports every change of the rollout (`noteChange`), every change of a host (`noteHost`), every place that may be free in
 * a budget (`noteBudget`), and the time (`candidates`).
 */
import { budgetName } from '../domain/budget.ts';
import type { RolloutHost } from '../domain/rollout.ts';
import type { Holding } from './gates/gate.ts';
import { bucketOf } from './host-bucket.ts';
import type { RolloutState } from './rollout-state.ts';

export class PendingHosts {
  readonly #ready: ReadonlyArray<Set<string>>;
  readonly #parked = new Map<string, { readonly wave: number; readonly holding: Holding }>();
  readonly #byTime = new Map<number, Set<string>>();
  readonly #byHost = new Map<string, Set<string>>();
  /** By `budgetName`. */
  readonly #byBudget = new Map<string, Set<string>>();

  constructor(rollout: RolloutState) {
    this.#ready = rollout.pending.map((names) => new Set(names));
  }

  /** The hosts to ask about now, up to the current wave. Hosts may be parked while this is iterated. */
  *candidates(currentWave: number, nowMs: number): Generator<string> {
    for (const [atMs, names] of [...this.#byTime]) {
      if (atMs <= nowMs) for (const name of names) this.#wake(name);
    }
    for (const names of this.#ready.slice(0, currentWave + 1)) yield* names;
  }

  /** Parks hosts that were asked about and must wait. */
  park(hosts: ReadonlyMap<string, RolloutHost>, holds: ReadonlyMap<string, Holding>): void {
    for (const [name, holding] of holds) {
      const wave = hosts.get(name)?.wave;
      if (wave === undefined || this.#ready[wave]?.delete(name) !== true) continue;
      this.#parked.set(name, { wave, holding });
      if (holding.wakeAtMs !== null) addTo(this.#byTime, holding.wakeAtMs, name);
      if (holding.waitsFor !== null) addTo(this.#byHost, holding.waitsFor, name);
      if (holding.hold.gate === 'budget') addTo(this.#byBudget, budgetName(holding.hold), name);
    }
  }

  /** Takes note of a host that an entry changed: it is ready when it is pending, and hosts that waited for it wake. */
  noteChange(host: RolloutHost): void {
    this.#unpark(host.name);
    if (bucketOf(host) === 'pending') this.#ready[host.wave]?.add(host.name);
    else this.#ready[host.wave]?.delete(host.name);
    if (host.state === 'converged' || host.left) this.#wakeWaitingFor(host.name);
  }

  /** Takes note that a host's status or labels changed, or that another rollout has finished with it. */
  noteHost(name: string): void {
    this.#wake(name);
    this.#wakeWaitingFor(name);
  }

  /** Takes note that a place of a budget may be free. Returns whether any host waited for one. */
  noteBudget(budget: string): boolean {
    const waiting = [...(this.#byBudget.get(budget) ?? [])];
    for (const name of waiting) this.#wake(name);
    return waiting.length > 0;
  }

  /** When the next parked host wakes by the clock; null: none does. */
  nextWakeMs(): number | null {
    return this.#byTime.size === 0 ? null : Math.min(...this.#byTime.keys());
  }

  #wakeWaitingFor(name: string): void {
    for (const waiting of this.#byHost.get(name) ?? []) this.#wake(waiting);
  }

  #wake(name: string): void {
    const wave = this.#unpark(name);
    if (wave !== undefined) this.#ready[wave]?.add(name);
  }

  #unpark(name: string): number | undefined {
    const parked = this.#parked.get(name);
    if (parked === undefined) return undefined;
    const { wave, holding } = parked;
    this.#parked.delete(name);
    if (holding.wakeAtMs !== null) removeFrom(this.#byTime, holding.wakeAtMs, name);
    if (holding.waitsFor !== null) removeFrom(this.#byHost, holding.waitsFor, name);
    if (holding.hold.gate === 'budget') removeFrom(this.#byBudget, budgetName(holding.hold), name);
    return wave;
  }
}

function addTo<K>(sets: Map<K, Set<string>>, key: K, name: string): void {
  const names = sets.get(key);
  if (names === undefined) sets.set(key, new Set([name]));
  else names.add(name);
}

function removeFrom<K>(sets: Map<K, Set<string>>, key: K, name: string): void {
  const names = sets.get(key);
  names?.delete(name);
  if (names?.size === 0) sets.delete(key);
}
