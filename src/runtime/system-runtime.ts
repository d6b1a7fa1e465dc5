import type { Runtime } from '../domain/runtime.ts';

/** The clocks, timers and random source of this machine. `monotonicMs` is CLOCK_MONOTONIC: all processes of one boot share it. */
export const systemRuntime: Runtime = {
  nowMs: () => Date.now(),
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  setTimer(delayMs, callback, { keepsAlive = true } = {}) {
    const timer = setTimeout(callback, Math.max(0, delayMs));
    if (!keepsAlive) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  defer: (callback) => void setImmediate(callback),
  random: () => Math.random(),
  // Not node:crypto, which takes longer to load than a whole `nexus --version`.
  randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
};
