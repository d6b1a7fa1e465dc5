import { parseInstant } from '../../domain/instant.ts';
import { formatRelativeTime } from './duration.ts';
import { printable } from './printable.ts';
import { UNKNOWN } from './quantity.ts';
import { isInteractive, type Terminal } from './terminal.ts';

/** Docker Engine writes "never" as an instant before this one (`0001-01-01T00:00:00Z`). */
const FIRST_PLAUSIBLE_MS = 0;

/** A time as tables show it: how long ago for a person at a terminal, the exact instant in a pipe. */
export function timeCell(terminal: Terminal, instant: string | null, absent: string = UNKNOWN): string {
  if (instant === null) return absent;
  const ms = parseInstant(instant);
  if (ms === undefined) return printable(instant);
  if (ms <= FIRST_PLAUSIBLE_MS) return absent;
  return isInteractive(terminal) ? formatRelativeTime(ms, terminal.runtime.nowMs()) : instant;
}
