import type { ContainerView } from './container-view.ts';
import { chooseContainers, type ListedContainer } from './parse-container-list.ts';
import type { EngineEvent } from './parse-engine-event.ts';
import { KEEPS_LABEL } from './project-container.ts';

/**
 * Knows the engine's containers, and which of them have to be inspected again. Holds no connection: events, lists and
 * inspections go in, ids to inspect come out.
 */
export class ContainerInventory {
  readonly #views = new Map<string, ContainerView>();
  readonly #stale = new Set<string>();
  /** Being inspected; the answer is dropped when the container is removed meanwhile. */
  readonly #asked = new Set<string>();
  readonly #max: number;
  #leftOut = 0;

  /** At most `max` containers are kept. */
  constructor(max: number) {
    this.#max = max;
  }

  /** How many containers the last list had beyond the limit. */
  get leftOut(): number {
    return this.#leftOut;
  }

  get staleCount(): number {
    return this.#stale.size;
  }

  /**
   * All known containers, at most `max`; running ones come first when there are more. Those that only keep an image are
   * nothing that somebody runs.
   */
  views(): ContainerView[] {
    const all = [...this.#views.values()].filter(({ identity }) => !Object.hasOwn(identity.labels, KEEPS_LABEL));
    if (all.length <= this.#max) return all;
    return all.sort((a, b) => Number(b.pid > 0) - Number(a.pid > 0)).slice(0, this.#max);
  }

  apply(event: EngineEvent): void {
    if (event.kind === 'removed') this.remove(event.containerId);
    else this.#stale.add(event.containerId);
  }

  /** Has a container inspected again: what is known about it may no longer hold. */
  markStale(id: string): void {
    this.#stale.add(id);
  }

  remove(id: string): void {
    this.#views.delete(id);
    this.#stale.delete(id);
    this.#asked.delete(id);
  }

  /**
   * Takes the engine's list as the truth about which containers there are. After a gap in the events (`everything`)
   * every one of them is inspected again, as it may have been restarted unseen. Otherwise only those that are new or
   * different in the list, and those with a health check, whose health the list does not show.
   */
  reconcile(listed: readonly ListedContainer[], everything: boolean): void {
    const chosen = chooseContainers(listed, this.#max);
    this.#leftOut = listed.length - chosen.length;
    const present = new Set(chosen.map(({ id }) => id));
    for (const id of [...this.#views.keys(), ...this.#stale]) if (!present.has(id)) this.remove(id);
    for (const entry of chosen) {
      const view = this.#views.get(entry.id);
      if (everything || view === undefined || view.hasHealthcheck || differs(view, entry)) this.#stale.add(entry.id);
    }
  }

  /** The next ids to inspect, at most `count`; they count as fresh until marked stale again. */
  takeStale(count: number): string[] {
    const taken: string[] = [];
    for (const id of this.#stale) {
      if (taken.length === count) break;
      taken.push(id);
    }
    for (const id of taken) {
      this.#stale.delete(id);
      this.#asked.add(id);
    }
    return taken;
  }

  /**
   * Takes in what the inspection of `id` found, null when it is gone. Returns false, and changes nothing, when the
   * container was removed while it was being inspected.
   */
  learn(id: string, view: ContainerView | null): boolean {
    if (!this.#asked.delete(id)) return false;
    if (view === null) this.remove(id);
    else this.#views.set(id, view);
    return true;
  }

  /** Forgets everything, when the engine went away. */
  clear(): void {
    this.#views.clear();
    this.#stale.clear();
    this.#asked.clear();
    this.#leftOut = 0;
  }
}

function differs(view: ContainerView, entry: ListedContainer): boolean {
  return view.identity.state !== entry.state || view.identity.name !== entry.name;
}
