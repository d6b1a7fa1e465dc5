/**
 * Sheds telemetry before it costs anything when more comes than can be stored: agents keep what is refused and send it
 * again. What finds no room waits a moment at the gate, unread, and the newest goes in first: so there is always
 * something to do, and what goes in is answered soon. Whatever has waited too long is refused, and even that not at
 * once, so that a client that does not honour `Retry-After` cannot spend on refusals what its own posts need.
 */
import type { IncomingMessage } from 'node:http';
import type { Runtime } from '../domain/runtime.ts';
import { delay } from '../runtime/wait.ts';
import { HTTP_LIMITS } from './http-limits.ts';
import { problem } from './problem.ts';
import { Refusal } from './refusal.ts';

export interface GateLimits {
  readonly telemetryUnderWay: { readonly few: number; readonly most: number; readonly longMs: number };
  readonly underWayBytes: number;
  readonly telemetryWaiting: { readonly most: number; readonly longMs: number };
  readonly refusalHeldMs: number;
}

interface Waiting {
  readonly letIn: () => void;
}

const KEPT_AFTER_A_CUT = 0.8;

export class Admission {
  readonly #runtime: Runtime;
  readonly #limits: GateLimits;
  /** Posts that are here in full and not answered yet: how long a client takes to send says nothing of the store. */
  #underWay = 0;
  #underWayBytes = 0;
  /** As many may be under way: it begins where a burst fits in, and follows how long they take. */
  #room: number;
  #cutAtMs = 0;
  /** At the gate, the newest last. */
  readonly #waiting: Waiting[] = [];
  #refused = 0;

  constructor(runtime: Runtime, limits: GateLimits = HTTP_LIMITS) {
    this.#runtime = runtime;
    this.#limits = limits;
    this.#room = limits.telemetryUnderWay.most;
  }

  get isFull(): boolean {
    return this.#underWay >= this.#room || this.#underWayBytes >= this.#limits.underWayBytes;
  }

  /** Waits for room; throws {@link Refusal} with 503 where there is none for too long. */
  async wait(request: IncomingMessage): Promise<void> {
    const { most, longMs } = this.#limits.telemetryWaiting;
    if (this.#waiting.length + this.#refused < most) {
      if (await this.#isLetIn(longMs)) return;
      request.resume();
      this.#refused += 1;
      await delay(this.#runtime, this.#limits.refusalHeldMs);
      this.#refused -= 1;
    }
    const detail = 'more telemetry comes than can be stored: try again shortly';
    throw new Refusal(problem(503, detail, {}, { 'retry-after': '1' }));
  }

  #isLetIn(longMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#runtime.setTimer(longMs, () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        resolve(false);
      });
      const waiting: Waiting = {
        letIn() {
          timer.cancel();
          resolve(true);
        },
      };
      this.#waiting.push(waiting);
    });
  }

  /** Runs `handle` for a post of so many bytes. */
  async pass<T>(bytes: number, handle: () => Promise<T>): Promise<T> {
    const fromMs = this.#runtime.monotonicMs();
    this.#underWay += 1;
    this.#underWayBytes += bytes;
    try {
      return await handle();
    } finally {
      this.#learn(fromMs, this.#runtime.monotonicMs());
      this.#underWay -= 1;
      this.#underWayBytes -= bytes;
      // One that is let in counts only when it is here in full: no more go in than have come out.
      if (!this.isFull) this.#waiting.pop()?.letIn();
    }
  }

  /** A post that took long asks for less room, and speaks for all that waited with it; any other for a little more. */
  #learn(fromMs: number, toMs: number): void {
    const { few, most, longMs } = this.#limits.telemetryUnderWay;
    if (toMs - fromMs <= longMs) this.#room = Math.min(most, this.#room + 1);
    else if (fromMs >= this.#cutAtMs) {
      this.#room = Math.max(few, Math.min(this.#room, this.#underWay) * KEPT_AFTER_A_CUT);
      this.#cutAtMs = toMs;
    }
  }
}
