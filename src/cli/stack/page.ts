import { plural, releaseName } from '../../domain/words.ts';
import type { StackBody, StackHostBody, StackSummaryBody } from '../../wire/stack.ts';
import { printable } from '../terminal/printable.ts';
import { UNKNOWN } from '../terminal/quantity.ts';
import { type Column, renderTable } from '../terminal/table.ts';
import { paint, type Terminal } from '../terminal/terminal.ts';
import { timeCell } from '../terminal/time-cell.ts';
import { paintTone } from '../terminal/tone-style.ts';

const NOTHING = 'nothing';

interface Named {
  readonly release: string;
  readonly version: string | null;
}

function nameOf(stack: string, release: Named | null): string {
  if (release === null) return NOTHING;
  return printable(releaseName({ stack, version: release.version, digest: release.release }));
}

function releasesCell({ stack, releases }: StackSummaryBody): string {
  return releases
    .map(({ release, version, hosts }) => {
      const name = nameOf(stack, release === null ? null : { release, version });
      return `${name} on ${plural(hosts, 'host')}`;
    })
    .join(', ');
}

export function renderStacks(terminal: Terminal, stacks: readonly StackSummaryBody[]): Promise<string> {
  return renderTable<StackSummaryBody>(
    terminal,
    [
      { title: 'STACK', cell: (row) => printable(row.stack) },
      { title: 'HOSTS', cell: (row) => String(row.hosts), align: 'right' },
      { title: 'RUNS', cell: releasesCell, shrinks: true },
      { title: 'BEHIND', cell: (row) => String(row.behind), align: 'right', dropOrder: 2 },
      {
        title: 'DRIFTED',
        cell: (row) => (row.drifted === 0 ? '0' : paintTone(terminal, 'warning', String(row.drifted))),
        align: 'right',
        dropOrder: 1,
      },
    ],
    stacks,
  );
}

function isBehind({ desired, observed }: StackHostBody): boolean {
  return desired?.release !== observed?.release;
}

function stateCell(terminal: Terminal, row: StackHostBody): string {
  // A host is not watched while a rollout is still to reach it, which then matters more than how it has drifted.
  if (row.drift !== null && (row.watched || !isBehind(row))) return paintTone(terminal, 'warning', 'drifted');
  if (isBehind(row)) return paintTone(terminal, 'active', `to run ${nameOf(row.stack, row.desired)}`);
  if (row.observed === null) return '';
  return row.watched ? paintTone(terminal, 'good', 'as deployed') : 'not compared yet';
}

function columns(terminal: Terminal, first: Column<StackHostBody>): ReadonlyArray<Column<StackHostBody>> {
  return [
    first,
    { title: 'RUNS', cell: (row) => nameOf(row.stack, row.observed), shrinks: true },
    { title: 'SINCE', cell: (row) => timeCell(terminal, row.since, UNKNOWN), dropOrder: 1 },
    { title: 'STATE', cell: (row) => stateCell(terminal, row) },
  ];
}

/** What has drifted, a line for each difference. */
function driftLines(
  terminal: Terminal,
  rows: readonly StackHostBody[],
  title: (row: StackHostBody) => string,
): string[] {
  return rows.flatMap((row) => {
    if (row.drift === null) return [];
    const since = timeCell(terminal, row.drift.since);
    const findings = row.drift.findings.map((finding) => `  ${printable(finding)}`);
    return ['', `${paint(terminal, 'bold', printable(title(row)))} drifted ${since}:`, ...findings];
  });
}

/** A stack on all its hosts: what each is to run, does run, and since when, and how that has drifted. */
export async function renderStackPage(terminal: Terminal, { hosts }: StackBody): Promise<string> {
  const host: Column<StackHostBody> = { title: 'HOST', cell: (row) => printable(row.host), shrinks: true };
  const table = await renderTable(terminal, columns(terminal, host), hosts);
  return [table, ...driftLines(terminal, hosts, (row) => row.host)].join('\n');
}

export async function renderStacksOfHost(terminal: Terminal, stacks: readonly StackHostBody[]): Promise<string> {
  const stack: Column<StackHostBody> = { title: 'STACK', cell: (row) => printable(row.stack), shrinks: true };
  const table = await renderTable(terminal, columns(terminal, stack), stacks);
  return [table, ...driftLines(terminal, stacks, (row) => row.stack)].join('\n');
}
