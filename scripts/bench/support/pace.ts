/** When the next of many simulated agents may send. Each turn that was taken is given back once it is answered. */
export interface Pace {
  /** Resolves with the time (`performance.now()`) at which sending is due: what an answer's delay is measured from. */
  turn(): Promise<number>;
  done(): void;
}

/** As fast as the server answers, with at most `size` requests under way. */
export class WindowPace implements Pace {
  readonly #waiting: Array<(dueMs: number) => void> = [];
  #free: number;

  constructor(size: number) {
    this.#free = size;
  }

  turn(): Promise<number> {
    if (this.#free === 0) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#free -= 1;
    return Promise.resolve(performance.now());
  }

  done(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next(performance.now());
  }
}

/** Between two moments of a Poisson process: moments that know nothing of one another. */
export function gapOfChanceMs(perMs: number): number {
  return -Math.log(1 - Math.random()) / perMs;
}

/**
 * So many a second, at moments that know nothing of one another (a Poisson process) nor of the answers: a server that
 * falls behind is not spared, and its delay counts from the moment a request was due.
 */
export class SteadyPace implements Pace {
  readonly #waiting: Array<(dueMs: number) => void> = [];
  readonly #perMs: number;
  #dueMs = performance.now();
  #isRunning = false;

  constructor(perSecond: number) {
    this.#perMs = perSecond / 1000;
  }

  turn(): Promise<number> {
    const promise = new Promise<number>((resolve) => this.#waiting.push(resolve));
    if (!this.#isRunning) {
      this.#isRunning = true;
      this.#dueMs = Math.max(this.#dueMs, performance.now());
      setImmediate(() => this.#run());
    }
    return promise;
  }

  #run(): void {
    while (this.#waiting.length > 0 && this.#dueMs <= performance.now()) {
      this.#takeAny()?.(this.#dueMs);
      this.#dueMs += gapOfChanceMs(this.#perMs);
    }
    this.#isRunning = this.#waiting.length > 0;
    if (this.#isRunning) setTimeout(() => this.#run(), 1);
  }

  /** Whoever it is: agents that came in step do not stay in step. */
  #takeAny(): ((dueMs: number) => void) | undefined {
    const index = Math.floor(Math.random() * this.#waiting.length);
    const taken = this.#waiting[index];
    const last = this.#waiting.pop();
    if (last !== undefined && index < this.#waiting.length) this.#waiting[index] = last;
    return taken;
  }

  done(): void {}
}
