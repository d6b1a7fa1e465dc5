import { invariant } from '../domain/errors.ts';
import type { RolloutRows, StoredRollout } from '../domain/records.ts';
import type { RolloutHost, RolloutPlan, RolloutProgress } from '../domain/rollout.ts';
import type { RolloutReads } from '../domain/store.ts';
import { HOST_ROW, PLAN_ROW, PROGRESS_ROW } from '../rollout/stored-rows.ts';
import type { Connection } from './connection.ts';

interface RolloutRow {
  plan: string;
  progress: string;
}

function readRow(row: RolloutRow): StoredRollout {
  return { plan: PLAN_ROW.parse(row.plan), progress: PROGRESS_ROW.parse(row.progress) };
}

/** A host that is still on its way, or that owes a rollback. */
const UNSETTLED = `(body ->> '$.state' IN ('activating', 'deferred', 'soaking')
  OR (body ->> '$.state' = 'failed' AND plan ->> '$.policy.onHealthFailure' = 'rollback-and-halt'))`;
const LIVE_STATUS = "progress ->> '$.status' IN ('active', 'paused')";

export interface RolloutTable extends RolloutReads {
  insert(number: number, plan: RolloutPlan, progress: RolloutProgress): void;
  saveProgress(id: string, progress: RolloutProgress): void;
  saveHost(id: string, host: RolloutHost): void;
  findHost(id: string, host: string): RolloutHost | undefined;
  /** Ids of rollouts that are active or paused, or have a host that is still on its way. */
  open(): string[];
  epochs(): Iterable<{ readonly stack: string; readonly host: string; readonly epoch: number }>;
  saveEpoch(stack: string, host: string, epoch: number): void;
}

export function createRolloutTable(connection: Connection): RolloutTable {
  const insert = connection.prepare<never>('INSERT INTO rollouts (number, id, stack, plan) VALUES (?, ?, ?, ?)');
  const insertProgress = connection.prepare<never>(
    'INSERT INTO rollout_progress (rollout_number, progress) VALUES (?, ?)',
  );
  const updateProgress = connection.prepare<never>('UPDATE rollout_progress SET progress = ? WHERE rollout_number = ?');
  const upsertHost = connection.prepare<never>(
    `INSERT INTO rollout_hosts (rollout_number, host, body) VALUES (?, ?, ?)
     ON CONFLICT (rollout_number, host) DO UPDATE SET body = excluded.body`,
  );
  const joined = 'rollouts AS r JOIN rollout_progress AS p ON p.rollout_number = r.number';
  const selectOne = connection.prepare<RolloutRow>(`SELECT plan, progress FROM ${joined} WHERE id = ?`);
  const selectNumber = connection.prepare<{ number: number }>('SELECT number FROM rollouts WHERE id = ?');
  const selectProgress = connection.prepare<{ progress: string }>(
    'SELECT progress FROM rollout_progress WHERE rollout_number = ?',
  );
  const selectHosts = connection.prepare<{ host: string; body: string }>(
    'SELECT host, body FROM rollout_hosts WHERE rollout_number = ? ORDER BY host',
  );
  const selectPage = connection.prepare<RolloutRow>(
    `SELECT plan, progress FROM ${joined} WHERE number < ? ORDER BY number DESC LIMIT ?`,
  );
  const selectOpen = connection.prepare<{ id: string }>(
    `SELECT id FROM ${joined} WHERE ${LIVE_STATUS}
       OR EXISTS (SELECT 1 FROM rollout_hosts AS h WHERE h.rollout_number = r.number AND ${UNSETTLED})
     ORDER BY number`,
  );
  const selectEpochs = connection.prepare<{ stack: string; host: string; epoch: number }>('SELECT * FROM epochs');
  const upsertEpoch = connection.prepare<never>(
    `INSERT INTO epochs (stack, host, epoch) VALUES (?, ?, ?)
     ON CONFLICT (stack, host) DO UPDATE SET epoch = excluded.epoch`,
  );
  const selectHost = connection.prepare<{ body: string }>(
    'SELECT body FROM rollout_hosts WHERE rollout_number = ? AND host = ?',
  );
  /** Numbers of rollouts by id, cached because hosts are saved far more often than rollouts are created. */
  const numbers = new Map<string, number>();
  function numberOf(id: string): number | undefined {
    const known = numbers.get(id) ?? selectNumber.get(id)?.number;
    if (known !== undefined) numbers.set(id, known);
    return known;
  }
  function requireNumber(id: string): number {
    const number = numberOf(id);
    invariant(number !== undefined, `rollout ${id} is stored before what belongs to it`);
    return number;
  }
  return {
    insert: (number, plan, progress) => {
      // A number that was cached in a failed transaction may now belong to another rollout.
      numbers.delete(plan.id);
      insert.run(number, plan.id, plan.stack, PLAN_ROW.encode(plan));
      insertProgress.run(number, PROGRESS_ROW.encode(progress));
    },
    saveProgress: (id, progress) => void updateProgress.run(PROGRESS_ROW.encode(progress), requireNumber(id)),
    saveHost: (id, host) => void upsertHost.run(requireNumber(id), host.name, HOST_ROW.encode(host)),
    find(id): RolloutRows | undefined {
      const row = selectOne.get(id);
      if (row === undefined) return undefined;
      const stored = readRow(row);
      const rows = new Map(selectHosts.all(requireNumber(id)).map(({ host, body }) => [host, HOST_ROW.parse(body)]));
      const hosts = stored.plan.waves.flat().map((name) => {
        const host = rows.get(name);
        invariant(host !== undefined, `rollout ${id} has a row for '${name}'`);
        return host;
      });
      return { ...stored, hosts };
    },
    page: (page) => {
      const before = page.after === null ? Number.MAX_SAFE_INTEGER : (numberOf(page.after) ?? 0);
      return selectPage.all(before, page.limit).map(readRow);
    },
    open: () => selectOpen.all().map((row) => row.id),
    findHost: (id, host) => {
      const number = numberOf(id);
      const row = number === undefined ? undefined : selectHost.get(number, host);
      return row === undefined ? undefined : HOST_ROW.parse(row.body);
    },
    epochs: () => selectEpochs.iterate(),
    saveEpoch: (stack, host, epoch) => void upsertEpoch.run(stack, host, epoch),
    differences({ plan, progress, hosts }) {
      const number = requireNumber(plan.id);
      const differences: string[] = [];
      const row = selectProgress.get(number)?.progress;
      if (row === undefined || !PROGRESS_ROW.isRowOf(row, progress)) differences.push('rollout');
      const rows = new Map(selectHosts.all(number).map(({ host, body }) => [host, body]));
      for (const host of hosts) {
        const body = rows.get(host.name);
        if (body === undefined || !HOST_ROW.isRowOf(body, host)) differences.push(host.name);
        rows.delete(host.name);
      }
      return [...differences, ...rows.keys()];
    },
  };
}
