/** The stored metrics as Prometheus knows them: base units, `_total` for counters, `host` or `container` in the name. */
import { type CONTAINER_METRICS, COUNTER_METRICS, type HOST_METRICS } from '../domain/telemetry.ts';

export interface Family {
  /** Without `_total`. */
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly subject: 'host' | 'container';
  /** The stored metric. */
  readonly metric: string;
  /** What the stored number is multiplied with. */
  readonly factor: number;
}

const MEGABYTE = 1024 * 1024;
const GIGABYTE = 1024 * MEGABYTE;

const HOST: Readonly<Record<(typeof HOST_METRICS)[number], readonly [name: string, factor: number, help: string]>> = {
  cpu_percent: ['cpu_percent', 1, 'CPU use, 0–100.'],
  load_average: ['load_average', 1, 'Load average over one minute.'],
  memory_used_mb: ['memory_used_bytes', MEGABYTE, 'Memory in use: total minus available.'],
  memory_total_mb: ['memory_total_bytes', MEGABYTE, 'Memory of the host.'],
  disk_used_gb: ['disk_used_bytes', GIGABYTE, 'Disk space in use.'],
  disk_total_gb: ['disk_total_bytes', GIGABYTE, 'Disk space of the host.'],
  network_rx_bytes: ['network_receive_bytes', 1, 'Bytes received.'],
  network_tx_bytes: ['network_transmit_bytes', 1, 'Bytes sent.'],
};

const CONTAINER: Readonly<
  Record<(typeof CONTAINER_METRICS)[number], readonly [name: string, factor: number, help: string]>
> = {
  cpu_percent: ['cpu_percent', 1, 'CPU use; 100 is one core.'],
  memory_usage_mb: ['memory_usage_bytes', MEGABYTE, 'Memory in use.'],
  memory_limit_mb: ['memory_limit_bytes', MEGABYTE, 'Memory that it may use.'],
  network_rx_bytes: ['network_receive_bytes', 1, 'Bytes received.'],
  network_tx_bytes: ['network_transmit_bytes', 1, 'Bytes sent.'],
  block_read_bytes: ['block_read_bytes', 1, 'Bytes read from block devices.'],
  block_write_bytes: ['block_write_bytes', 1, 'Bytes written to block devices.'],
};

function families(
  subject: Family['subject'],
  table: Readonly<Record<string, readonly [string, number, string]>>,
): Family[] {
  return Object.entries(table).map(([metric, [name, factor, help]]) => ({
    name: `nexus_${subject}_${name}`,
    type: COUNTER_METRICS.has(metric) ? 'counter' : 'gauge',
    help,
    subject,
    metric,
    factor,
  }));
}

export const FAMILIES: readonly Family[] = [...families('host', HOST), ...families('container', CONTAINER)];

/** The name of a family's samples. */
export function sampleName(family: Family): string {
  return family.type === 'counter' ? `${family.name}_total` : family.name;
}
