import { invariant } from '../domain/errors.ts';
import type { RolloutTable, StoredRollout } from '../domain/store.ts';
import { HOST_ROW, PLAN_ROW, PROGRESS_ROW } from '../rollout/stored-rows.ts';
import type { Connection } from './connection.ts';

interface RolloutRow {
  plan: string;
  progress: string;
}

function readRow(row: RolloutRow): StoredRollout {
  return { plan: PLAN_ROW.parse(row.plan), progress: PROGRESS_ROW.parse(row.progress) };
}

/** Something is still to come from a host that is on its way, or that owes a rollback. */
const UNSETTLED = `(body ->> '$.state' IN ('activating', 'deferred', 'soaking')
  OR (body ->> '$.state' = 'failed' AND plan ->> '$.policy.onHealthFailure' = 'rollback-and-halt'))`;
const LIVE_STATUS = "progress ->> '$.status' IN ('active', 'paused')";

export function createRolloutTable(connection: Connection): RolloutTable {
  const insert = connection.prepare<never>('INSERT INTO rollouts (id, stack, plan) VALUES (?, ?, ?)');
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
  /** Numbers by id: hosts are saved far more often than rollouts are made. */
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
  function* rawHosts(id: string): Generator<{ host: string; body: string }> {
    const number = numberOf(id);
    if (number !== undefined) yield* selectHosts.iterate(number);
  }
  return {
    insert: ({ plan, progress }) => {
      // A number that was noted in a transaction that failed is another rollout's now.
      numbers.delete(plan.id);
      const { insertedId } = insert.run(plan.id, plan.stack, PLAN_ROW.encode(plan));
      insertProgress.run(insertedId, PROGRESS_ROW.encode(progress));
    },
    saveProgress: (id, progress) => void updateProgress.run(PROGRESS_ROW.encode(progress), requireNumber(id)),
    saveHost: (id, host) => void upsertHost.run(requireNumber(id), host.name, HOST_ROW.encode(host)),
    find: (id) => {
      const row = selectOne.get(id);
      return row === undefined ? undefined : readRow(row);
    },
    *hosts(id) {
      for (const { body } of rawHosts(id)) yield HOST_ROW.parse(body);
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
    rawProgress: (id) => {
      const number = numberOf(id);
      return number === undefined ? undefined : selectProgress.get(number)?.progress;
    },
    rawHosts,
  };
}
