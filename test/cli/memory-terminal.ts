import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import type { OutputStream, Terminal } from '../../src/cli/terminal/terminal.ts';
import type { Runtime } from '../../src/domain/runtime.ts';
import { systemRuntime } from '../../src/runtime/system-runtime.ts';

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

/**
 * Clocks that stand still, at {@link NOON_MS}. Pauses up to `longestPauseMs` are over at once, and longer time limits are
 * never reached, so that a busy machine changes nothing.
 */
function standingRuntime(longestPauseMs: number): Runtime {
  return {
    ...systemRuntime,
    nowMs: () => NOON_MS,
    monotonicMs: () => 0,
    setTimer: (delayMs, callback) =>
      delayMs > longestPauseMs ? { cancel: () => {} } : systemRuntime.setTimer(0, callback),
  };
}

interface MemoryTerminalOptions {
  /** A terminal of this width; without it a pipe. */
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Between the pauses of the command and its time limits. Default 5 s. */
  readonly longestPauseMs?: number;
}

export function memoryTerminal(options: MemoryTerminalOptions = {}): MemoryTerminal {
  const stdout = new MemoryStream(options.columns !== undefined, options.columns ?? 80);
  const stderr = new MemoryStream(false, 80);
  return {
    env: options.env ?? {},
    stdout,
    stderr,
    runtime: standingRuntime(options.longestPauseMs ?? 5_000),
    out: () => stripVTControlCharacters(stdout.written),
    err: () => stripVTControlCharacters(stderr.written),
    rawOut: () => stdout.written,
  };
}
