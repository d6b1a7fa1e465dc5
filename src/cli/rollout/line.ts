import { printable } from '../terminal/printable.ts';
import { paint, type Style, type Terminal } from '../terminal/terminal.ts';

/** A piece of a line with its colour; {@link paintLine} makes the text {@link printable}. */
export type Span = readonly [text: string, style?: Style | undefined];
export type Line = readonly Span[];

function withoutTail(line: Line): Line {
  const last = line.findLastIndex(([text]) => text.trimEnd() !== '');
  return line.slice(0, last + 1).map(([text, style], index): Span => [index === last ? text.trimEnd() : text, style]);
}

/** The line in colour, cut with an ellipsis to at most `columns` characters: a line that wraps would spoil a redraw. */
export function paintLine(terminal: Terminal, line: Line, columns: number): string {
  const spans = withoutTail(line);
  const isTooLong = spans.reduce((sum, [text]) => sum + text.length, 0) > columns;
  let left = columns;
  let painted = '';
  for (const [text, style] of spans) {
    if (left <= 0) break;
    const shown = printable(isTooLong && text.length >= left ? `${text.slice(0, left - 1)}…` : text);
    painted += style === undefined || shown === '' ? shown : paint(terminal, style, shown);
    left -= shown.length;
  }
  return painted;
}
