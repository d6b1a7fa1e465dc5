import { formatLabels, formatSpan, plural } from '../../domain/words.ts';
import { HOST_STATUS_TONES } from '../../explain/fleet.ts';
import type { ContainerBody, HostBody } from '../../wire/operator.ts';
import type { StackHostBody } from '../../wire/stack.ts';
import { renderStacksOfHost } from '../stack/page.ts';
import { printable } from '../terminal/printable.ts';
import {
  formatBytes,
  formatGibibytes,
  formatMebibytes,
  formatNumber,
  formatPercent,
  formatShare,
  percentOf,
  UNKNOWN,
} from '../terminal/quantity.ts';
import { renderFacts, renderTable } from '../terminal/table.ts';
import { paint, type Terminal } from '../terminal/terminal.ts';
import { timeCell } from '../terminal/time-cell.ts';
import { paintTone } from '../terminal/tone-style.ts';
import { renderContainers } from './container-table.ts';

/** A smaller skew is mostly the time that the report travelled. */
const NOTABLE_SKEW_MS = 1_000;

function statusCell(terminal: Terminal, host: HostBody): string {
  return paintTone(terminal, HOST_STATUS_TONES[host.status], host.status);
}

interface Usage {
  readonly share: string;
  readonly percent: string;
}

function usageOf(used: number | null, total: number | null, format: (amount: number | null) => string): Usage {
  return { share: formatShare(format(used), format(total)), percent: formatPercent(percentOf(used, total)) };
}

/** The total is a fact as well, which a host keeps while its agent does not report metrics. */
function memoryOf({ metrics, facts }: HostBody): Usage {
  return usageOf(metrics?.memory_used_mb ?? null, metrics?.memory_total_mb ?? facts.memory_total_mb, formatMebibytes);
}

function diskOf({ metrics, facts }: HostBody): Usage {
  return usageOf(metrics?.disk_used_gb ?? null, metrics?.disk_total_gb ?? facts.disk_total_gb, formatGibibytes);
}

export function renderHosts(terminal: Terminal, hosts: readonly HostBody[]): Promise<string> {
  return renderTable<HostBody>(
    terminal,
    [
      { title: 'HOST', cell: (row) => printable(row.name), shrinks: true },
      { title: 'STATUS', cell: (row) => statusCell(terminal, row) },
      { title: 'CPU', cell: (row) => formatPercent(row.metrics?.cpu_percent ?? null), align: 'right' },
      {
        title: 'LOAD',
        cell: (row) => formatNumber(row.metrics?.load_average ?? null, 2),
        align: 'right',
        dropOrder: 4,
      },
      { title: 'MEMORY', cell: (row) => memoryOf(row).share, align: 'right' },
      { title: 'DISK', cell: (row) => diskOf(row).share, align: 'right', dropOrder: 3 },
      { title: 'CONTAINERS', cell: (row) => String(row.container_count), align: 'right', dropOrder: 2 },
      { title: 'AGENT', cell: (row) => printable(row.agent?.version ?? UNKNOWN), dropOrder: 6 },
      { title: 'LAST SEEN', cell: (row) => timeCell(terminal, row.last_seen_at, 'never') },
      { title: 'LABELS', cell: (row) => printable(formatLabels(row.labels)), shrinks: true, dropOrder: 5 },
    ],
    hosts,
  );
}

function systemLine(host: HostBody): string {
  const { os, docker_version: docker, cpu_count: cpus } = host.facts;
  const parts = [
    os === null ? null : printable(os),
    docker === null ? null : `Docker ${printable(docker)}`,
    cpus === null ? null : plural(cpus, 'CPU'),
  ].filter((part) => part !== null);
  return parts.length === 0 ? UNKNOWN : parts.join(', ');
}

function agentLines({ agent }: HostBody): Array<[string, string]> {
  if (agent === null) return [];
  const { version, capabilities, compose_version: compose } = agent;
  const canRoll = capabilities.includes('rollouts');
  const words = capabilities.length === 0 ? 'none: it only reports' : capabilities.join(', ');
  const missing = canRoll && compose === null ? ', but there is no Docker Compose' : '';
  return [
    ['Agent', `${version ?? 'of an unknown version'}${compose === null ? '' : `, with Docker Compose ${compose}`}`],
    ['Capabilities', `${words}${missing}`],
  ].map(([name = '', text = '']) => [name, printable(text)]);
}

function metricLines(host: HostBody): Array<[string, string]> {
  const { metrics } = host;
  if (metrics === null) return [];
  const memory = memoryOf(host);
  const disk = diskOf(host);
  return [
    ['CPU', `${formatPercent(metrics.cpu_percent)}, load ${formatNumber(metrics.load_average, 2)}`],
    ['Memory', `${memory.share} (${memory.percent})`],
    ['Disk', `${disk.share} (${disk.percent})`],
    ['Network', `${formatBytes(metrics.network_rx_bytes)} in, ${formatBytes(metrics.network_tx_bytes)} out`],
  ];
}

function skewLines(host: HostBody): Array<[string, string]> {
  const skewMs = host.clock_skew_ms;
  if (skewMs === null || Math.abs(skewMs) < NOTABLE_SKEW_MS) return [];
  const direction = skewMs > 0 ? 'ahead of' : 'behind';
  const skew = formatSpan(Math.abs(skewMs) / 1000);
  return [['Clock', `${skew} ${direction} the server's: check the host's time synchronization`]];
}

/** A host on a page: its facts, its latest metrics, its stacks, and its containers. */
export async function renderHostPage(
  terminal: Terminal,
  host: HostBody,
  stacks: readonly StackHostBody[],
  containers: readonly ContainerBody[],
): Promise<string> {
  const labels = formatLabels(host.labels);
  const facts: Array<[string, string]> = [
    ['Last seen', timeCell(terminal, host.last_seen_at, 'never (its agent has not reported yet)')],
    ['System', systemLine(host)],
    ...agentLines(host),
    ...metricLines(host),
    ...skewLines(host),
    ['Labels', labels === '' ? UNKNOWN : printable(labels)],
    ['Offline after', `${formatSpan(host.offline_after_seconds)} of silence`],
    ['Added', timeCell(terminal, host.created_at)],
  ];
  if (host.archived_at !== null) facts.push(['Archived', timeCell(terminal, host.archived_at)]);
  const page = [
    `${paint(terminal, 'bold', printable(host.name))}  ${statusCell(terminal, host)}`,
    ...renderFacts(facts),
  ];
  if (stacks.length > 0) page.push('', await renderStacksOfHost(terminal, stacks));
  if (containers.length > 0) page.push('', await renderContainers(terminal, containers));
  return page.join('\n');
}
