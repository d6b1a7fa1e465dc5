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
  /** Columns are dropped when cutting is not enough, the highest number first; those without one always stay. */
  readonly dropOrder?: number;
}

const GAP = 2;
/** A column cut below this width would no longer say anything. */
const MIN_SHRUNK_WIDTH = 12;

function displayWidth(text: string): number {
  return stripVTControlCharacters(text).length;
}

interface MeasuredColumn<R> {
  readonly column: Column<R>;
  readonly cells: readonly string[];
  width: number;
}

function totalWidth<R>(
  measured: readonly MeasuredColumn<R>[],
  widthOfColumn: (one: MeasuredColumn<R>) => number,
): number {
  return measured.reduce((sum, one) => sum + widthOfColumn(one) + GAP, -GAP);
}

function narrowest<R>(one: MeasuredColumn<R>): number {
  return one.column.shrinks === true ? Math.min(one.width, MIN_SHRUNK_WIDTH) : one.width;
}

function dropColumns<R>(measured: MeasuredColumn<R>[], limit: number): MeasuredColumn<R>[] {
  let kept = measured;
  while (totalWidth(kept, narrowest) > limit) {
    const rank = Math.max(...kept.map((one) => one.column.dropOrder ?? -1));
    if (rank < 0) break;
    kept = kept.filter((one) => one.column.dropOrder !== rank);
  }
  return kept;
}

function shrinkColumns<R>(measured: readonly MeasuredColumn<R>[], limit: number): void {
  let excess = totalWidth(measured, (one) => one.width) - limit;
  while (excess > 0) {
    const widest = measured
      .filter((one) => one.column.shrinks === true && one.width > MIN_SHRUNK_WIDTH)
      .reduce<MeasuredColumn<R> | undefined>(
        (best, one) => (best === undefined || one.width > best.width ? one : best),
        undefined,
      );
    if (widest === undefined) return;
    widest.width -= 1;
    excess -= 1;
  }
}

/** Aligned columns without borders: readable for a person, and words separated by spaces for awk. */
export async function renderTable<R>(
  terminal: Terminal,
  columns: readonly Column<R>[],
  rows: readonly R[],
): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const natural = columns.map((column): MeasuredColumn<R> => {
    const cells = rows.map(column.cell);
    return { column, cells, width: Math.max(...[column.title, ...cells].map(displayWidth)) };
  });
  const limit = widthOf(terminal);
  const measured = limit === undefined ? natural : dropColumns(natural, limit);
  if (limit !== undefined) shrinkColumns(measured, limit);
  const blank = { top: '', bottom: '', left: '', right: '', mid: '', middle: '' };
  const corners = { 'top-mid': '', 'top-left': '', 'top-right': '', 'bottom-mid': '', 'bottom-left': '' };
  const table = new Table({
    head: measured.map((one) => paint(terminal, 'bold', one.column.title)),
    colWidths: measured.map((one) => one.width + GAP),
    colAligns: measured.map((one) => one.column.align ?? 'left'),
    chars: { ...blank, ...corners, 'bottom-right': '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    style: { 'padding-left': 0, 'padding-right': GAP, head: [], border: [] },
  });
  for (const [index] of rows.entries()) table.push(measured.map((one) => one.cells[index] ?? ''));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** A page's facts under its title, the values aligned; an empty name continues the fact above. */
export function renderFacts(facts: ReadonlyArray<readonly [name: string, value: string]>): string[] {
  const width = Math.max(...facts.map(([name]) => name.length)) + GAP;
  return facts.map(([name, value]) => `  ${name.padEnd(width)}${value}`);
}
