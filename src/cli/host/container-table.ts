import { containerTone } from '../../explain/fleet.ts';
import type { ContainerBody } from '../../wire/operator.ts';
import { printable } from '../terminal/printable.ts';
import { formatMebibytes, formatPercent, formatShare, formatTransfer, UNKNOWN } from '../terminal/quantity.ts';
import { renderTable } from '../terminal/table.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { timeCell } from '../terminal/time-cell.ts';
import { paintTone } from '../terminal/tone-style.ts';

function describeState({ removed_at: removedAt, state, status, health_status: health }: ContainerBody): string {
  if (removedAt !== null) return 'removed';
  const shown = state ?? status ?? UNKNOWN;
  return health === null || health === '' || health === 'none' ? shown : `${shown} (${health})`;
}

function stateCell(terminal: Terminal, container: ContainerBody): string {
  return paintTone(terminal, containerTone(container), printable(describeState(container)));
}

/** A digest follows `@` and is long; its first 12 digits tell two of them apart. */
export function imageCell(container: Pick<ContainerBody, 'image' | 'image_tag'>): string {
  const { image, image_tag: tag } = container;
  if (tag === null || tag === '' || image.endsWith(`:${tag}`) || image.endsWith(`@${tag}`)) return printable(image);
  const digest = /^sha256:([0-9a-f]{12})[0-9a-f]+$/.exec(tag)?.[1];
  return printable(digest === undefined ? `${image}:${tag}` : `${image}@sha256:${digest}`);
}

function memoryCell({ metrics }: ContainerBody): string {
  return formatShare(formatMebibytes(metrics.memory_usage_mb), formatMebibytes(metrics.memory_limit_mb));
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
