/**
 * The whole system under one deterministic simulator; `simulation.ts` says how it is made.
 *
 *     SIM_SEED=4711 node --test test/simulate/system/simulate.test.ts      one seed again, with its whole trace
 *     SIM_SEEDS=100000 SIM_FIRST_SEED=1000000 node --test test/simulate/system/simulate.test.ts
 */
import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { AGENT_EVENT_TYPES, ROLLOUT_ENTRY_KINDS } from '../../../src/domain/rollout.ts';
import { FAULTS } from './faults.ts';
import type { SeedsReport } from './run-seeds.ts';
import { simulate } from './simulation.ts';
import { explainFailure, startSeeds } from './start-seeds.ts';

const SEEDS = Number(process.env['SIM_SEEDS'] ?? (process.env['CI'] === undefined ? 60 : 300));
const FIRST_SEED = Number(process.env['SIM_FIRST_SEED'] ?? 1);
const ONE_SEED = process.env['SIM_SEED'];
/** From this many on, chance alone leaves nothing out. */
const ENOUGH = 1_000;
const ROOT = path.resolve(import.meta.dirname, '../../..');

/** What must have happened somewhere, or the simulation proves less than it claims. */
const MUST_BE_MET = [
  ...ROLLOUT_ENTRY_KINDS,
  ...AGENT_EVENT_TYPES,
  ...FAULTS.map(({ name }) => name),
  'host_offline',
  'host_recovered',
  'release_quarantined',
  'quarantine_lifted',
  'a way back',
];

if (ONE_SEED !== undefined) {
  test(`seed ${ONE_SEED}, with its trace`, async () => {
    await simulate(Number(ONE_SEED), (line) => process.stderr.write(`${line}\n`));
  });
}

test(`${SEEDS} seeds keep every property`, {
  skip: ONE_SEED !== undefined && 'SIM_SEED names one',
}, async (context) => {
  const startedMs = performance.now();
  const workers = Math.min(SEEDS, Math.max(2, availableParallelism()));
  const share = Math.ceil(SEEDS / workers);
  const starting = Array.from({ length: workers }, (_, at) => startSeeds(ROOT, FIRST_SEED + at, share, workers));
  const reports = await Promise.all(starting);
  const sum = (of: (report: SeedsReport) => number): number => reports.reduce((total, report) => total + of(report), 0);
  const seconds = (performance.now() - startedMs) / 1000;
  context.diagnostic(
    `${sum(({ seeds }) => seeds)} seeds, ${sum(({ events }) => events)} events, ` +
      `${Math.round(sum(({ virtualMs }) => virtualMs) / 3_600_000)} virtual hours in ${Math.round(seconds)} s`,
  );
  for (const { failure } of reports) if (failure !== null) assert.fail(explainFailure(failure));
  if (SEEDS < ENOUGH) return;
  assert.deepEqual(
    MUST_BE_MET.filter((what) => reports.every(({ met }) => met[what] === undefined)),
    [],
    'what never happened',
  );
});

test('a seed is the same run every time, bit for bit', async () => {
  for (const seed of [7, 24]) assert.equal((await simulate(seed)).digest, (await simulate(seed)).digest);
});
