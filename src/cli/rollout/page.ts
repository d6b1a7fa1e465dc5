import { formatSpan, plural } from '../../domain/words.ts';
import { noteOf } from '../../explain/host-summary.ts';
import {
  countHosts,
  formatCounts,
  formatTolerance,
  ROLLOUT_TONES,
  type RolloutSnapshot,
  releaseOf,
  STAGE_TONES,
  stageOf,
} from '../../explain/snapshot.ts';
import type { RolloutBody, RolloutHostBody, RolloutSummaryBody } from '../../wire/rollout.ts';
import { printable } from '../terminal/printable.ts';
import { renderFacts, renderTable } from '../terminal/table.ts';
import { paint, type Terminal } from '../terminal/terminal.ts';
import { timeCell } from '../terminal/time-cell.ts';
import { paintTone } from '../terminal/tone-style.ts';

/** Beyond this many hosts a page shows only the {@link notableHosts}. */
export const MAX_PAGE_HOSTS = 100;

function stateCell(terminal: Terminal, rollout: RolloutSummaryBody): string {
  return paintTone(terminal, ROLLOUT_TONES[rollout.state], rollout.state);
}

export function renderRollouts(terminal: Terminal, rollouts: readonly RolloutSummaryBody[]): Promise<string> {
  return renderTable<RolloutSummaryBody>(
    terminal,
    [
      { title: 'ROLLOUT', cell: (row) => printable(row.id) },
      { title: 'RELEASE', cell: (row) => printable(releaseOf(row)), shrinks: true },
      { title: 'STATE', cell: (row) => stateCell(terminal, row) },
      { title: 'CONVERGED', cell: ({ counts }) => `${counts.converged} / ${counts.hosts}`, align: 'right' },
      { title: 'IN FLIGHT', cell: ({ counts }) => String(counts.in_flight), align: 'right', dropOrder: 2 },
      { title: 'FAILED', cell: ({ counts }) => String(counts.failed), align: 'right' },
      { title: 'CREATED', cell: (row) => timeCell(terminal, row.created_at) },
      { title: 'REASON', cell: (row) => printable(row.reason), shrinks: true, dropOrder: 1 },
    ],
    rollouts,
  );
}

function hostState(terminal: Terminal, host: RolloutHostBody): string {
  const stage = stageOf(host);
  return paintTone(terminal, STAGE_TONES[stage], stage);
}

function renderHosts(
  terminal: Terminal,
  snapshot: RolloutSnapshot,
  hosts: readonly RolloutHostBody[],
): Promise<string> {
  return renderTable<RolloutHostBody>(
    terminal,
    [
      { title: 'WAVE', cell: (row) => String(row.wave + 1), align: 'right' },
      { title: 'HOST', cell: (row) => printable(row.name), shrinks: true },
      { title: 'STATE', cell: (row) => hostState(terminal, row) },
      { title: 'SINCE', cell: (row) => timeCell(terminal, row.state_since) },
      { title: 'NOTE', cell: (row) => printable(noteOf(snapshot, row).text), shrinks: true },
    ],
    hosts,
  );
}

/** How long a wave soaks, where that is not what the release says. */
function soakNote({ waves, soak_seconds: usual }: RolloutBody, wave: number): string {
  const seconds = waves[wave]?.soak_seconds ?? usual;
  return seconds === usual ? '' : `, ${formatSpan(seconds)} soak`;
}

function waveLines({ rollout }: RolloutSnapshot): Array<[string, string]> {
  const waves = rollout.waves.map((): RolloutHostBody[] => []);
  for (const host of rollout.hosts) waves[host.wave]?.push(host);
  return waves.map((hosts, index) => [
    `Wave ${index + 1}`,
    `${plural(hosts.length, 'host')}: ${formatCounts(countHosts(hosts))}${soakNote(rollout, index)}${index === rollout.current_wave ? ' (current)' : ''}`,
  ]);
}

/** The hosts that have neither ended well nor merely wait for their turn. */
export function notableHosts(hosts: readonly RolloutHostBody[]): RolloutHostBody[] {
  return hosts.filter((host) => !['pending', 'converged', 'left'].includes(stageOf(host)));
}

/** A rollout on a page: what it brings, its waves, and the hosts that are given. */
export async function renderRolloutPage(
  terminal: Terminal,
  snapshot: RolloutSnapshot,
  hosts: readonly RolloutHostBody[],
): Promise<string> {
  const { rollout } = snapshot;
  const facts: Array<[string, string]> = [
    ['Release', printable(releaseOf(rollout))],
    ['Since', timeCell(terminal, rollout.state_since)],
    ...(rollout.reason === '' ? [] : [['Reason', printable(rollout.reason)] satisfies [string, string]]),
    ['Created', timeCell(terminal, rollout.created_at)],
    [
      'Limits',
      `at most ${rollout.max_in_flight} in flight, ${formatSpan(rollout.soak_seconds)} soak, ${formatTolerance(rollout)}`,
    ],
    ...waveLines(snapshot),
  ];
  const page = [
    `${paint(terminal, 'bold', printable(rollout.id))}  ${stateCell(terminal, rollout)}`,
    ...renderFacts(facts),
  ];
  if (hosts.length > 0) page.push('', await renderHosts(terminal, snapshot, hosts));
  return page.join('\n');
}
