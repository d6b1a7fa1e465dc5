import type { Runtime } from '../../domain/runtime.ts';

/** Polls of agents that wait for a dispatch. A poll ends when its host is woken or its time is over. */
export class WaitingPolls {
  readonly #runtime: Runtime;
  readonly #byHost = new Map<number, ReadonlyArray<() => void>>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /**
   * Calls `onOver` once: when the host is woken, when `waitMs` have passed, or when the returned function gives up the
   * poll. Kept small: ten thousand of these may exist at once.
   */
  wait(hostId: number, waitMs: number, onOver: () => void): () => void {
    const end = (): void => {
      timer.cancel();
      if (this.#remove(hostId, end)) onOver();
    };
    const timer = this.#runtime.setTimer(waitMs, end);
    this.#byHost.set(hostId, [...(this.#byHost.get(hostId) ?? []), end]);
    return end;
  }

  #remove(hostId: number, end: () => void): boolean {
    const waiting = this.#byHost.get(hostId) ?? [];
    const others = waiting.filter((other) => other !== end);
    if (others.length > 0) this.#byHost.set(hostId, others);
    else this.#byHost.delete(hostId);
    return others.length < waiting.length;
  }

  wake(hostId: number): void {
    for (const end of this.#byHost.get(hostId) ?? []) end();
  }

  wakeAll(): void {
    for (const hostId of [...this.#byHost.keys()]) this.wake(hostId);
  }

  get count(): number {
    let count = 0;
    for (const waiting of this.#byHost.values()) count += waiting.length;
    return count;
  }
}
