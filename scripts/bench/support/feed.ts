import type { AcknowledgedTicks } from './acknowledged-ticks.ts';
import type { Posts } from './prebuilt-posts.ts';

/** What one server is sent by all who post to it: every host its ticks in their order, and which of them were taken. */
export class Feed {
  readonly hostCount: number;
  readonly acknowledged: AcknowledgedTicks;
  readonly #posts: Posts;
  readonly #nextTicks: Uint32Array;

  constructor(posts: Posts, acknowledged: AcknowledgedTicks, hostCount: number) {
    this.hostCount = hostCount;
    this.#posts = posts;
    this.acknowledged = acknowledged;
    this.#nextTicks = new Uint32Array(hostCount);
  }

  nextTick(host: number): number {
    const tick = this.#nextTicks[host] ?? 0;
    this.#nextTicks[host] = tick + 1;
    return tick;
  }

  request(host: number, tick: number): Buffer {
    return this.#posts.at(host, tick);
  }

  acknowledge(host: number, tick: number): void {
    this.acknowledged.note(host, tick);
  }
}
