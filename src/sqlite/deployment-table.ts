import { DEPLOYMENT_WATCH, type Deployment, NOT_WATCHED } from '../domain/deployment.ts';
import type { Connection } from './connection.ts';

interface DeploymentRow {
  stack: string;
  host: string;
  release_digest: string | null;
  rollout_id: string;
  since_ms: number;
  watch: string | null;
}

export interface DeploymentTable {
  /** By stack, then by host. */
  all(): Iterable<Deployment>;
  save(deployment: Deployment): void;
}

export function createDeploymentTable(connection: Connection): DeploymentTable {
  const selectAll = connection.prepare<DeploymentRow>('SELECT * FROM deployments ORDER BY stack, host');
  const upsert = connection.prepare<never>(
    `INSERT INTO deployments (stack, host, release_digest, rollout_id, since_ms, watch) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (stack, host) DO UPDATE SET release_digest = excluded.release_digest,
       rollout_id = excluded.rollout_id, since_ms = excluded.since_ms, watch = excluded.watch`,
  );
  return {
    *all() {
      for (const { stack, host, release_digest, rollout_id, since_ms, watch } of selectAll.iterate()) {
        const { baseline, drift } = watch === null ? NOT_WATCHED : DEPLOYMENT_WATCH.parse(watch);
        yield { stack, host, release: release_digest, rolloutId: rollout_id, sinceMs: since_ms, baseline, drift };
      }
    },
    save({ stack, host, release, rolloutId, sinceMs, baseline, drift }) {
      const isWatched = baseline !== null || drift !== null;
      const watch = isWatched ? DEPLOYMENT_WATCH.encode({ baseline, drift }) : null;
      upsert.run(stack, host, release, rolloutId, sinceMs, watch);
    },
  };
}
