import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Action } from '../../../../agent/rollouts/decide/action.ts';
import { decide } from '../../../../agent/rollouts/decide/decide.ts';
import type { Observed } from '../../../../agent/rollouts/decide/observed.ts';
import type { PhaseAt, RolloutRecord } from '../../../../agent/rollouts/record/stack-record.ts';
import { activating, at, container, failed, NOON, observed, reverting, rollout, succeeded, V1 } from '../sample.ts';

const WAITING: PhaseAt<'deferred'> = {
  at: 'deferred',
  since: NOON,
  deferredAt: NOON,
  attempt: 0,
  trouble: { class: 'port', reason: 'port 80 is taken' },
  touched: false,
  isDisruptive: false,
};
/** Found too late: what ran before has been stopped. */
const LATE: PhaseAt<'deferred'> = { ...WAITING, touched: true, isDisruptive: true };
const OLD = container({ release: V1 });
const READY = { prepare: succeeded(), pull: succeeded() };

interface Row {
  readonly name: string;
  readonly phase?: PhaseAt<'deferred'>;
  readonly rollout?: Partial<RolloutRecord>;
  readonly observed?: Partial<Observed>;
  readonly seconds: number;
  readonly expected: readonly Action[];
}

function triedAgain(attempt: number, touched = false, trouble = WAITING.trouble): Action {
  return { do: 'advance', phase: activating({ attempt, touched, isDeferred: true, trouble }), events: [] };
}

const ROWS: readonly Row[] = [
  { name: 'the next attempt is not due', seconds: 0.5, expected: [{ do: 'wait', ms: 1_500 }] },
  { name: 'it is due', seconds: 2, expected: [triedAgain(1)] },
  {
    name: 'later ones come less and less often',
    phase: { ...WAITING, attempt: 4 },
    seconds: 10,
    expected: [{ do: 'wait', ms: 20_000 }],
  },
  { name: 'but at least every minute', phase: { ...WAITING, attempt: 99 }, seconds: 60, expected: [triedAgain(100)] },
  {
    name: 'the budget ends before the next attempt',
    phase: { ...WAITING, attempt: 99, deferredAt: at(290) },
    seconds: 291,
    expected: [{ do: 'wait', ms: 9_000 }],
  },
  {
    name: 'the budget is over: the host has failed, and not the release',
    seconds: 300,
    expected: [
      {
        do: 'advance',
        phase: reverting({ touched: false, since: at(300) }),
        events: [
          {
            type: 'activation_failed',
            exit_code: -1,
            stderr_tail: 'put off for more than 300 s (pull_budget_seconds): port 80 is taken',
            failed_at: '2026-01-31T12:05:00.000Z',
            trouble: 'port',
          },
        ],
      },
    ],
  },
  {
    name: 'the engine is silent: wait for it',
    observed: { containers: null },
    seconds: 10,
    expected: [{ do: 'wait', ms: 1_000 }],
  },
  {
    name: 'what ran before is brought back at once',
    phase: LATE,
    observed: { containers: [container()] },
    seconds: 0,
    expected: [{ do: 'prepare', release: V1, limitMs: 600_000 }],
  },
  {
    name: 'by all the steps of a way back',
    phase: LATE,
    observed: { containers: [container()], tried: READY },
    seconds: 1,
    expected: [{ do: 'up', release: V1, afresh: false, renew: true, except: [], limitMs: 600_000 }],
  },
  {
    name: 'it is back',
    phase: LATE,
    observed: { containers: [OLD], tried: { ...READY, up: succeeded() } },
    seconds: 3,
    expected: [{ do: 'advance', phase: { ...LATE, touched: false }, events: [] }],
  },
  {
    name: 'each attempt stops what runs, so the next one comes late',
    phase: { ...LATE, touched: false, attempt: 1 },
    observed: { containers: [OLD] },
    seconds: 10,
    expected: [{ do: 'wait', ms: 50_000 }],
  },
  {
    name: 'what ran before does not come back: the next attempt is due all the same',
    phase: LATE,
    observed: { containers: [container()], tried: { ...READY, up: failed('no', { attempts: 2, when: at(14) }) } },
    seconds: 15,
    expected: [triedAgain(1, true)],
  },
  {
    name: 'nothing ran before: there is nothing to bring back',
    phase: LATE,
    rollout: { fallback: null },
    observed: { containers: [container({ state: 'created' })] },
    seconds: 15,
    expected: [triedAgain(1, true)],
  },
  {
    name: 'the engine was away in the middle of it: it goes on from there, not back',
    phase: { ...LATE, isDisruptive: false, trouble: { class: 'engine', reason: 'refused' } },
    observed: { containers: [container({ state: 'exited', exitCode: 137 })] },
    seconds: 2,
    expected: [triedAgain(1, true, { class: 'engine', reason: 'refused' })],
  },
];

for (const row of ROWS) {
  test(`deferred: ${row.name}`, () => {
    const desired = rollout(row.phase ?? WAITING, row.rollout);
    assert.deepEqual(decide(desired, observed(row.observed), at(row.seconds)), row.expected);
  });
}
