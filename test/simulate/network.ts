/** A network that loses, repeats, delays, reorders and cuts off, until it is told to behave. */
import type { SeededRandom } from '../domain/seeded-random.ts';
import type { Timeline } from './timeline.ts';

export interface Faults {
  readonly lose: number;
  readonly repeat: number;
  readonly maxDelayMs: number;
}

const TIMEOUT_MS = 8_000;
const POLL_MS = 30_000;

export class Network {
  faults: Faults;
  /** Hosts that nothing reaches and nothing leaves. */
  readonly cutOff = new Set<string>();
  readonly #random: SeededRandom;
  readonly #timeline: Timeline;

  constructor(random: SeededRandom, timeline: Timeline, faults: Faults) {
    this.#random = random;
    this.#timeline = timeline;
    this.faults = faults;
  }

  /** One way, at most twice, perhaps never. Returns whether it will arrive. */
  send(host: string, arrive: () => void): boolean {
    const { lose, repeat, maxDelayMs } = this.faults;
    if (this.cutOff.has(host) || this.#random.chance(lose)) return false;
    this.#timeline.in(this.#random.between(1, maxDelayMs), arrive);
    // A copy that comes late is what reorders: whatever was sent in between overtakes it.
    if (this.#random.chance(repeat)) this.#timeline.in(this.#random.between(1, 10 * maxDelayMs), arrive);
    return true;
  }

  /** `ask` answers undefined when nobody is there. Exactly one of `reply` and `lost` is called, once. */
  request<T>(host: string, ask: () => T | undefined, reply: (answer: T) => void, lost: () => void): void {
    let settled = false;
    const settle = (then: () => void): void => {
      if (settled) return;
      settled = true;
      then();
    };
    const giveUp = (): void => this.#timeline.in(TIMEOUT_MS, () => settle(lost));
    const sent = this.send(host, () => {
      const answer = ask();
      if (settled) return;
      const answered = answer !== undefined && this.send(host, () => settle(() => reply(answer)));
      if (!answered) giveUp();
    });
    if (!sent) giveUp();
  }

  /** A request that may be answered late, or not within `POLL_MS`: then `over` is called. */
  poll<T>(
    host: string,
    ask: (respond: (answer: T) => void) => void,
    reply: (answer: T) => void,
    over: () => void,
  ): void {
    let settled = false;
    const settle = (then: () => void): void => {
      if (settled) return;
      settled = true;
      then();
    };
    this.send(host, () => ask((answer) => this.send(host, () => settle(() => reply(answer)))));
    this.#timeline.in(POLL_MS, () => settle(over));
  }
}
