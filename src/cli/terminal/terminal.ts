import { styleText } from 'node:util';
import type { Runtime } from '../../domain/runtime.ts';
import { systemRuntime } from '../../runtime/system-runtime.ts';

/** A stream as the command line writes to it; `process.stdout` is one, and so is any `Writable` of a test. */
export interface OutputStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Everything of the process that a command may read or write. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly runtime: Runtime;
}

export function processTerminal(): Terminal {
  return { env: process.env, stdout: process.stdout, stderr: process.stderr, runtime: systemRuntime };
}

/** A variable's value; undefined for one that is unset or empty: `NEXUS_DATA= nexus …` means "not given" in a shell. */
export function settingOf(terminal: Terminal, name: string): string | undefined {
  const value = terminal.env[name];
  return value === undefined || value === '' ? undefined : value;
}

/**
 * Whether a person reads along: relative times and cut columns are for people, a pipe gets exact values. FORCE_COLOR
 * asks for the terminal's output wherever it goes.
 */
export function isInteractive(terminal: Terminal): boolean {
  return terminal.stdout.isTTY === true || settingOf(terminal, 'FORCE_COLOR') !== undefined;
}

/** Columns to fit into; undefined where nothing limits a line. */
export function widthOf(terminal: Terminal): number | undefined {
  if (!isInteractive(terminal)) return undefined;
  const asked = Number(settingOf(terminal, 'COLUMNS'));
  const columns = terminal.stdout.columns ?? (Number.isInteger(asked) && asked > 0 ? asked : 100);
  return Math.max(columns, 40);
}

export type Style = Parameters<typeof styleText>[0];

/** Colours `text` where stdout shows colours; `styleText` itself checks the stream, NO_COLOR and FORCE_COLOR. */
export function paint(terminal: Terminal, style: Style, text: string): string {
  return styleText(style, text, { stream: terminal.stdout });
}

export function printLine(terminal: Terminal, line: string): void {
  terminal.stdout.write(`${line}\n`);
}

/** The one document of `--json`. */
export function printJson(terminal: Terminal, document: unknown): void {
  terminal.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

/** Explains the output without being part of it: it goes to stderr, which a pipe does not receive. */
export function printNote(terminal: Terminal, note: string): void {
  terminal.stderr.write(`${note}\n`);
}
