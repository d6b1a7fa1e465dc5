/** Apache Parquet: the columns of the CSV, times as TIMESTAMP (milliseconds, UTC), values as DOUBLE, Snappy pages. */
import { ByteWriter, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';
import { EXPORTED_METRICS, type ExportRow, type ExportSource, type Sink } from './export-row.ts';

/** Rows held in memory; readers skip row groups by the statistics of each. */
const ROW_GROUP_ROWS = 50_000;

function columnsOf(rows: readonly ExportRow[]) {
  return [
    {
      name: 'recorded_at',
      type: 'TIMESTAMP' as const,
      nullable: false,
      data: rows.map((row) => new Date(row.recordedAtMs)),
    },
    { name: 'host', type: 'STRING' as const, nullable: false, data: rows.map((row) => row.host) },
    {
      name: 'container_id',
      type: 'STRING' as const,
      nullable: true,
      data: rows.map((row) => row.container?.id ?? null),
    },
    {
      name: 'container_name',
      type: 'STRING' as const,
      nullable: true,
      data: rows.map((row) => row.container?.name ?? null),
    },
    ...EXPORTED_METRICS.map((name) => ({
      name,
      type: 'DOUBLE' as const,
      nullable: true,
      data: rows.map((row) => row.metrics[name] ?? null),
    })),
  ];
}

export async function writeParquet(source: ExportSource, sink: Sink): Promise<void> {
  const buffer = new ByteWriter();
  const schema = schemaFromColumnData({ columnData: columnsOf([]) });
  const writer = new ParquetWriter({ writer: buffer, schema, createdBy: 'nexus' });
  /** The file's offsets count on from `offset`, so what was handed on can be forgotten. */
  const drain = async (): Promise<void> => {
    const bytes = buffer.getBytes().slice();
    buffer.index = 0;
    await sink(bytes);
  };
  let rows: ExportRow[] = [];
  const flush = async (): Promise<void> => {
    if (rows.length === 0) return;
    await writer.write({ columnData: columnsOf(rows), rowGroupSize: ROW_GROUP_ROWS });
    rows = [];
    await drain();
  };
  for (const host of source.hosts()) {
    for (const row of source.rows(host)) {
      rows.push(row);
      if (rows.length >= ROW_GROUP_ROWS) await flush();
    }
  }
  await flush();
  await writer.finish();
  await drain();
}
