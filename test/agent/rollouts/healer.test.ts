import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Semaphore } from '../../../agent/async/semaphore.ts';
import { Healer } from '../../../agent/rollouts/healer.ts';
import type { StepAction, StepResult } from '../../../agent/rollouts/run-steps.ts';
import { at, container, HandClock, MemoryLog, plan, V1 } from './sample.ts';

const services = [
  { name: 'web', isJob: false },
  { name: 'migrate', isJob: true },
];
const GUARDED = { release: V1, plan: plan({ healsDrift: true, services }) };
const STOPPED = [container({ release: V1, state: 'exited' })];
const RUNNING = [container({ release: V1 })];

const FAILED: StepResult = { ok: false, exitCode: 1, output: 'no space left', isFinal: false, trouble: null };

function bench() {
  const clock = new HandClock();
  const log = new MemoryLog();
  const actions: StepAction[] = [];
  let result: StepResult = { ok: true, plan: null };
  const steps = {
    run: async (action: StepAction) => {
      actions.push(action);
      return result;
    },
  };
  const healer = new Healer({ stack: 'shop', steps, semaphore: new Semaphore(2), clock, log });
  return {
    actions,
    log,
    /** Looks every five seconds, as the worker does, until so many have passed since noon. */
    until: async (seconds: number, containers: Parameters<Healer['look']>[1]) => {
      while (clock.moment.monotonicMs < at(seconds).monotonicMs) {
        clock.moment = at((clock.moment.monotonicMs - at(0).monotonicMs) / 1000 + 5);
        await healer.look(GUARDED, containers);
      }
    },
    fail: () => {
      result = FAILED;
    },
    forget: () => healer.forget(),
    ups: () => actions.filter((action) => action.do === 'up').length,
  };
}

test('what somebody has stopped is brought back, but for jobs', async () => {
  const { until, actions, log } = bench();
  await until(10, STOPPED);
  assert.equal(actions.length, 0, 'a restart by hand takes a moment');
  await until(15, STOPPED);
  assert.deepEqual(
    actions.map((action) => [action.do, 'except' in action ? action.except : null]),
    [
      ['prepare', null],
      ['pull', null],
      ['up', ['migrate']],
    ],
  );
  await until(60, RUNNING);
  assert.equal(actions.length, 3);
  assert.deepEqual(log.lines, [
    'warn services of this stack do not run as they were deployed: bringing them back (on_drift is heal)',
    'info the services of this stack were brought back',
  ]);
});

test('it is tried again ever more rarely, and a stack that has been well begins anew', async () => {
  const { until, ups } = bench();
  const at: number[] = [];
  for (let seconds = 5; seconds <= 1_200; seconds += 5) {
    const before = ups();
    await until(seconds, STOPPED);
    if (ups() > before) at.push(seconds);
  }
  assert.deepEqual(at, [15, 45, 105, 405, 1_005]);
  await until(2_000, RUNNING);
  await until(2_015, STOPPED);
  assert.equal(ups(), 6);
});

test('a step that fails ends the attempt', async () => {
  const { until, fail, actions, log } = bench();
  fail();
  await until(15, STOPPED);
  assert.deepEqual(
    actions.map((action) => action.do),
    ['prepare'],
  );
  assert.equal(log.lines.at(-1), 'warn they could not be brought back yet');
});

test('nothing is done without the engine, beside a foreign container, and when a rollout has come in between', async () => {
  const { until, actions, forget } = bench();
  await until(30, null);
  await until(60, [container({ release: null }), ...STOPPED]);
  await until(70, STOPPED);
  forget();
  await until(75, STOPPED);
  assert.equal(actions.length, 0);
});
