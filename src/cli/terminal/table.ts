import { stripVTControlCharacters } from 'node:util';
import type { HorizontalAlignment } from 'cli-table3';
import { paint, type Terminal, widthOf } from './terminal.ts';

export interface Column<R> {
  readonly title: string;
  /** One line, already {@link printable}; may carry colour. */
  readonly cell: (row: R) => string;
  readonly align?: HorizontalAlignment;
  /** May be cut short with an ellipsis when the terminal is too narrow. */
  readonly shrinks?: boolean;
  /** Left out when cutting short is not enough, the highest number first. Columns without one always stay. */
  readonly dropOrder?: number;
}

const GAP = 2;
/** A cut column keeps at least this much, or it says nothing any more. */
const MIN_SHRUNK_WIDTH = 12;

function displayWidth(text: string): number {
  return stripVTControlCharacters(text).length;
}

interface Laid<R> {
  readonly column: Column<R>;
  readonly cells: readonly string[];
  width: number;
}

function totalWidth<R>(laid: readonly Laid<R>[], widthOfColumn: (one: Laid<R>) => number): number {
  return laid.reduce((sum, one) => sum + widthOfColumn(one) + GAP, -GAP);
}

function narrowest<R>(one: Laid<R>): number {
  return one.column.shrinks === true ? Math.min(one.width, MIN_SHRUNK_WIDTH) : one.width;
}

function dropColumns<R>(laid: Laid<R>[], limit: number): Laid<R>[] {
  let kept = laid;
  while (totalWidth(kept, narrowest) > limit) {
    const rank = Math.max(...kept.map((one) => one.column.dropOrder ?? -1));
    if (rank < 0) break;
    kept = kept.filter((one) => one.column.dropOrder !== rank);
  }
  return kept;
}

function shrinkColumns<R>(laid: readonly Laid<R>[], limit: number): void {
  let excess = totalWidth(laid, (one) => one.width) - limit;
  while (excess > 0) {
    const widest = laid
      .filter((one) => one.column.shrinks === true && one.width > MIN_SHRUNK_WIDTH)
      .reduce<Laid<R> | undefined>(
        (best, one) => (best === undefined || one.width > best.width ? one : best),
        undefined,
      );
    if (widest === undefined) return;
    widest.width -= 1;
    excess -= 1;
  }
}

/** Aligned columns without borders: readable for a person, and still words and spaces for awk. */
export async function renderTable<R>(
  terminal: Terminal,
  columns: readonly Column<R>[],
  rows: readonly R[],
): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const natural = columns.map((column): Laid<R> => {
    const cells = rows.map(column.cell);
    return { column, cells, width: Math.max(...[column.title, ...cells].map(displayWidth)) };
  });
  const limit = widthOf(terminal);
  const laid = limit === undefined ? natural : dropColumns(natural, limit);
  if (limit !== undefined) shrinkColumns(laid, limit);
  const blank = { top: '', bottom: '', left: '', right: '', mid: '', middle: '' };
  const corners = { 'top-mid': '', 'top-left': '', 'top-right': '', 'bottom-mid': '', 'bottom-left': '' };
  const table = new Table({
    head: laid.map((one) => paint(terminal, 'bold', one.column.title)),
    colWidths: laid.map((one) => one.width + GAP),
    colAligns: laid.map((one) => one.column.align ?? 'left'),
    chars: { ...blank, ...corners, 'bottom-right': '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    style: { 'padding-left': 0, 'padding-right': GAP, head: [], border: [] },
  });
  for (const [index] of rows.entries()) table.push(laid.map((one) => one.cells[index] ?? ''));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
