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

export class TelemetryGate {
  /** When the posts that are not answered yet came, oldest first. */
  readonly #underWay = new Set<{ readonly atMs: number }>();
  #held = 0;

  /** Runs `handle`, or throws {@link Refusal} with 503. */
  async pass<T>({ request }: Exchange, handle: () => Promise<T>): Promise<T> {
    const atMs = performance.now();
    if (this.#isBehind(atMs)) {
      request.resume();
      await this.#hold();
      throw new Refusal(
        problem(503, 'more telemetry comes than can be stored: try again shortly', {}, { 'retry-after': '1' }),
      );
    }
    const post = { atMs };
    this.#underWay.add(post);
    try {
      return await handle();
    } finally {
      this.#underWay.delete(post);
    }
  }

  /** Many wait, and the first of them has waited for long: a slow disk alone refuses nobody. */
  #isBehind(nowMs: number): boolean {
    if (this.#underWay.size < HTTP_LIMITS.telemetryUnderWay.few) return false;
    if (this.#underWay.size >= HTTP_LIMITS.telemetryUnderWay.most) return true;
    const [oldest] = this.#underWay;
    return oldest !== undefined && nowMs - oldest.atMs > HTTP_LIMITS.telemetryUnderWay.longMs;
  }

  async #hold(): Promise<void> {
    if (this.#held >= HTTP_LIMITS.refusalsHeld) return;
    this.#held += 1;
    await sleep(HTTP_LIMITS.refusalHeldMs);
    this.#held -= 1;
  }
}
