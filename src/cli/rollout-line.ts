import { printable } from './printable.ts';
import { paint, type Style, type Terminal } from './terminal.ts';

/** A piece of a line with its colour. Text from outside need not be {@link printable} yet. */
export type Span = readonly [text: string, style?: Style];
export type Line = readonly Span[];

/** The line in colour, cut with an ellipsis to at most `columns` characters: a line that wraps spoils a redraw. */
export function paintLine(terminal: Terminal, line: Line, columns: number): string {
  let left = columns;
  let painted = '';
  const total = line.reduce((sum, [text]) => sum + text.length, 0);
  for (const [text, style] of line) {
    if (left <= 0) break;
    const last = total > columns && text.length >= left;
    const shown = printable(last ? `${text.slice(0, left - 1)}…` : text);
    painted += style === undefined || shown === '' ? shown : paint(terminal, style, shown);
    left -= shown.length;
  }
  return painted.trimEnd();
}
