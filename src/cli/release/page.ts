import { formatSpan, plural, shortDigest } from '../../domain/words.ts';
import type { Manifest, QuarantineBody, ReleaseBody } from '../../wire/release.ts';
import { readPolicy } from '../../wire/release.ts';
import { printable } from '../terminal/printable.ts';
import { formatBytes } from '../terminal/quantity.ts';
import { renderTable } from '../terminal/table.ts';
import { paint, type Terminal } from '../terminal/terminal.ts';
import { timeCell } from '../terminal/time-cell.ts';

type Probe = NonNullable<Manifest['probes']>[number];

function stateCell(terminal: Terminal, release: ReleaseBody): string {
  return release.quarantine === null ? 'ready' : paint(terminal, 'red', 'quarantined');
}

export function renderReleases(terminal: Terminal, releases: readonly ReleaseBody[]): Promise<string> {
  return renderTable<ReleaseBody>(
    terminal,
    [
      { title: 'STACK', cell: (row) => printable(row.stack), shrinks: true },
      { title: 'VERSION', cell: (row) => printable(row.version), shrinks: true },
      { title: 'DIGEST', cell: (row) => shortDigest(row.digest) },
      { title: 'STATE', cell: (row) => stateCell(terminal, row) },
      { title: 'ADDED', cell: (row) => timeCell(terminal, row.created_at) },
    ],
    releases,
  );
}

function textBlock(text: string): string[] {
  return text
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => `    ${printable(line)}`.trimEnd());
}

/** What stands against a release: whose failure, of what, and its last words. */
export function quarantineLines(terminal: Terminal, quarantine: QuarantineBody): string[] {
  const probes = quarantine.failing_probes.map((name) => `'${printable(name)}'`).join(', ');
  const what = probes === '' ? 'could not be activated' : `failed at ${probes}`;
  const since = timeCell(terminal, quarantine.since);
  return [
    `${paint(terminal, 'red', 'Quarantined')} ${since}: on ${printable(quarantine.host)} it ${what}, in rollout ${printable(quarantine.rollout_id)}.`,
    ...(quarantine.output === '' ? [] : ['  Its last output:', ...textBlock(quarantine.output)]),
    `  Lift it once you know why: nexus release lift ${shortDigest(quarantine.release)} --reason TEXT`,
  ];
}

function describeCheck(probe: Probe): string {
  if ('http' in probe) {
    const status = probe.http.status === undefined ? 'below 400' : String(probe.http.status);
    return `http ${probe.http.url}, status ${status}`;
  }
  if ('tcp' in probe) return `tcp ${probe.tcp.address}`;
  return `exec in ${probe.exec.service}: ${probe.exec.command.join(' ')}`;
}

function probeLine(probe: Probe): string {
  const rhythm = `every ${probe.interval_seconds} s, timeout ${probe.timeout_seconds} s`;
  return printable(`${probe.name} (${probe.mode}): ${describeCheck(probe)}, ${rhythm}`);
}

function policyLines(manifest: Manifest): Array<[string, string]> {
  const policy = readPolicy(manifest);
  const { telemetry } = policy;
  const rollback = policy.onHealthFailure === 'rollback-and-halt';
  const limits = [
    plural(telemetry.maxRestarts, 'restart'),
    `${telemetry.maxMemoryGrowthMbPerMinute} MB of memory growth a minute`,
    `${telemetry.maxCpuRatio} × CPU from ${telemetry.minCpuPercent} % on`,
    `${formatSpan(telemetry.maxUnhealthySeconds)} unhealthy`,
  ];
  return [
    ['Activation', `at most ${formatSpan(policy.activationTimeoutSeconds)}`],
    ['Soak', formatSpan(policy.soakSeconds)],
    ['Failure', `an enforced probe that fails for ${formatSpan(policy.sustainedFailureSeconds)}`],
    ['Then', rollback ? 'goes back to what ran before, and halts' : 'halts, and leaves the failed release running'],
    ['Telemetry', telemetry.mode === 'off' ? 'not looked at' : `${telemetry.mode}: at most ${limits.join(', ')}`],
  ];
}

/** A release on a page: what stands against it, how it is judged, and what runs. */
export function renderReleasePage(terminal: Terminal, release: ReleaseBody, manifest: Manifest): string {
  const probes = (manifest.probes ?? []).map(probeLine);
  const files = Object.entries(manifest.files ?? {}).map(
    ([path, text]) => `${printable(path)} (${formatBytes(Buffer.byteLength(text))})`,
  );
  const lines: Array<[string, string]> = [
    ['Digest', release.digest],
    ['Added', timeCell(terminal, release.created_at)],
    ...policyLines(manifest),
    ...(probes.length === 0 ? ['its own healthchecks'] : probes).map((line, index): [string, string] => [
      index === 0 ? 'Probes' : '',
      line,
    ]),
    ...files.map((line, index): [string, string] => [index === 0 ? 'Files' : '', line]),
  ];
  return [
    `${paint(terminal, 'bold', printable(`${release.stack} ${release.version}`))}  ${stateCell(terminal, release)}`,
    ...lines.map(([title, value]) => `  ${title.padEnd(12)}${value}`),
    ...(release.quarantine === null ? [] : ['', ...quarantineLines(terminal, release.quarantine)]),
    '',
    'Compose:',
    ...textBlock(manifest.compose),
  ].join('\n');
}
