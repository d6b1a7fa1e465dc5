/** Wakes the one who waits. A notify while nobody waits is kept for the next wait. */
export class WakeUp {
  #isNotified = false;
  #wake: (() => void) | null = null;

  notify(): void {
    this.#isNotified = true;
    this.#wake?.();
  }

  /** Returns once it was rung since the last wait, after `ms`, or when `signal` aborts. For one waiter at a time. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#isNotified && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, Math.max(0, ms));
        signal.addEventListener('abort', done);
        this.#wake = done;
      });
      this.#wake = null;
    }
    this.#isNotified = false;
  }
}
