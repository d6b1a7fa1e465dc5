/** Waiting, in terms of the runtime port. */
import type { Runtime } from '../domain/runtime.ts';

type Timers = Pick<Runtime, 'setTimer'>;

/** Resolves after `delayMs`, or as soon as `signal` aborts. Never rejects. */
export function delay(runtime: Timers, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = runtime.setTimer(delayMs, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Calls `work` every `periodMs`, the first time after one period, until it is stopped. */
export function every(runtime: Timers, periodMs: number, work: () => void): { stop(): void } {
  let isStopped = false;
  let timer = runtime.setTimer(periodMs, turn);
  function turn(): void {
    timer = runtime.setTimer(periodMs, turn);
    work();
    if (isStopped) timer.cancel();
  }
  return {
    stop() {
      isStopped = true;
      timer.cancel();
    },
  };
}

/** A signal that aborts with a `TimeoutError` after `limitMs`; `cancel` ends the wait, and is called once it is not needed. */
export function timeLimit(runtime: Timers, limitMs: number): { readonly signal: AbortSignal; cancel(): void } {
  const controller = new AbortController();
  const timer = runtime.setTimer(limitMs, () =>
    controller.abort(new DOMException('the time limit has passed', 'TimeoutError')),
  );
  return { signal: controller.signal, cancel: () => timer.cancel() };
}
