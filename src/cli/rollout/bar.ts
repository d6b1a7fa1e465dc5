import type { HostCounts } from '../../explain/snapshot.ts';
import type { Line } from './line.ts';

const CELLS = 30;

const SEGMENTS = [
  ['converged', '█', 'green'],
  ['failed', '█', 'red'],
  ['inFlight', '▓', 'cyan'],
  ['left', '░', 'gray'],
  ['pending', '░', 'gray'],
] as const satisfies ReadonlyArray<readonly [keyof HostCounts, string, string]>;

/**
 * Shares of a whole in cells, by largest remainder. An amount above zero gets at least one cell: an operator looks for
 * the one failed host of ten thousand.
 */
function shareCells(amounts: readonly number[], total: number): number[] {
  const exact = amounts.map((amount) => (amount / total) * CELLS);
  const cells = exact.map((share, index) => Math.max(Math.floor(share), (amounts[index] ?? 0) > 0 ? 1 : 0));
  const sum = (): number => cells.reduce((all, one) => all + one, 0);
  const indexOfMost = (size: (index: number) => number): number =>
    cells.reduce((best, _, index) => (size(index) > size(best) ? index : best), 0);
  while (sum() < CELLS) {
    const index = indexOfMost((one) => (exact[one] ?? 0) - (cells[one] ?? 0));
    cells[index] = (cells[index] ?? 0) + 1;
  }
  while (sum() > CELLS) {
    const index = indexOfMost((one) => cells[one] ?? 0);
    cells[index] = (cells[index] ?? 0) - 1;
  }
  return cells;
}

/** The hosts by stage, as a bar: converged, failed, in flight, and those still to come. */
export function progressBar(counts: HostCounts): Line {
  if (counts.hosts === 0) return [['░'.repeat(CELLS), 'gray']];
  const cells = shareCells(
    SEGMENTS.map(([stage]) => counts[stage]),
    counts.hosts,
  );
  return SEGMENTS.map(([, sign, style], index) => [sign.repeat(cells[index] ?? 0), style] as const);
}
