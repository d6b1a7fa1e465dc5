import type { ContainerBody } from '../../wire/operator.ts';
import { printable } from '../terminal/printable.ts';
import { formatMegabytes, formatPercent, formatShare, formatTransfer, UNKNOWN } from '../terminal/quantity.ts';
import { renderTable } from '../terminal/table.ts';
import { paint, type Style, type Terminal } from '../terminal/terminal.ts';
import { timeCell } from '../terminal/time-cell.ts';

const STATE_STYLES: Readonly<Record<string, Style>> = {
  running: 'green',
  restarting: 'yellow',
  paused: 'yellow',
  created: 'yellow',
  exited: 'gray',
  dead: 'red',
  removing: 'gray',
};

function stateCell(terminal: Terminal, container: ContainerBody): string {
  if (container.removed_at !== null) return paint(terminal, 'gray', 'removed');
  const state = printable(container.state ?? container.status ?? UNKNOWN);
  const health = container.health_status;
  const style = health === 'unhealthy' ? 'red' : STATE_STYLES[state];
  const shown = health === null || health === '' || health === 'none' ? state : `${state} (${printable(health)})`;
  return style === undefined ? shown : paint(terminal, style, shown);
}

/** A digest is pinned with `@` and is long; its first 12 digits tell two of them apart. */
export function imageCell(container: Pick<ContainerBody, 'image' | 'image_tag'>): string {
  const { image, image_tag: tag } = container;
  if (tag === null || tag === '' || image.endsWith(`:${tag}`) || image.endsWith(`@${tag}`)) return printable(image);
  const digest = /^sha256:([0-9a-f]{12})[0-9a-f]+$/.exec(tag)?.[1];
  return printable(digest === undefined ? `${image}:${tag}` : `${image}@sha256:${digest}`);
}

function memoryCell({ metrics }: ContainerBody): string {
  return formatShare(formatMegabytes(metrics.memory_usage_mb), formatMegabytes(metrics.memory_limit_mb));
}

export function renderContainers(terminal: Terminal, containers: readonly ContainerBody[]): Promise<string> {
  const byName = containers.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return renderTable<ContainerBody>(
    terminal,
    [
      { title: 'CONTAINER', cell: (row) => printable(row.name), shrinks: true },
      { title: 'IMAGE', cell: imageCell, shrinks: true },
      { title: 'STATE', cell: (row) => stateCell(terminal, row) },
      { title: 'CPU', cell: (row) => formatPercent(row.metrics.cpu_percent), align: 'right' },
      { title: 'MEMORY', cell: memoryCell, align: 'right' },
      { title: 'MEM %', cell: (row) => formatPercent(row.metrics.memory_percent), align: 'right', dropOrder: 2 },
      {
        title: 'NET IN/OUT',
        cell: ({ metrics }) => formatTransfer(metrics.network_rx_bytes, metrics.network_tx_bytes),
        align: 'right',
        dropOrder: 3,
      },
      {
        title: 'BLOCK READ/WRITE',
        cell: ({ metrics }) => formatTransfer(metrics.block_read_bytes, metrics.block_write_bytes),
        align: 'right',
        dropOrder: 5,
      },
      { title: 'STARTED', cell: (row) => timeCell(terminal, row.started_at), dropOrder: 1 },
      { title: 'PORTS', cell: (row) => printable(row.ports.join(', ')), shrinks: true, dropOrder: 4 },
    ],
    byName,
  );
}
