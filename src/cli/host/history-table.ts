import type { ContainerHistoryBody, HostHistoryBody } from '../../wire/operator.ts';
import {
  formatGibibytes,
  formatMebibytes,
  formatNumber,
  formatPercent,
  formatShare,
  formatTransfer,
} from '../terminal/quantity.ts';
import { type Column, renderTable } from '../terminal/table.ts';
import type { Terminal } from '../terminal/terminal.ts';

type HostPoint = HostHistoryBody['points'][number];
type ContainerPoint = ContainerHistoryBody['points'][number];

/** History is compared with other logs, so its times are exact on a terminal too. */
const RECORDED: Column<{ readonly recorded_at: string }> = { title: 'RECORDED', cell: (row) => row.recorded_at };

export function renderHostHistory(terminal: Terminal, history: HostHistoryBody): Promise<string> {
  return renderTable<HostPoint>(
    terminal,
    [
      RECORDED,
      { title: 'CPU', cell: (row) => formatPercent(row.cpu_percent), align: 'right' },
      { title: 'LOAD', cell: (row) => formatNumber(row.load_average, 2), align: 'right' },
      {
        title: 'MEMORY',
        cell: (row) => formatShare(formatMebibytes(row.memory_used_mb), formatMebibytes(row.memory_total_mb)),
        align: 'right',
      },
      {
        title: 'DISK',
        cell: (row) => formatShare(formatGibibytes(row.disk_used_gb), formatGibibytes(row.disk_total_gb)),
        align: 'right',
        dropOrder: 2,
      },
      {
        title: 'NET IN/OUT',
        cell: (row) => formatTransfer(row.network_rx_bytes, row.network_tx_bytes),
        align: 'right',
        dropOrder: 1,
      },
    ],
    history.points,
  );
}

export function renderContainerHistory(terminal: Terminal, history: ContainerHistoryBody): Promise<string> {
  return renderTable<ContainerPoint>(
    terminal,
    [
      RECORDED,
      { title: 'CPU', cell: (row) => formatPercent(row.cpu_percent), align: 'right' },
      {
        title: 'MEMORY',
        cell: (row) => formatShare(formatMebibytes(row.memory_usage_mb), formatMebibytes(row.memory_limit_mb)),
        align: 'right',
      },
      {
        title: 'NET IN/OUT',
        cell: (row) => formatTransfer(row.network_rx_bytes, row.network_tx_bytes),
        align: 'right',
        dropOrder: 1,
      },
      {
        title: 'BLOCK READ/WRITE',
        cell: (row) => formatTransfer(row.block_read_bytes, row.block_write_bytes),
        align: 'right',
        dropOrder: 2,
      },
    ],
    history.points,
  );
}
