/**
 * Who is worth asking the gates about. Every host that is not dispatched is either ready, wave by wave in the order it
 * came, or parked behind a hold of its own until something happens that may lift it. So a tick of a fleet of ten
 * thousand, most of them offline, asks about the one that came back.
 *
 * It only saves work: it is built anew from the rollout at every start, and forgetting nothing is its one duty. Whoever
 * holds the rollout tells it of every change (`noteChange`), of news about hosts (`noteHost`), and of the time
 * (`candidates`).
 */
import type { RolloutHost } from '../domain/rollout.ts';
import type { Holding } from './gates/gate.ts';
import { bucketOf } from './host-bucket.ts';
import type { RolloutState } from './rollout-state.ts';

export class PendingHosts {
  readonly #ready: ReadonlyArray<Set<string>>;
  readonly #parked = new Map<string, { readonly wave: number; readonly holding: Holding }>();
  readonly #byTime = new Map<number, Set<string>>();
  readonly #byHost = new Map<string, Set<string>>();

  constructor(rollout: RolloutState) {
    this.#ready = rollout.pending.map((names) => new Set(names));
  }

  /** Hosts to ask about now, those of waves that may be dispatched only. Parking while iterating is allowed. */
  *candidates(currentWave: number, nowMs: number): Generator<string> {
    for (const [atMs, names] of [...this.#byTime]) {
      if (atMs <= nowMs) for (const name of names) this.#wake(name);
    }
    for (const names of this.#ready.slice(0, currentWave + 1)) yield* names;
  }

  /** Hosts that were asked about and must wait leave the line until news come. */
  park(waves: ReadonlyMap<string, RolloutHost>, holds: ReadonlyMap<string, Holding>): void {
    for (const [name, holding] of holds) {
      const wave = waves.get(name)?.wave;
      if (wave === undefined || this.#ready[wave]?.delete(name) !== true) continue;
      this.#parked.set(name, { wave, holding });
      if (holding.wakeAtMs !== null) addTo(this.#byTime, holding.wakeAtMs, name);
      if (holding.waitsFor !== null) addTo(this.#byHost, holding.waitsFor, name);
    }
  }

  /** A host as an entry left it: in the line when it is pending, out of it when not; others may have waited for it. */
  noteChange(host: RolloutHost): void {
    this.#unpark(host.name);
    if (bucketOf(host) === 'pending') this.#ready[host.wave]?.add(host.name);
    else this.#ready[host.wave]?.delete(host.name);
    if (host.state === 'converged' || host.left) this.#wakeWaitingFor(host.name);
  }

  /** News from outside: status, labels, or another rollout that let go of it. */
  noteHost(name: string): void {
    this.#wake(name);
    this.#wakeWaitingFor(name);
  }

  /** The time at which `candidates` has somebody to wake; null: only news can. */
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
