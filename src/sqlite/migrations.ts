import { NexusError } from '../domain/errors.ts';
import type { Connection } from './connection.ts';

/** `NEXU`: marks the file as ours (https://www.sqlite.org/fileformat.html, "application ID"). */
export const APPLICATION_ID = 0x4e455855;

/** In order. New ones are only ever appended. Each runs in its own transaction and raises `user_version` by one. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE hosts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    labels TEXT NOT NULL,
    offline_after_seconds INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    archived_at_ms INTEGER,
    cpu_count INTEGER,
    memory_total_mb INTEGER,
    disk_total_gb INTEGER,
    os TEXT,
    docker_version TEXT
  ) STRICT;

  CREATE TABLE tokens (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    host_id INTEGER REFERENCES hosts (id),
    name TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER,
    last_used_at_ms INTEGER,
    revoked_at_ms INTEGER
  ) STRICT;

  CREATE TABLE containers (
    id INTEGER PRIMARY KEY,
    host_id INTEGER NOT NULL REFERENCES hosts (id),
    container_id TEXT NOT NULL,
    name TEXT NOT NULL,
    image TEXT NOT NULL,
    image_tag TEXT,
    status TEXT,
    state TEXT,
    health_status TEXT,
    started_at TEXT,
    finished_at TEXT,
    ports TEXT NOT NULL,
    labels TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    unhealthy INTEGER NOT NULL,
    stack TEXT GENERATED ALWAYS AS (labels ->> '$."com.docker.compose.project"') VIRTUAL,
    last_seen_at_ms INTEGER NOT NULL,
    missing_since_ms INTEGER,
    removed_at_ms INTEGER,
    UNIQUE (host_id, container_id)
  ) STRICT;

  CREATE TABLE ticks (
    host_id INTEGER NOT NULL,
    recorded_at_ms INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL,
    token_number INTEGER NOT NULL,
    live INTEGER NOT NULL,
    sample BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX ticks_by_host ON ticks (host_id, recorded_at_ms);

  CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    host TEXT,
    rollout_id TEXT,
    data TEXT NOT NULL
  ) STRICT;
  CREATE INDEX events_by_host ON events (host, id) WHERE host IS NOT NULL;

  CREATE INDEX events_by_rollout ON events (rollout_id, host, id) WHERE rollout_id IS NOT NULL;

  CREATE TABLE releases (
    number INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    stack TEXT NOT NULL,
    version TEXT NOT NULL,
    policy TEXT NOT NULL,
    published_ports TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    manifest BLOB NOT NULL
  ) STRICT;

  CREATE TABLE quarantines (
    id INTEGER PRIMARY KEY,
    stack TEXT NOT NULL,
    release TEXT NOT NULL,
    rollout_id TEXT NOT NULL,
    host TEXT NOT NULL,
    failing_probes TEXT NOT NULL,
    output TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    lifted_at_ms INTEGER,
    lifted_reason TEXT
  ) STRICT;

  CREATE TABLE rollouts (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    stack TEXT NOT NULL,
    plan TEXT NOT NULL,
    progress TEXT NOT NULL
  ) STRICT;

  CREATE TABLE rollout_hosts (
    rollout_number INTEGER NOT NULL REFERENCES rollouts (number),
    host TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (rollout_number, host)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE epochs (
    stack TEXT NOT NULL,
    host TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    PRIMARY KEY (stack, host)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE probe (id INTEGER PRIMARY KEY CHECK (id = 1), opened_at_ms INTEGER NOT NULL) STRICT;
  `,
  // Described in chunk-table.ts. The blobs come last, so that the other columns are read without them.
  `
  CREATE TABLE chunks (
    host_id INTEGER NOT NULL,
    tier INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    points INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    damaged INTEGER NOT NULL,
    instants BLOB NOT NULL,
    body BLOB
  ) STRICT;
  CREATE UNIQUE INDEX chunks_by_host ON chunks (host_id, tier, start_ms);

  CREATE TABLE forwarding (id INTEGER PRIMARY KEY CHECK (id = 1), position INTEGER NOT NULL) STRICT;
  CREATE TABLE forwarding_queue (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    body BLOB NOT NULL
  ) STRICT;
  `,
  // The log of a rollout is read in order and grows at its end. The progress, which changes with every host, is separate
  // from the plan, which names all hosts and would be rewritten each time.
  `
  DROP INDEX events_by_rollout;
  CREATE INDEX events_by_rollout ON events (rollout_id, id) WHERE rollout_id IS NOT NULL;

  CREATE TABLE rollout_progress (
    rollout_number INTEGER PRIMARY KEY REFERENCES rollouts (number),
    progress TEXT NOT NULL
  ) STRICT;
  INSERT INTO rollout_progress (rollout_number, progress) SELECT number, progress FROM rollouts;
  ALTER TABLE rollouts DROP COLUMN progress;
  `,
  // Described in chunk-table.ts. Existing chunks keep their values in `body`.
  `
  CREATE TABLE chunk_pieces (number INTEGER PRIMARY KEY, piece BLOB NOT NULL) STRICT;
  ALTER TABLE chunks ADD COLUMN first_piece INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE chunks ADD COLUMN pieces INTEGER NOT NULL DEFAULT 0;
  CREATE TRIGGER chunk_deleted AFTER DELETE ON chunks WHEN old.pieces > 0 BEGIN
    DELETE FROM chunk_pieces WHERE number BETWEEN old.first_piece AND old.first_piece + old.pieces - 1;
  END;
  CREATE TRIGGER chunk_replaced AFTER UPDATE OF first_piece ON chunks WHEN old.pieces > 0 BEGIN
    DELETE FROM chunk_pieces WHERE number BETWEEN old.first_piece AND old.first_piece + old.pieces - 1;
  END;
  `,
  // Finds an applied event by its number without reading the whole log of its rollout.
  `
  CREATE INDEX events_applied ON events (rollout_id, host, data ->> '$.numbered.seq') WHERE kind = 'host_reported';
  `,
  // Admin tokens of before may do everything.
  `
  ALTER TABLE tokens ADD COLUMN scope TEXT;
  UPDATE tokens SET scope = 'admin' WHERE kind = 'admin';
  `,
  // Entries of before keep no hash: the chain begins with the first one after them. The fleet gets its id once.
  `
  ALTER TABLE events ADD COLUMN hash BLOB;
  CREATE TABLE fleet (id TEXT NOT NULL) STRICT;
  INSERT INTO fleet (id) VALUES (lower(hex(randomblob(8))));
  `,
  // Of releases of before, nobody wrote down what they call their containers.
  `
  ALTER TABLE releases ADD COLUMN container_names TEXT NOT NULL DEFAULT '[]';
  `,
  // How many hosts of a label may change at once.
  `
  CREATE TABLE budgets (
    label TEXT NOT NULL,
    value TEXT NOT NULL,
    max_in_flight INTEGER NOT NULL,
    PRIMARY KEY (label, value)
  ) STRICT, WITHOUT ROWID;
  `,
  // What agents say of themselves, as JSON; null for those of before, which say nothing.
  'ALTER TABLE hosts ADD COLUMN agent TEXT;',
  // Releases can be removed. What runs on each host of each stack is known of before by the last rollout that tells.
  `
  ALTER TABLE releases ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE deployments (
    stack TEXT NOT NULL,
    host TEXT NOT NULL,
    release_digest TEXT,
    rollout_id TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (stack, host)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO deployments (stack, host, release_digest, rollout_id, since_ms)
    SELECT r.stack, h.host,
      CASE h.body ->> '$.state' WHEN 'reverted' THEN h.body ->> '$.previousRelease' ELSE r.plan ->> '$.release' END,
      r.id, h.body ->> '$.stateSinceMs'
    FROM rollout_hosts AS h JOIN rollouts AS r ON r.number = h.rollout_number
    WHERE h.body ->> '$.state' IN ('converged', 'soaking', 'reverted')
      OR (h.body ->> '$.state' = 'failed' AND h.body ->> '$.soakDueAtMs' IS NOT NULL)
    ORDER BY r.number
    ON CONFLICT (stack, host) DO UPDATE SET release_digest = excluded.release_digest,
      rollout_id = excluded.rollout_id, since_ms = excluded.since_ms;
  `,
  // What was seen to run once a deployment was over, and how that has changed since, as JSON; null: not seen yet.
  'ALTER TABLE deployments ADD COLUMN watch TEXT;',
  // Releases that take their stack away.
  'ALTER TABLE releases ADD COLUMN removes_stack INTEGER NOT NULL DEFAULT 0;',
];

/** Returns the version of the schema. Writes nothing. Throws `store_refused` for a file of a newer Nexus or another program. */
export function requireOwnSchema(connection: Connection, migrations: readonly string[] = MIGRATIONS): number {
  const version = Number(connection.pragma('user_version'));
  const applicationId = Number(connection.pragma('application_id'));
  const tables = connection.prepare<{ count: number }>('SELECT count(*) AS count FROM sqlite_schema').get()?.count ?? 0;
  if (tables > 0 && applicationId !== APPLICATION_ID) {
    throw new NexusError(
      'store_refused',
      `${connection.file} belongs to another program: choose another data directory`,
    );
  }
  if (version > migrations.length) {
    throw new NexusError(
      'store_refused',
      `${connection.file} was written by a newer Nexus (schema ${version}; this one knows ${migrations.length}): ` +
        'start that newer version again, or restore the backup made before the upgrade',
    );
  }
  return version;
}

/** Migrates the schema to the newest version. Throws `store_refused` as {@link requireOwnSchema} does. */
export function migrate(connection: Connection, migrations: readonly string[] = MIGRATIONS): void {
  const version = requireOwnSchema(connection, migrations);
  for (let next = version; next < migrations.length; next += 1) {
    connection.transact(() => {
      connection.exec(migrations[next] ?? '');
      connection.pragma(`application_id = ${APPLICATION_ID}`);
      connection.pragma(`user_version = ${next + 1}`);
    });
  }
}
