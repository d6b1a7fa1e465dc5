/** Agents that wait for something to do: a host's poll ends when it is woken, or when its time is over. */
export class WaitingPolls {
  readonly #byHost = new Map<number, ReadonlyArray<() => void>>();

  /**
   * Calls `onOver` once, when the host is woken, `waitMs` are over, or the poll is given up by what this returns. The
   * fewest objects that do: ten thousand of them wait most of the time.
   */
  wait(hostId: number, waitMs: number, onOver: () => void): () => void {
    const end = (): void => {
      clearTimeout(timer);
      if (this.#remove(hostId, end)) onOver();
    };
    const timer = setTimeout(end, waitMs);
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
