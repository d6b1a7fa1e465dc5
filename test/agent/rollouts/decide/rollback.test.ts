import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Action } from '../../../../agent/rollouts/decide/action.ts';
import { decide } from '../../../../agent/rollouts/decide/decide.ts';
import type { Observed } from '../../../../agent/rollouts/decide/observed.ts';
import type { RolloutRecord } from '../../../../agent/rollouts/record/stack-record.ts';
import { at, container, failed, NOON, NOON_TEXT, observed, rollout, succeeded, V1, V2, V3 } from '../sample.ts';

interface Row {
  readonly name: string;
  readonly touched?: boolean;
  readonly rollout?: Partial<RolloutRecord>;
  readonly observed: Partial<Observed>;
  readonly seconds?: number;
  readonly expected: readonly Action[];
}

const OLD = container({ release: V1 });
const READY = { prepare: succeeded(), pull: succeeded() };
const FIRST: Partial<RolloutRecord> = { fallback: null };

function reverted(release: string | null, exitCode = 0): Action {
  return {
    do: 'advance',
    phase: { at: 'closed', outcome: 'reverted' },
    events: [
      { type: 'rollback_completed', reverted_to_release: release, exit_code: exitCode, completed_at: NOON_TEXT },
    ],
  };
}

const ROWS: readonly Row[] = [
  {
    name: 'nothing was changed: what runs is what ran',
    touched: false,
    observed: { containers: [OLD] },
    expected: [reverted(V1)],
  },
  {
    name: 'nothing was changed and nothing ran',
    touched: false,
    rollout: FIRST,
    observed: { containers: [] },
    expected: [reverted(null)],
  },
  {
    name: 'nothing was changed, and the containers are somebody else’s',
    touched: false,
    rollout: FIRST,
    observed: { containers: [container({ release: null })] },
    expected: [reverted(null)],
  },
  {
    name: 'a mix that was there before is cleared up too',
    touched: false,
    observed: { containers: [OLD, container({ service: 'api', release: V3 })] },
    expected: [{ do: 'prepare', release: V1, limitMs: 600_000 }],
  },
  {
    name: 'the old release is made ready',
    observed: {},
    expected: [{ do: 'prepare', release: V1, limitMs: 600_000 }],
  },
  {
    name: 'it is not on disk and the server is away: again after a while',
    observed: { tried: { prepare: failed('no answer', { attempts: 2 }) } },
    seconds: 1,
    expected: [{ do: 'wait', ms: 4_000 }],
  },
  {
    name: 'its images are there as a rule; only missing ones are pulled',
    observed: { tried: { prepare: succeeded() } },
    expected: [{ do: 'pull', release: V1, onlyMissing: true, limitMs: 600_000 }],
  },
  {
    name: 'it is brought up even if a pull failed',
    observed: { tried: { prepare: succeeded(), pull: failed('no route') } },
    expected: [{ do: 'up', release: V1, afresh: false, limitMs: 600_000 }],
  },
  {
    name: 'it runs again',
    observed: { containers: [OLD], tried: { ...READY, up: succeeded() } },
    expected: [reverted(V1)],
  },
  {
    name: 'Compose ended with 1 because of a job that has ended well',
    observed: {
      containers: [OLD, container({ service: 'job', release: V1, state: 'exited' })],
      tried: { ...READY, up: failed('exited (0)') },
    },
    expected: [reverted(V1)],
  },
  {
    name: 'it runs again but is not well: another chance',
    observed: { containers: [container({ release: V1, health: 'unhealthy' })], tried: { ...READY, up: failed('') } },
    seconds: 1,
    expected: [{ do: 'up', release: V1, afresh: false, limitMs: 600_000 }],
  },
  {
    name: 'it does not come up, twice: what never ran is made anew',
    observed: {
      containers: [OLD, container({ service: 'api', release: V1, state: 'created' })],
      tried: { ...READY, up: failed('task already exists', { attempts: 2 }) },
    },
    seconds: 5,
    expected: [{ do: 'up', release: V1, afresh: true, limitMs: 600_000 }],
  },
  {
    name: 'it runs again and stays unwell: said as it is',
    observed: {
      containers: [container({ release: V1, health: 'unhealthy' })],
      tried: { ...READY, up: failed('', { attempts: 3 }) },
    },
    expected: [reverted(V1, 1)],
  },
  {
    name: 'half-way between two releases is never the end of it',
    observed: {
      containers: [OLD, container({ service: 'api', release: V2 })],
      tried: { ...READY, up: failed('', { attempts: 40 }) },
    },
    seconds: 59,
    expected: [{ do: 'wait', ms: 1_000 }],
  },
  {
    name: 'a first deploy is taken away',
    rollout: FIRST,
    observed: {},
    expected: [{ do: 'down', limitMs: 600_000 }],
  },
  {
    name: 'even if only its networks are left',
    rollout: FIRST,
    observed: { containers: [] },
    expected: [{ do: 'down', limitMs: 600_000 }],
  },
  {
    name: 'it is gone',
    rollout: FIRST,
    observed: { containers: [], tried: { down: succeeded() } },
    expected: [reverted(null)],
  },
  {
    name: 'its containers are gone, and something else could not be removed',
    rollout: FIRST,
    observed: { containers: [], tried: { down: failed('network in use') } },
    expected: [reverted(null, 1)],
  },
  {
    name: 'it is not gone: again',
    rollout: FIRST,
    observed: { tried: { down: failed('timeout', { attempts: 1 }) } },
    seconds: 1,
    expected: [{ do: 'down', limitMs: 600_000 }],
  },
  {
    name: 'somebody deploys into the project meanwhile: neither way is safe for them',
    rollout: FIRST,
    observed: { containers: [container(), container({ service: 'api', release: null })] },
    expected: [{ do: 'wait', ms: 60_000 }],
  },
  {
    name: 'only somebody else’s containers are left',
    observed: { containers: [container({ release: null })] },
    expected: [reverted(null)],
  },
  {
    name: 'the engine is silent: wait for it, however long',
    observed: { containers: null },
    seconds: 5_000,
    expected: [{ do: 'wait', ms: 1_000 }],
  },
];

for (const row of ROWS) {
  test(`reverting: ${row.name}`, () => {
    const phase = { at: 'reverting', touched: row.touched ?? true, since: NOON } as const;
    const desired = rollout(phase, row.rollout);
    const actions = decide(desired, observed(row.observed), at(row.seconds ?? 0));
    assert.deepEqual(actions, row.expected);
  });
}

test('closed: nothing is left to decide', () => {
  assert.deepEqual(decide(rollout({ at: 'closed', outcome: 'converged' }), observed(), NOON), []);
});
