/** Simulated time: what is to happen, in order of time and then of asking. */
interface Happening {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export class Timeline {
  nowMs: number;
  #count = 0;
  /** A binary heap, the soonest first. */
  readonly #heap: Happening[] = [];

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  in(delayMs: number, run: () => void): void {
    this.#count += 1;
    this.#push({ atMs: this.nowMs + delayMs, order: this.#count, run });
  }

  /** Lets everything happen until that time. Returns how much did. */
  runUntil(atMs: number): number {
    let happened = 0;
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= atMs; first = this.#heap[0]) {
      this.#pop();
      this.nowMs = first.atMs;
      first.run();
      happened += 1;
    }
    this.nowMs = atMs;
    return happened;
  }

  #push(happening: Happening): void {
    const heap = this.#heap;
    let at = heap.push(happening) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(happening, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = happening;
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

function isBefore(left: Happening, right: Happening): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}
