import type { StoredContainer } from '../domain/records.ts';
import type { ContainerReads } from '../domain/store.ts';
import { listOf, parseStored, recordOf, text } from '../domain/stored-json.ts';
import type { ContainerIdentity } from '../domain/telemetry.ts';
import type { ContainerMarks } from '../domain/writes.ts';
import type { Connection, SqlValue } from './connection.ts';

interface MarkRow {
  id: number;
  host_id: number;
  container_id: string;
  fingerprint: string;
  unhealthy: number;
  last_seen_at_ms: number;
  missing_since_ms: number | null;
  removed_at_ms: number | null;
}

interface ContainerRow extends MarkRow {
  name: string;
  image: string;
  image_tag: string | null;
  status: string | null;
  state: string | null;
  health_status: string | null;
  started_at: string | null;
  finished_at: string | null;
  ports: string;
  labels: string;
}

function readMarks(row: MarkRow): Omit<StoredContainer, 'identity'> {
  return {
    id: row.id,
    hostId: row.host_id,
    containerId: row.container_id,
    fingerprint: row.fingerprint,
    unhealthy: row.unhealthy === 1,
    lastSeenAtMs: row.last_seen_at_ms,
    missingSinceMs: row.missing_since_ms,
    removedAtMs: row.removed_at_ms,
  };
}

const PORTS = listOf(text);
const LABELS = recordOf(text);

function readRow(row: ContainerRow): StoredContainer {
  const identity: ContainerIdentity = {
    name: row.name,
    image: row.image,
    imageTag: row.image_tag,
    status: row.status,
    state: row.state,
    healthStatus: row.health_status,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    ports: parseStored('list of ports', row.ports, PORTS),
    labels: parseStored('set of labels', row.labels, LABELS),
  };
  return { ...readMarks(row), identity };
}

function columns(container: StoredContainer): SqlValue[] {
  const { identity } = container;
  return [
    container.hostId,
    container.containerId,
    identity.name,
    identity.image,
    identity.imageTag,
    identity.status,
    identity.state,
    identity.healthStatus,
    identity.startedAt,
    identity.finishedAt,
    JSON.stringify(identity.ports),
    JSON.stringify(identity.labels),
    container.fingerprint,
    container.unhealthy ? 1 : 0,
    container.lastSeenAtMs,
    container.missingSinceMs,
    container.removedAtMs,
    container.id,
  ];
}

export interface ContainerTable extends ContainerReads {
  /** Containers that are not removed, in no particular order. */
  allPresent(): Iterable<Omit<StoredContainer, 'identity'>>;
  /** Numbers of all containers of a Compose project that the host has ever reported. */
  numbersOfStack(hostId: number, stack: string): number[];
  insert(container: StoredContainer): void;
  save(container: StoredContainer): void;
  mark(marks: ContainerMarks): void;
}

export function createContainerTable(connection: Connection): ContainerTable {
  const selectPresent = connection.prepare<MarkRow>(
    `SELECT id, host_id, container_id, fingerprint, unhealthy, last_seen_at_ms, missing_since_ms, removed_at_ms
     FROM containers WHERE removed_at_ms IS NULL`,
  );
  const selectOne = connection.prepare<ContainerRow>('SELECT * FROM containers WHERE host_id = ? AND container_id = ?');
  const selectOfStack = connection.prepare<{ id: number }>('SELECT id FROM containers WHERE host_id = ? AND stack = ?');
  const selectPage = connection.prepare<ContainerRow>(
    'SELECT * FROM containers WHERE host_id = ? AND id > ? ORDER BY id LIMIT ?',
  );
  const insert = connection.prepare<never>(
    `INSERT INTO containers (host_id, container_id, name, image, image_tag, status, state, health_status, started_at,
       finished_at, ports, labels, fingerprint, unhealthy, last_seen_at_ms, missing_since_ms, removed_at_ms, id)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const update = connection.prepare<never>(
    `UPDATE containers SET host_id = ?, container_id = ?, name = ?, image = ?, image_tag = ?, status = ?, state = ?,
       health_status = ?, started_at = ?, finished_at = ?, ports = ?, labels = ?, fingerprint = ?, unhealthy = ?,
       last_seen_at_ms = ?, missing_since_ms = ?, removed_at_ms = ?
     WHERE id = ?`,
  );
  const updateMarks = connection.prepare<never>(
    'UPDATE containers SET last_seen_at_ms = ?, missing_since_ms = ?, removed_at_ms = ? WHERE id = ?',
  );
  return {
    *allPresent() {
      for (const row of selectPresent.iterate()) yield readMarks(row);
    },
    find: (hostId, containerId) => {
      const row = selectOne.get(hostId, containerId);
      return row === undefined ? undefined : readRow(row);
    },
    numbersOfStack: (hostId, stack) => selectOfStack.all(hostId, stack).map((row) => row.id),
    page: (hostId, page) => selectPage.all(hostId, page.after ?? 0, page.limit).map(readRow),
    insert: (container) => void insert.run(...columns(container)),
    save: (container) => void update.run(...columns(container)),
    mark: (marks) => void updateMarks.run(marks.lastSeenAtMs, marks.missingSinceMs, marks.removedAtMs, marks.id),
  };
}
