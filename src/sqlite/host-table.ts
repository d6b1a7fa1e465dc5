import type { HostStatus } from '../domain/host.ts';
import type { StoredHost } from '../domain/records.ts';
import { listOf, nullable, object, parseStored, recordOf, text } from '../domain/stored-json.ts';
import type { AgentFacts } from '../domain/telemetry.ts';
import type { Connection, SqlValue } from './connection.ts';

interface HostRow {
  id: number;
  name: string;
  status: HostStatus;
  labels: string;
  offline_after_seconds: number;
  created_at_ms: number;
  archived_at_ms: number | null;
  cpu_count: number | null;
  memory_total_mb: number | null;
  disk_total_gb: number | null;
  os: string | null;
  docker_version: string | null;
  agent: string | null;
}

const LABELS = recordOf(text);
const AGENT = object<AgentFacts>({
  version: nullable(text),
  capabilities: listOf(text),
  composeVersion: nullable(text),
  bootId: nullable(text),
});

function readRow(row: HostRow): StoredHost {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    labels: parseStored('set of labels', row.labels, LABELS),
    offlineAfterSeconds: row.offline_after_seconds,
    createdAtMs: row.created_at_ms,
    archivedAtMs: row.archived_at_ms,
    facts: {
      cpuCount: row.cpu_count,
      memoryTotalMb: row.memory_total_mb,
      diskTotalGb: row.disk_total_gb,
      os: row.os,
      dockerVersion: row.docker_version,
    },
    agent: row.agent === null ? null : parseStored('description of an agent', row.agent, AGENT),
  };
}

function columns(host: StoredHost): SqlValue[] {
  return [
    host.name,
    host.status,
    JSON.stringify(host.labels),
    host.offlineAfterSeconds,
    host.createdAtMs,
    host.archivedAtMs,
    host.facts.cpuCount,
    host.facts.memoryTotalMb,
    host.facts.diskTotalGb,
    host.facts.os,
    host.facts.dockerVersion,
    host.agent === null ? null : JSON.stringify(host.agent),
    host.id,
  ];
}

export interface HostTable {
  all(): StoredHost[];
  insert(host: StoredHost): void;
  save(host: StoredHost): void;
}

export function createHostTable(connection: Connection): HostTable {
  const selectAll = connection.prepare<HostRow>('SELECT * FROM hosts');
  const insert = connection.prepare<never>(
    `INSERT INTO hosts (name, status, labels, offline_after_seconds, created_at_ms, archived_at_ms,
       cpu_count, memory_total_mb, disk_total_gb, os, docker_version, agent, id)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const update = connection.prepare<never>(
    `UPDATE hosts SET name = ?, status = ?, labels = ?, offline_after_seconds = ?, created_at_ms = ?, archived_at_ms = ?,
       cpu_count = ?, memory_total_mb = ?, disk_total_gb = ?, os = ?, docker_version = ?, agent = ?
     WHERE id = ?`,
  );
  return {
    all: () => selectAll.all().map(readRow),
    insert: (host) => void insert.run(...columns(host)),
    save: (host) => void update.run(...columns(host)),
  };
}
