import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import type { OutputStream, Terminal } from '../../src/cli/terminal/terminal.ts';

/** Noon of an ordinary day, for every relative time of a test. */
export const NOON_MS = Date.UTC(2026, 4, 1, 12);

class MemoryStream extends Writable implements OutputStream {
  readonly isTTY: boolean;
  readonly columns: number;
  written = '';

  constructor(isTTY: boolean, columns: number) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
    this.columns = columns;
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    this.written += chunk;
    done();
  }
}

export interface MemoryTerminal extends Terminal {
  /** What was written so far, without colours: the runner of the tests may ask for those. */
  out(): string;
  err(): string;
  /** With colours. */
  rawOut(): string;
}

/** A terminal of a given width, or a pipe without one; its clock stands at {@link NOON_MS}. */
export function memoryTerminal(options: { columns?: number; env?: Record<string, string> } = {}): MemoryTerminal {
  const stdout = new MemoryStream(options.columns !== undefined, options.columns ?? 80);
  const stderr = new MemoryStream(false, 80);
  return {
    env: options.env ?? {},
    stdout,
    stderr,
    clock: { nowMs: () => NOON_MS },
    out: () => stripVTControlCharacters(stdout.written),
    err: () => stripVTControlCharacters(stderr.written),
    rawOut: () => stdout.written,
  };
}
