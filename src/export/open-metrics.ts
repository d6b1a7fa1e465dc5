/**
 * OpenMetrics 1.0 text with timestamps, as `promtool tsdb create-blocks-from openmetrics` and VictoriaMetrics import
 * it. The samples of a family stand together, and within it those of a series: the source is gone through once per
 * family, and one host's samples of one family are held in memory.
 */
import type { ExportRow, ExportSource, Sink } from './export-row.ts';
import { FAMILIES, type Family, sampleName } from './metric-families.ts';

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function labels({ host, container }: ExportRow): string {
  const ofContainer =
    container === null ? '' : `,container_id="${escapeLabel(container.id)}",container="${escapeLabel(container.name)}"`;
  return `{host="${escapeLabel(host)}"${ofContainer}}`;
}

async function writeHost(source: ExportSource, family: Family, host: string, sink: Sink): Promise<void> {
  const series = new Map<string, { readonly labels: string; lines: string[] }>();
  for (const row of source.rows(host)) {
    if ((row.container === null) !== (family.subject === 'host')) continue;
    const value = row.metrics[family.metric];
    if (value === null || value === undefined) continue;
    const key = row.container?.id ?? '';
    const known = series.get(key) ?? { labels: labels(row), lines: [] };
    series.set(key, known);
    known.lines.push(`${sampleName(family)}${known.labels} ${value * family.factor} ${row.recordedAtMs / 1000}\n`);
  }
  for (const { lines } of series.values()) await sink(lines.join(''));
}

export async function writeOpenMetrics(source: ExportSource, sink: Sink): Promise<void> {
  for (const family of FAMILIES) {
    await sink(`# TYPE ${family.name} ${family.type}\n# HELP ${family.name} ${family.help}\n`);
    for (const host of source.hosts()) await writeHost(source, family, host, sink);
  }
  await sink('# EOF\n');
}
