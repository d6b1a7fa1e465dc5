import { plural, releaseName } from '../../domain/words.ts';
import type { ReleaseNames } from '../../explain/log-entry.ts';
import type { RolloutPlanBody } from '../../wire/rollout.ts';
import { printable } from '../terminal/printable.ts';
import { renderTable } from '../terminal/table.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { paintTone } from '../terminal/tone-style.ts';

type PlannedHost = RolloutPlanBody['waves'][number]['hosts'][number];
type Finding = PlannedHost['findings'][number];

/** One finding about a host, or a host without findings. */
interface PlanRow {
  readonly wave: string;
  readonly host: string;
  readonly finding: Finding | null;
  /** What becomes of what runs there; empty for a further finding about the same host. */
  readonly change: string;
}

function rowsOf(plan: RolloutPlanBody, names: ReleaseNames, all: boolean): PlanRow[] {
  return plan.waves.flatMap(({ hosts }, index) =>
    hosts.flatMap((host): PlanRow[] => {
      const { name, findings } = host;
      const row = { wave: String(index + 1), host: name, change: changeOf(plan, host, names) };
      if (findings.length === 0) return all ? [{ ...row, finding: null }] : [];
      return findings.map((finding, place) => ({ ...row, finding, change: place === 0 ? row.change : '' }));
    }),
  );
}

function changeOf({ stack, release }: RolloutPlanBody, { runs }: PlannedHost, names: ReleaseNames): string {
  if (runs === undefined) return '';
  if (runs === release) return 'already runs it';
  if (runs === null) return 'first deploy';
  const [before, after] = [runs, release].map(
    (digest) => names.get(digest) ?? releaseName({ stack, version: null, digest }),
  );
  const [short, other] = [before, after].map((name = '') => name.replace(/ \([0-9a-f]+\)$/, ''));
  // Two releases may have the same version.
  return short === other ? `${before} → ${after}` : `${short} → ${other}`;
}

function verdictCell(terminal: Terminal, { finding }: PlanRow): string {
  if (finding === null) return paintTone(terminal, 'good', 'ready');
  return paintTone(terminal, finding.severity === 'hold' ? 'bad' : 'warning', finding.severity);
}

/** Wave by wave, host by host; `all` includes hosts without findings. Empty where no host is left to show. */
export async function renderPlan(
  terminal: Terminal,
  plan: RolloutPlanBody,
  names: ReleaseNames,
  all: boolean,
): Promise<string> {
  const rows = rowsOf(plan, names, all);
  if (rows.length === 0) return '';
  return renderTable<PlanRow>(
    terminal,
    [
      { title: 'WAVE', cell: (row) => row.wave, align: 'right' },
      { title: 'HOST', cell: (row) => printable(row.host), shrinks: true },
      { title: 'VERDICT', cell: (row) => verdictCell(terminal, row) },
      { title: 'FINDING', cell: (row) => printable(row.finding?.message ?? ''), shrinks: true },
      { title: 'CHANGE', cell: (row) => printable(row.change), shrinks: true },
    ],
    rows,
  );
}

export function countPlanned(plan: RolloutPlanBody): number {
  return plan.waves.reduce((sum, { hosts }) => sum + hosts.length, 0);
}

/** The plan in sentences. */
export function planSummary(plan: RolloutPlanBody, names: ReleaseNames): string[] {
  const hosts = plan.waves.flatMap((wave) => wave.hosts);
  const held = hosts.filter((host) => host.findings.some((one) => one.severity === 'hold')).length;
  const warned = hosts.filter((host) => host.findings.length > 0).length - held;
  const release = names.get(plan.release) ?? releaseName({ stack: plan.stack, version: null, digest: plan.release });
  const sizes = plan.waves.map((wave) => wave.hosts.length).join(', ');
  const waves = plan.waves.length === 1 ? 'one wave' : `${plan.waves.length} waves of ${sizes}`;
  return [
    `${printable(release)} to ${plural(hosts.length, 'host')} in ${waves}: ${hosts.length - held - warned} ready, ${warned} with warnings, ${held} held.`,
    ...plan.supersedes.map((id) => `It would supersede rollout ${printable(id)}, which is still running.`),
    ...plan.notes.map(printable),
  ];
}
