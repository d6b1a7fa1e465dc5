/** What happened, line by line: its digest tells two runs apart, and its end explains a failure. */
import { createHash } from 'node:crypto';

/** Lines of the end that a failure shows. */
const KEPT_LINES = 300;

export class Trace {
  readonly #hash = createHash('sha256');
  readonly #startMs: number;
  readonly #nowMs: () => number;
  readonly #onLine: ((line: string) => void) | null;
  /** A ring: the oldest line lies at `#count` modulo its length. */
  readonly #last: string[] = [];
  #count = 0;

  /** `onLine` receives every line as it is written. */
  constructor(nowMs: () => number, onLine: ((line: string) => void) | null) {
    this.#nowMs = nowMs;
    this.#startMs = nowMs();
    this.#onLine = onLine;
  }

  /** `subject`: the machine or the part that it is about. */
  note(subject: string, text: string): void {
    const line = `${((this.#nowMs() - this.#startMs) / 1000).toFixed(4)} ${subject}: ${text}`;
    this.#hash.update(line);
    this.#last[this.#count % KEPT_LINES] = line;
    this.#count += 1;
    this.#onLine?.(line);
  }

  /** Hexadecimal; equal for equal runs. Nothing may be noted after it. */
  digest(): string {
    return this.#hash.digest('hex');
  }

  /** The last lines, oldest first. */
  get end(): readonly string[] {
    const first = this.#count % KEPT_LINES;
    return [...this.#last.slice(first), ...this.#last.slice(0, first)];
  }
}
