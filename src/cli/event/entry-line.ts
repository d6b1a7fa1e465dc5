import { describeEntry, type ReleaseNames } from '../../explain/log-entry.ts';
import type { LogEventBody } from '../../wire/operator.ts';
import { printable } from '../terminal/printable.ts';
import { UNKNOWN } from '../terminal/quantity.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { timeCell } from '../terminal/time-cell.ts';
import { paintTone } from '../terminal/tone-style.ts';

const ID_WIDTH = 6;
const TIME_WIDTH = 10;
const HOST_WIDTH = 20;

/**
 * One entry of the log as a line: when, which host, what happened. The columns are of fixed width because lines are
 * printed as things happen, and the log has no end for a table to wait for.
 */
export function entryLine(terminal: Terminal, entry: LogEventBody, time: string, names: ReleaseNames): string {
  const { text, tone } = describeEntry(entry, names);
  const host = printable(entry.host ?? UNKNOWN).padEnd(HOST_WIDTH);
  return `${time}  ${host}  ${paintTone(terminal, tone, printable(text))}`.trimEnd();
}

/** As {@link entryLine}, after the entry's id, by which `--after` goes on. */
export function numberedLine(terminal: Terminal, entry: LogEventBody, names: ReleaseNames): string {
  const time = timeCell(terminal, entry.at).padEnd(TIME_WIDTH);
  return `${String(entry.id).padStart(ID_WIDTH)}  ${entryLine(terminal, entry, time, names)}`;
}
