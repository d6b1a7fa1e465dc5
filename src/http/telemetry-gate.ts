/**
 * Sheds telemetry before it costs anything when more comes than can be stored: agents keep what is refused and send it
 * again. A refusal is held back for a while, so that a client that does not honour its `Retry-After` cannot spend on
 * refusals what its own posts need.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { HTTP_LIMITS } from './http-limits.ts';
import { problem } from './problem.ts';
import { Refusal } from './read-body.ts';
import type { Exchange } from './route.ts';

const KEPT_AFTER_A_CUT = 0.8;

export class TelemetryGate {
  #underWay = 0;
  /** As many may be under way: it begins where a burst fits in, and follows how long they take. */
  #limit: number = HTTP_LIMITS.telemetryUnderWay.most;
  #cutAtMs = 0;
  #held = 0;

  /** Runs `handle`, or throws {@link Refusal} with 503. */
  async pass<T>({ request }: Exchange, handle: () => Promise<T>): Promise<T> {
    if (this.#underWay >= this.#limit) {
      request.resume();
      await this.#hold();
      throw new Refusal(
        problem(503, 'more telemetry comes than can be stored: try again shortly', {}, { 'retry-after': '1' }),
      );
    }
    const atMs = performance.now();
    this.#underWay += 1;
    try {
      return await handle();
    } finally {
      this.#underWay -= 1;
      this.#learn(atMs, performance.now());
    }
  }

  /** A post that took long asks for fewer at once, and speaks for all that waited with it; any other for one more. */
  #learn(fromMs: number, toMs: number): void {
    const { few, most, longMs } = HTTP_LIMITS.telemetryUnderWay;
    if (toMs - fromMs <= longMs) this.#limit = Math.min(most, this.#limit + 1);
    else if (fromMs >= this.#cutAtMs) {
      this.#limit = Math.max(few, Math.min(this.#limit, this.#underWay) * KEPT_AFTER_A_CUT);
      this.#cutAtMs = toMs;
    }
  }

  async #hold(): Promise<void> {
    if (this.#held >= HTTP_LIMITS.refusalsHeld) return;
    this.#held += 1;
    await sleep(HTTP_LIMITS.refusalHeldMs);
    this.#held -= 1;
  }
}
