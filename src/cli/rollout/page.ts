import { formatSpan, plural, shortDigest } from '../../domain/words.ts';
import { noteOf } from '../../explain/host-summary.ts';
import {
  countParts,
  formatCounts,
  formatTolerance,
  PART_STYLES,
  partOf,
  ROLLOUT_STYLES,
  type RolloutMoment,
  releaseName,
} from '../../explain/snapshot.ts';
import type { RolloutHostBody, RolloutSummaryBody } from '../../wire/rollout.ts';
import { printable } from '../terminal/printable.ts';
import { renderTable } from '../terminal/table.ts';
import { paint, type Terminal } from '../terminal/terminal.ts';
import { timeCell } from '../terminal/time-cell.ts';

/** Beyond this many hosts a page shows only those that are neither pending nor converged. */
export const MAX_PAGE_HOSTS = 100;

function stateCell(terminal: Terminal, rollout: RolloutSummaryBody): string {
  return paint(terminal, ROLLOUT_STYLES[rollout.state], rollout.state);
}

export function renderRollouts(terminal: Terminal, rollouts: readonly RolloutSummaryBody[]): Promise<string> {
  return renderTable<RolloutSummaryBody>(
    terminal,
    [
      { title: 'ROLLOUT', cell: (row) => printable(row.id) },
      { title: 'RELEASE', cell: (row) => printable(releaseName(row)), shrinks: true },
      { title: 'DIGEST', cell: (row) => shortDigest(row.release), dropOrder: 2 },
      { title: 'STATE', cell: (row) => stateCell(terminal, row) },
      { title: 'CONVERGED', cell: ({ counts }) => `${counts.converged} / ${counts.hosts}`, align: 'right' },
      { title: 'IN FLIGHT', cell: ({ counts }) => String(counts.in_flight), align: 'right', dropOrder: 3 },
      { title: 'FAILED', cell: ({ counts }) => String(counts.failed), align: 'right' },
      { title: 'CREATED', cell: (row) => timeCell(terminal, row.created_at) },
      { title: 'REASON', cell: (row) => printable(row.reason), shrinks: true, dropOrder: 1 },
    ],
    rollouts,
  );
}

function hostState(terminal: Terminal, host: RolloutHostBody): string {
  const part = partOf(host);
  return paint(terminal, PART_STYLES[part].style, part);
}

function renderHosts(terminal: Terminal, moment: RolloutMoment, hosts: readonly RolloutHostBody[]): Promise<string> {
  return renderTable<RolloutHostBody>(
    terminal,
    [
      { title: 'WAVE', cell: (row) => String(row.wave + 1), align: 'right' },
      { title: 'HOST', cell: (row) => printable(row.name), shrinks: true },
      { title: 'STATE', cell: (row) => hostState(terminal, row) },
      { title: 'SINCE', cell: (row) => timeCell(terminal, row.state_since) },
      { title: 'WAITS FOR', cell: (row) => printable(noteOf(moment, row)), shrinks: true },
    ],
    hosts,
  );
}

function waveLines({ rollout }: RolloutMoment): Array<[string, string]> {
  const waves = rollout.waves.map((): RolloutHostBody[] => []);
  for (const host of rollout.hosts) waves[host.wave]?.push(host);
  return waves.map((hosts, index) => [
    `Wave ${index + 1}`,
    `${plural(hosts.length, 'host')}: ${formatCounts(countParts(hosts))}${index === rollout.current_wave ? ' (current)' : ''}`,
  ]);
}

/** Hosts that a page of a large rollout shows. */
export function notableHosts(hosts: readonly RolloutHostBody[]): RolloutHostBody[] {
  return hosts.filter((host) => !['pending', 'converged', 'left'].includes(partOf(host)));
}

/** A rollout on a page: what it is, its waves, and these of its hosts. */
export async function renderRolloutPage(
  terminal: Terminal,
  moment: RolloutMoment,
  hosts: readonly RolloutHostBody[],
): Promise<string> {
  const { rollout } = moment;
  const lines: Array<[string, string]> = [
    ['Release', `${printable(releaseName(rollout))} (${shortDigest(rollout.release)})`],
    ['Since', timeCell(terminal, rollout.state_since)],
    ...(rollout.reason === '' ? [] : [['Reason', printable(rollout.reason)] satisfies [string, string]]),
    ['Created', timeCell(terminal, rollout.created_at)],
    [
      'Care',
      `at most ${rollout.max_in_flight} in flight, soak ${formatSpan(rollout.soak_seconds)}, ${formatTolerance(rollout)}`,
    ],
    ...waveLines(moment),
  ];
  const page = [
    `${paint(terminal, 'bold', printable(rollout.id))}  ${stateCell(terminal, rollout)}`,
    ...lines.map(([title, value]) => `  ${title.padEnd(10)}${value}`),
  ];
  if (hosts.length > 0) page.push('', await renderHosts(terminal, moment, hosts));
  return page.join('\n');
}
