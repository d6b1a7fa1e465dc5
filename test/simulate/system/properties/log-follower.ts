/**
 * Somebody who follows the log by its stream, over every restart of the server: each entry comes once, in order, and
 * only once it is durable. It comes soon whatever is wrong elsewhere, and at once when nothing is.
 */
import assert from 'node:assert/strict';
import type { World } from '../world.ts';

const AGAIN_MS = 100;
/** From the commit of an entry to its arrival, by the server's monotonic clock: on a slow disk, and when all is well. */
const MAX_DELAY_MS = 8_000;
const MAX_CALM_DELAY_MS = 1_000;

export class LogFollower {
  readonly #world: World;
  /** Ids of durable entries, and when they became that, by the server's monotonic clock. */
  readonly #committedAtMs = new Map<number, number>();
  #lastId = 0;
  /** Since when the stream has been open, by the same clock. */
  #openedAtMs = 0;
  #rest = '';

  constructor(world: World) {
    this.#world = world;
  }

  /** Until the simulation is over. */
  async run(): Promise<void> {
    const world = this.#world;
    for (;;) {
      this.#rest = '';
      this.#openedAtMs = this.#nowMs;
      await world.server.follow(this.#lastId, (text) => world.observe(() => this.#take(text)));
      await new Promise<void>((resolve) => world.later(AGAIN_MS, resolve));
    }
  }

  onCommit(id: number): void {
    this.#committedAtMs.set(id, this.#nowMs);
  }

  get #nowMs(): number {
    return this.#world.server.machine.monotonicMs();
  }

  /** What this returns lets it go on from here, as the log of a restored server does. */
  remember(): () => void {
    const newest = Math.max(0, ...this.#committedAtMs.keys());
    return () => {
      for (const id of [...this.#committedAtMs.keys()]) if (id > newest) this.#committedAtMs.delete(id);
      this.#lastId = Math.min(this.#lastId, newest);
    };
  }

  /** Everything has been handed over. */
  checkEnd(): void {
    const newest = Math.max(0, ...this.#committedAtMs.keys());
    assert.equal(this.#lastId, newest, 'the last entry that the stream of the log has handed over');
  }

  #take(text: string): void {
    const messages = (this.#rest + text).split('\n\n');
    this.#rest = messages.pop() ?? '';
    for (const message of messages) {
      const id = /^id: (\d+)$/m.exec(message)?.[1];
      if (id !== undefined) this.#takeEntry(Number(id));
    }
  }

  #takeEntry(id: number): void {
    const committedAtMs = this.#committedAtMs.get(id);
    assert(committedAtMs !== undefined, `entry ${id} is streamed before it is committed`);
    assert.equal(id, this.#lastId + 1, 'the stream of the log leaves nothing out, and repeats nothing');
    this.#lastId = id;
    const delayMs = this.#nowMs - Math.max(committedAtMs, this.#openedAtMs);
    const mostMs = this.#world.isCalm ? MAX_CALM_DELAY_MS : MAX_DELAY_MS;
    assert(delayMs <= mostMs, `entry ${id} is streamed ${Math.round(delayMs)} ms after its commit`);
  }
}
