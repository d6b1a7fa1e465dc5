/**
 * Sheds telemetry before it costs anything when more comes than can be stored: agents keep what is refused and send it
 * again. A refusal is held back for as long as its `Retry-After` asks for, so that a client that does not wait by itself
 * waits all the same, and cannot spend on refusals what its own posts need.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { HTTP_LIMITS } from './http-limits.ts';
import { problem } from './problem.ts';
import { Refusal } from './read-body.ts';
import type { Exchange } from './route.ts';

export interface GateLimits {
  readonly telemetryUnderWay: { readonly few: number; readonly most: number; readonly longMs: number };
  readonly refusalsHeld: number;
  readonly refusalHeldMs: number;
}

export class TelemetryGate {
  readonly #limits: GateLimits;
  readonly #nowMs: () => number;
  /** When the posts that are not answered yet were here in full, oldest first. */
  readonly #underWay = new Set<{ readonly atMs: number }>();
  #held = 0;

  constructor(limits: GateLimits = HTTP_LIMITS, nowMs: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  /** Runs `handle`, or throws {@link Refusal} with 503. */
  async pass<T>({ request }: Exchange, handle: () => Promise<T>): Promise<T> {
    if (this.#isBehind()) {
      request.resume();
      await this.#hold();
      throw new Refusal(
        problem(503, 'more telemetry comes than can be stored: try again shortly', {}, { 'retry-after': '1' }),
      );
    }
    const post = { atMs: 0 };
    // Only from here on does it wait for this server: how long a client takes to send says nothing of what can be stored.
    const begin = (): void => {
      post.atMs = this.#nowMs();
      this.#underWay.add(post);
    };
    request.on('end', begin);
    try {
      return await handle();
    } finally {
      request.off('end', begin);
      this.#underWay.delete(post);
    }
  }

  /** Many wait, and the first of them has waited for long: a slow disk alone refuses nobody. */
  #isBehind(): boolean {
    const { few, most, longMs } = this.#limits.telemetryUnderWay;
    if (this.#underWay.size < few) return false;
    if (this.#underWay.size >= most) return true;
    const [oldest] = this.#underWay;
    return oldest !== undefined && this.#nowMs() - oldest.atMs > longMs;
  }

  async #hold(): Promise<void> {
    if (this.#held >= this.#limits.refusalsHeld) return;
    this.#held += 1;
    await sleep(this.#limits.refusalHeldMs);
    this.#held -= 1;
  }
}
