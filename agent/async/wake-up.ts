import type { Runtime, Timer } from '../../src/domain/runtime.ts';

/** Ends the wait of the one who waits. A notification while nobody waits is kept for the next wait. */
export class WakeUp {
  readonly #runtime: Pick<Runtime, 'setTimer'>;
  #isNotified = false;
  #wake: (() => void) | null = null;

  constructor(runtime: Pick<Runtime, 'setTimer'>) {
    this.#runtime = runtime;
  }

  notify(): void {
    this.#isNotified = true;
    this.#wake?.();
  }

  /** Returns once it was notified since the last wait, after `limitMs`, or when `signal` aborts. For one waiter at a time. */
  async wait(limitMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#isNotified && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          timer.cancel();
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer: Timer = this.#runtime.setTimer(limitMs, done);
        signal.addEventListener('abort', done);
        this.#wake = done;
      });
      this.#wake = null;
    }
    this.#isNotified = false;
  }
}
