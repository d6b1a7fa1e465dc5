/** RFC 4180, one line per host or container and instant; a value that was not measured is empty. */
import { formatInstant } from '../domain/instant.ts';
import { EXPORTED_METRICS, type ExportRow, type ExportSource, PIECE_LENGTH, type Sink } from './export-row.ts';

function quote(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function line({ recordedAtMs, host, container, metrics }: ExportRow): string {
  const values = EXPORTED_METRICS.map((name) => metrics[name] ?? '');
  const subject = [quote(host), quote(container?.id ?? ''), quote(container?.name ?? '')];
  return `${[formatInstant(recordedAtMs), ...subject, ...values].join(',')}\r\n`;
}

export async function writeCsv(source: ExportSource, sink: Sink): Promise<void> {
  let text = `${['recorded_at', 'host', 'container_id', 'container_name', ...EXPORTED_METRICS].join(',')}\r\n`;
  for (const host of source.hosts()) {
    for (const row of source.rows(host)) {
      text += line(row);
      if (text.length < PIECE_LENGTH) continue;
      await sink(text);
      text = '';
    }
  }
  await sink(text);
}
