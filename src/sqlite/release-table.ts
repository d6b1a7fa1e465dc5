import type { Release } from '../domain/release.ts';
import type { ReleaseReads } from '../domain/store.ts';
import { listOf, parseStored, text, wholeNumber } from '../domain/stored-json.ts';
import { POLICY_ROW } from '../rollout/stored-rows.ts';
import type { Connection } from './connection.ts';

interface ReleaseRow {
  digest: string;
  stack: string;
  version: string;
  policy: string;
  published_ports: string;
  container_names: string;
  removes_stack: number;
  created_at_ms: number;
}

const PORTS = listOf(wholeNumber);
const NAMES = listOf(text);

export interface ReleaseTable extends ReleaseReads {
  /** In the order in which they were added. */
  all(): Release[];
  insert(number: number, release: Release, manifest: Uint8Array): void;
  remove(digest: string): void;
}

export function createReleaseTable(connection: Connection): ReleaseTable {
  const selectAll = connection.prepare<ReleaseRow>(
    'SELECT digest, stack, version, policy, published_ports, container_names, removes_stack, created_at_ms FROM releases WHERE removed = 0 ORDER BY number',
  );
  const insert = connection.prepare<never>(
    `INSERT INTO releases (number, digest, stack, version, policy, published_ports, container_names, removes_stack,
       created_at_ms, manifest)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  // The row stays, because its number is never given out again; its digest may be added again.
  const remove = connection.prepare<never>(
    "UPDATE releases SET removed = 1, digest = 'removed ' || number, manifest = x'' WHERE digest = ?",
  );
  const selectManifest = connection.prepare<{ manifest: Uint8Array }>('SELECT manifest FROM releases WHERE digest = ?');
  return {
    all: () =>
      selectAll.all().map(
        (row): Release => ({
          digest: row.digest,
          stack: row.stack,
          version: row.version,
          createdAtMs: row.created_at_ms,
          policy: POLICY_ROW.parse(row.policy),
          publishedPorts: parseStored('release', row.published_ports, PORTS),
          containerNames: parseStored('release', row.container_names, NAMES),
          removesStack: row.removes_stack !== 0,
        }),
      ),
    insert: (number, release, manifest) => {
      const { digest, stack, version, createdAtMs } = release;
      const policy = POLICY_ROW.encode(release.policy);
      const ports = JSON.stringify(release.publishedPorts);
      const names = JSON.stringify(release.containerNames);
      const removesStack = release.removesStack ? 1 : 0;
      insert.run(number, digest, stack, version, policy, ports, names, removesStack, createdAtMs, manifest);
    },
    remove: (digest) => void remove.run(digest),
    manifest: (digest) => selectManifest.get(digest)?.manifest,
  };
}
