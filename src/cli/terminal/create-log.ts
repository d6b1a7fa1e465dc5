import { writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { NexusError } from '../../domain/errors.ts';
import { formatInstant } from '../../domain/instant.ts';
import type { Log } from '../../domain/log.ts';
import { settingOf, type Terminal } from './terminal.ts';

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
type Level = (typeof LEVELS)[number];

function isLevel(text: string): text is Level {
  return LEVELS.some((level) => level === text);
}

const STDERR = 2;
/** How long the log waits for a full pipe, once: 1 s. After that, lines are dropped until the pipe has room again. */
const MAX_WAITS = 100;
const WAIT_MS = 10;

/**
 * The structured log: one JSON object a line on stderr, written before the call returns, so that a crash loses no line.
 * Logging never throws. NEXUS_LOG_LEVEL sets the lowest level that is logged (default `info`); throws `usage` for an
 * unknown one.
 */
export function createLog(terminal: Terminal): Log {
  const lowest = settingOf(terminal, 'NEXUS_LOG_LEVEL') ?? 'info';
  if (!isLevel(lowest)) {
    throw new NexusError(
      'usage',
      `NEXUS_LOG_LEVEL is '${lowest}', which is not a log level: set it to one of ${LEVELS.join(', ')}.`,
    );
  }
  const source = { pid: process.pid, hostname: hostname() };
  const write = stderrWriter();
  const at = (level: Level): Log['info'] => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(lowest)) return () => {};
    return (fields, msg) => {
      const head = { level, time: formatInstant(terminal.runtime.nowMs()), ...source };
      write(`${encode({ ...head, ...fields, msg }) ?? JSON.stringify({ ...head, msg })}\n`);
    };
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** The line as JSON, or null when a field has no JSON: a cycle, or a bigint. */
function encode(line: Record<string, unknown>): string | null {
  try {
    return JSON.stringify(line);
  } catch {
    return null;
  }
}

/** Writes whole texts to stderr. A pipe may take only part of one at a time, or nothing once its reader is stuck or gone. */
function stderrWriter(): (text: string) => void {
  let waitsLeft = MAX_WAITS;
  return (text) => {
    let rest: Uint8Array = Buffer.from(text);
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(STDERR, rest));
        waitsLeft = MAX_WAITS;
      } catch (error) {
        const isFull = error instanceof Error && 'code' in error && error.code === 'EAGAIN';
        if (!isFull || waitsLeft === 0) return;
        waitsLeft -= 1;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS);
      }
    }
  };
}
