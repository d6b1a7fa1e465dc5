/**
 * Random schedules of the whole: the core behind a small server, agents that keep the contract, a network that does not.
 *
 *     SIM_SCHEDULES=200000 SIM_FIRST_SEED=1000000 node --test test/simulate/simulate.test.ts
 *     SIM_SEED=4711 node --test test/simulate/simulate.test.ts     one schedule again, told entry by entry
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AGENT_EVENT_TYPES } from '../../src/domain/rollout.ts';
import { runSchedule } from './run-schedule.ts';

const SCHEDULES = Number(process.env['SIM_SCHEDULES'] ?? 20_000);
const FIRST_SEED = Number(process.env['SIM_FIRST_SEED'] ?? 1);
const ONE_SEED = process.env['SIM_SEED'];
/** From so many on, chance alone leaves nothing out. */
const ENOUGH = 5_000;

/** What must have happened somewhere, or the simulation proves less than it claims. */
const TO_MEET = [
  'rollout_created',
  'rollout_paused',
  'rollout_resumed',
  'rollout_aborted',
  'rollout_superseded',
  'rollout_halted',
  'rollout_converged',
  'wave_promoted',
  'host_dispatched',
  'dispatch_withdrawn',
  'host_left',
  'hosts skipped',
  'telemetry not_judged',
  'telemetry ok',
  'telemetry watch',
  'telemetry regressed',
  ...AGENT_EVENT_TYPES,
];

if (ONE_SEED !== undefined) {
  test('one schedule, told', () => {
    runSchedule(Number(ONE_SEED), (line) => process.stderr.write(`${line}\n`));
  });
}

test(`${SCHEDULES} schedules keep every rule`, { skip: ONE_SEED !== undefined && 'SIM_SEED names one' }, (context) => {
  const met = new Map<string, number>();
  const startedMs = performance.now();
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SCHEDULES; seed += 1) {
    try {
      for (const [what, times] of runSchedule(seed)) met.set(what, (met.get(what) ?? 0) + times);
    } catch (error) {
      throw new Error(`schedule ${seed} failed; to see it: SIM_SEED=${seed} node --test ${import.meta.filename}`, {
        cause: error,
      });
    }
  }
  const seconds = (performance.now() - startedMs) / 1000;
  context.diagnostic(`${Math.round(SCHEDULES / seconds)} schedules/s, ${JSON.stringify(Object.fromEntries(met))}`);
  if (SCHEDULES < ENOUGH) return;
  assert.deepEqual(
    TO_MEET.filter((what) => !met.has(what)),
    [],
    'what never happened',
  );
});

test('equal seeds give equal schedules', () => {
  const told = (): string[] => {
    const lines: string[] = [];
    runSchedule(7, (line) => lines.push(line));
    return lines;
  };
  const first = told();
  assert.ok(first.length > 10);
  assert.deepEqual(told(), first);
});
