/** Waiting between attempts never exceeds this. */
const MAX_BACKOFF_MS = 60_000;
const MIN_BACKOFF_MS = 250;

/**
 * Exponential back-off with full jitter: a random share of `baseMs`·2^(failures − 1), between 250 ms and a minute, so
 * that a fleet whose server comes back does not come back in step. `random` is in [0, 1).
 */
export function planBackoffMs(failures: number, baseMs: number, random: number): number {
  const ceiling = Math.min(MAX_BACKOFF_MS, baseMs * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return Math.max(Math.min(MIN_BACKOFF_MS, baseMs), Math.round(ceiling * random));
}
