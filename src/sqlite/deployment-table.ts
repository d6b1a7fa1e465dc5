import type { Deployment } from '../domain/deployment.ts';
import type { Connection } from './connection.ts';

interface DeploymentRow {
  stack: string;
  host: string;
  release_digest: string | null;
  rollout_id: string;
  since_ms: number;
}

export interface DeploymentTable {
  /** By stack, then by host. */
  all(): Iterable<Deployment>;
  save(deployment: Deployment): void;
}

export function createDeploymentTable(connection: Connection): DeploymentTable {
  const selectAll = connection.prepare<DeploymentRow>('SELECT * FROM deployments ORDER BY stack, host');
  const upsert = connection.prepare<never>(
    `INSERT INTO deployments (stack, host, release_digest, rollout_id, since_ms) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (stack, host) DO UPDATE SET release_digest = excluded.release_digest,
       rollout_id = excluded.rollout_id, since_ms = excluded.since_ms`,
  );
  return {
    *all() {
      for (const { stack, host, release_digest, rollout_id, since_ms } of selectAll.iterate()) {
        yield { stack, host, release: release_digest, rolloutId: rollout_id, sinceMs: since_ms };
      }
    },
    save: ({ stack, host, release, rolloutId, sinceMs }) => void upsert.run(stack, host, release, rolloutId, sinceMs),
  };
}
