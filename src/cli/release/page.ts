import { formatSpan, plural, quote, releaseName, shortDigest } from '../../domain/words.ts';
import { probesOf } from '../../explain/log-entry.ts';
import {
  composeTexts,
  type Manifest,
  type QuarantineBody,
  type ReleaseBody,
  type ReleaseFileBody,
  readPolicy,
  readReleaseFile,
} from '../../wire/release.ts';
import { printable } from '../terminal/printable.ts';
import { formatBytes } from '../terminal/quantity.ts';
import { renderFacts, renderTable } from '../terminal/table.ts';
import { paint, type Terminal } from '../terminal/terminal.ts';
import { timeCell } from '../terminal/time-cell.ts';
import { paintTone } from '../terminal/tone-style.ts';

type Probe = NonNullable<Manifest['probes']>[number];

function stateCell(terminal: Terminal, release: ReleaseBody): string {
  return release.quarantine === null ? 'ready' : paintTone(terminal, 'bad', 'quarantined');
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

/** Why a release is quarantined: what failed, on which host, and its last output. */
function quarantineLines(terminal: Terminal, quarantine: QuarantineBody): string[] {
  const probes = quarantine.failing_probes.map(quote);
  const failure = probes.length === 0 ? 'it could not be activated' : `${probesOf(probes)} failed`;
  const where = `on ${quarantine.host} in rollout ${quarantine.rollout_id}`;
  return [
    `${paintTone(terminal, 'bad', 'Quarantined')} ${timeCell(terminal, quarantine.since)}: ${printable(`${failure} ${where}`)}.`,
    ...(quarantine.output === '' ? [] : ['  Its last output:', ...textBlock(quarantine.output)]),
    `  To lift the quarantine once you know why: nexus release lift ${shortDigest(quarantine.release)} --reason TEXT`,
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
  const timing = `every ${probe.interval_seconds} s, timeout ${probe.timeout_seconds} s`;
  return printable(`${probe.name} (${probe.mode}): ${describeCheck(probe)}, ${timing}`);
}

function policyLines(manifest: Manifest): Array<[string, string]> {
  const policy = readPolicy(manifest);
  const { telemetry } = policy;
  const rollback = policy.onHealthFailure === 'rollback-and-halt';
  const limits = [
    plural(telemetry.maxRestarts, 'restart'),
    `memory growing by ${telemetry.maxMemoryGrowthMbPerMinute} MiB/min`,
    `${telemetry.maxCpuRatio} × the usual CPU above ${telemetry.minCpuPercent}% of a core`,
    `unhealthy for ${formatSpan(telemetry.maxUnhealthySeconds)}`,
  ];
  return [
    ['Activation', `at most ${formatSpan(policy.activationTimeoutSeconds)}`],
    ['Soak', formatSpan(policy.soakSeconds)],
    ['Fails', `when an enforced probe fails for ${formatSpan(policy.sustainedFailureSeconds)}`],
    ['On failure', rollback ? 'rolls the host back and halts' : 'halts and leaves the failed release running'],
    ['Lost hosts', policy.onLostHost === 'hold' ? 'stall the rollout until they are back' : 'count as failed'],
    ['Telemetry', telemetry.mode === 'off' ? 'not judged' : `${telemetry.mode}: at most ${limits.join(', ')}`],
  ];
}

function fileLine(manifest: Manifest, path: string, file: ReleaseFileBody): string {
  const { content, mode } = readReleaseFile(file);
  const traits = [
    formatBytes(Buffer.byteLength(content)),
    ...(mode === 0o644 ? [] : [`mode ${mode.toString(8).padStart(4, '0')}`]),
    ...(manifest.overrides?.includes(path) ? ['merged over the Compose file'] : []),
  ];
  return `${printable(path)} (${traits.join(', ')})`;
}

/** A release on a page: how it is judged, why it is quarantined, and what it runs. */
export function renderReleasePage(terminal: Terminal, release: ReleaseBody, manifest: Manifest): string {
  const probes = (manifest.probes ?? []).map(probeLine);
  const files = Object.entries(manifest.files ?? {}).map(([path, file]) => fileLine(manifest, path, file));
  const facts: Array<[string, string]> = [
    ['Digest', release.digest],
    ['Added', timeCell(terminal, release.created_at)],
    ...policyLines(manifest),
    ...(probes.length === 0 ? ['only the healthchecks of its services'] : probes).map(
      (line, index): [string, string] => [index === 0 ? 'Probes' : '', line],
    ),
    ...files.map((line, index): [string, string] => [index === 0 ? 'Files' : '', line]),
  ];
  return [
    `${paint(terminal, 'bold', printable(releaseName(release)))}  ${stateCell(terminal, release)}`,
    ...renderFacts(facts),
    ...(release.quarantine === null ? [] : ['', ...quarantineLines(terminal, release.quarantine)]),
    '',
    'Compose:',
    ...textBlock(manifest.compose),
    ...(manifest.overrides ?? []).flatMap((path, index) => [
      '',
      `${printable(path)}:`,
      ...textBlock(composeTexts(manifest)[index + 1] ?? ''),
    ]),
  ].join('\n');
}
