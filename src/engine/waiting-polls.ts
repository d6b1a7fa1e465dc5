/** Agents that wait for something to do: a host's poll is answered when it is woken, or when its time is over. */
export class WaitingPolls {
  readonly #byHost = new Map<number, Set<() => void>>();

  /** Resolves when the host is woken, `waitMs` are over, or the poll was given up. */
  wait(hostId: number, waitMs: number, givenUp: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#byHost.get(hostId) ?? new Set();
      this.#byHost.set(hostId, waiting);
      const finish = () => {
        clearTimeout(timer);
        givenUp.removeEventListener('abort', finish);
        waiting.delete(finish);
        if (waiting.size === 0 && this.#byHost.get(hostId) === waiting) this.#byHost.delete(hostId);
        resolve();
      };
      const timer = setTimeout(finish, waitMs);
      waiting.add(finish);
      givenUp.addEventListener('abort', finish);
      if (givenUp.aborted) finish();
    });
  }

  wake(hostId: number): void {
    for (const finish of [...(this.#byHost.get(hostId) ?? [])]) finish();
  }

  wakeAll(): void {
    for (const hostId of [...this.#byHost.keys()]) this.wake(hostId);
  }

  get count(): number {
    let count = 0;
    for (const waiting of this.#byHost.values()) count += waiting.size;
    return count;
  }
}
