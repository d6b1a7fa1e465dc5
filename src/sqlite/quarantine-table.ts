import type { StoredQuarantine } from '../domain/records.ts';
import { listOf, parseStored, text } from '../domain/stored-json.ts';
import type { Connection } from './connection.ts';

interface QuarantineRow {
  id: number;
  stack: string;
  release: string;
  rollout_id: string;
  host: string;
  failing_probes: string;
  output: string;
  since_ms: number;
  lifted_at_ms: number | null;
  lifted_reason: string | null;
}

const PROBES = listOf(text);

function readRow(row: QuarantineRow): StoredQuarantine {
  return {
    id: row.id,
    stack: row.stack,
    release: row.release,
    rolloutId: row.rollout_id,
    host: row.host,
    failingProbes: parseStored('quarantine', row.failing_probes, PROBES),
    output: row.output,
    sinceMs: row.since_ms,
    liftedAtMs: row.lifted_at_ms,
    liftedReason: row.lifted_reason,
  };
}

export interface QuarantineTable {
  /** Quarantines that are not lifted. */
  active(): StoredQuarantine[];
  insert(quarantine: StoredQuarantine): void;
  lift(id: number, atMs: number, reason: string): void;
}

export function createQuarantineTable(connection: Connection): QuarantineTable {
  const selectActive = connection.prepare<QuarantineRow>(
    'SELECT * FROM quarantines WHERE lifted_at_ms IS NULL ORDER BY id',
  );
  const insert = connection.prepare<never>(
    `INSERT INTO quarantines (id, stack, release, rollout_id, host, failing_probes, output, since_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const lift = connection.prepare<never>('UPDATE quarantines SET lifted_at_ms = ?, lifted_reason = ? WHERE id = ?');
  return {
    active: () => selectActive.all().map(readRow),
    insert: ({ id, stack, release, rolloutId, host, failingProbes, output, sinceMs }) =>
      void insert.run(id, stack, release, rolloutId, host, JSON.stringify(failingProbes), output, sinceMs),
    lift: (id, atMs, reason) => void lift.run(atMs, reason, id),
  };
}
