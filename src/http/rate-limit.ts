/**
 * At most `limit` requests in any 60 seconds per key. Refused requests do not count, so a client that keeps on asking
 * is served again as soon as its window has room.
 */
const WINDOW_MS = 60_000;
/** Keys without a request in the last window are forgotten when this many are held. */
const MAX_KEYS = 65_536;

export class RateLimit {
  readonly #limit: number;
  /** Times of the last accepted requests, oldest first, at most `limit` of them. */
  readonly #accepted = new Map<string, number[]>();

  /** 0 turns it off. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes a request at a time of the monotonic clock. Returns 0, or the whole seconds after which the next is taken. */
  take(key: string, nowMs: number): number {
    if (this.#limit === 0) return 0;
    const times = this.#timesOf(key, nowMs);
    while (times[0] !== undefined && nowMs - times[0] >= WINDOW_MS) times.shift();
    const [oldest] = times;
    if (times.length >= this.#limit && oldest !== undefined)
      return Math.max(1, Math.ceil((oldest + WINDOW_MS - nowMs) / 1000));
    times.push(nowMs);
    return 0;
  }

  #timesOf(key: string, nowMs: number): number[] {
    const known = this.#accepted.get(key);
    if (known !== undefined) return known;
    if (this.#accepted.size >= MAX_KEYS) this.#forgetIdle(nowMs);
    const times: number[] = [];
    this.#accepted.set(key, times);
    return times;
  }

  #forgetIdle(nowMs: number): void {
    for (const [key, times] of this.#accepted) {
      const newest = times.at(-1);
      if (newest === undefined || nowMs - newest >= WINDOW_MS) this.#accepted.delete(key);
    }
  }
}
