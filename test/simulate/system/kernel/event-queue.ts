/**
 * Virtual time: everything that is to happen anywhere in the simulation, in order of time and then of asking. After each
 * event every promise that it settled is followed to its end, so that nothing but the queue decides what comes next.
 */

export interface ScheduledEvent {
  /** Harmless when it has happened, or was cancelled, already. */
  cancel(): void;
}

class QueuedEvent implements ScheduledEvent {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | null;

  constructor(atMs: number, order: number, run: () => void) {
    this.atMs = atMs;
    this.order = order;
    this.run = run;
  }

  cancel(): void {
    this.run = null;
  }
}

/** Events at one instant; more than this many only come from a loop that lets no time pass. */
const MAX_EVENTS_AT_ONCE = 200_000;

export class EventQueue {
  /** True time, milliseconds since the Unix epoch: no clock in the simulation shows it. */
  nowMs: number;
  /** Events that have happened so far. */
  count = 0;
  #scheduled = 0;
  #atThisInstant = 0;
  /** A binary heap, the soonest first. */
  readonly #heap: QueuedEvent[] = [];

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  after(delayMs: number, run: () => void): ScheduledEvent {
    this.#scheduled += 1;
    const event = new QueuedEvent(this.nowMs + Math.max(0, delayMs), this.#scheduled, run);
    this.#push(event);
    return event;
  }

  /** Lets everything happen until `untilMs`, `check` after each event. Rejects with what an event or `check` throws. */
  async runUntil(untilMs: number, check: () => void): Promise<void> {
    await settlePromises();
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= untilMs; first = this.#heap[0]) {
      this.#pop();
      const { run } = first;
      if (run === null) continue;
      this.#countInstant(first.atMs);
      this.nowMs = first.atMs;
      run();
      await settlePromises();
      check();
    }
    this.nowMs = untilMs;
  }

  #countInstant(atMs: number): void {
    this.count += 1;
    this.#atThisInstant = atMs === this.nowMs ? this.#atThisInstant + 1 : 0;
    if (this.#atThisInstant > MAX_EVENTS_AT_ONCE) throw new Error('a loop keeps the simulation busy without a pause');
  }

  #push(event: QueuedEvent): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(event, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const moved = heap.pop();
    if (moved === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      const left = heap[below];
      const right = heap[below + 1];
      if (left === undefined) break;
      const child = right !== undefined && isBefore(right, left) ? right : left;
      if (child === right) below += 1;
      if (!isBefore(child, moved)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = moved;
  }
}

/** One turn of the real loop empties every queue of promises; with no real input or output there is nothing else in it. */
function settlePromises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(left: QueuedEvent, right: QueuedEvent): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}
