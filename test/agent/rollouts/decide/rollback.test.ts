import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Action } from '../../../../agent/rollouts/decide/action.ts';
import { decide } from '../../../../agent/rollouts/decide/decide.ts';
import type { Observed } from '../../../../agent/rollouts/decide/observed.ts';
import type { PhaseAt, RolloutRecord } from '../../../../agent/rollouts/record/stack-record.ts';
import {
  at,
  container,
  failed,
  NOON,
  NOON_TEXT,
  observed,
  plan,
  reverting,
  rollout,
  succeeded,
  V1,
  V2,
  V3,
  WELL_BEFORE,
} from '../sample.ts';

interface Row {
  readonly name: string;
  readonly touched?: boolean;
  readonly reported?: PhaseAt<'reverting'>['reported'];
  readonly rollout?: Partial<RolloutRecord>;
  readonly observed: Partial<Observed>;
  readonly seconds?: number;
  readonly expected: readonly Action[];
}

const OLD = container({ release: V1 });
const READY = { prepare: succeeded(), pull: succeeded() };
const FIRST: Partial<RolloutRecord> = { fallback: null };

function reverted(release: string | null, exitCode = 0, output?: string): Action {
  return {
    do: 'advance',
    phase: { at: 'closed', outcome: 'reverted' },
    events: [
      {
        type: 'rollback_completed',
        reverted_to_release: release,
        exit_code: exitCode,
        completed_at: NOON_TEXT,
        ...(output === undefined ? {} : { output_tail: output }),
      },
    ],
  };
}

/** Reported as failed so many seconds after noon. */
function reported(exitCode: number, output: string, seconds = 0): Action {
  const failedAt = `2026-01-31T12:${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}.000Z`;
  return {
    do: 'advance',
    phase: reverting({ reported: { output, at: at(seconds) } }),
    events: [{ type: 'rollback_failed', exit_code: exitCode, output_tail: output, failed_at: failedAt }],
  };
}

const AND_A_JOB = plan({
  services: [
    { name: 'job', isJob: true },
    { name: 'web', isJob: false },
  ],
});
const ENDED_BEFORE = { service: 'job', state: 'exited', health: null, exitCode: 0 };

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
    expected: [{ do: 'up', release: V1, afresh: false, renew: true, except: [], limitMs: 600_000 }],
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
    expected: [{ do: 'up', release: V1, afresh: false, renew: true, except: [], limitMs: 600_000 }],
  },
  {
    name: 'it does not come up, twice: what never ran is made anew',
    observed: {
      containers: [OLD, container({ service: 'api', release: V1, state: 'created' })],
      tried: { ...READY, up: failed('task already exists', { attempts: 2 }) },
    },
    seconds: 5,
    expected: [{ do: 'up', release: V1, afresh: true, renew: true, except: [], limitMs: 600_000 }],
  },
  {
    name: 'it runs again, and not as well as it did: that is no way back, and is said',
    observed: {
      containers: [container({ release: V1, health: 'unhealthy' })],
      tried: { ...READY, up: failed('container shop-web-1 is unhealthy', { attempts: 3 }) },
    },
    expected: [reported(1, 'container shop-web-1 is unhealthy')],
  },
  {
    name: 'said once, it is tried again after a while',
    reported: { output: 'container shop-web-1 is unhealthy', at: NOON },
    observed: {
      containers: [container({ release: V1, health: 'unhealthy' })],
      tried: { ...READY, up: failed('container shop-web-1 is unhealthy', { attempts: 3 }) },
    },
    seconds: 15,
    expected: [{ do: 'up', release: V1, afresh: true, renew: true, except: [], limitMs: 600_000 }],
  },
  {
    name: 'another reason is said no sooner than ten minutes later',
    reported: { output: 'no such network', at: NOON },
    observed: {
      containers: [container({ release: V1, health: 'unhealthy' })],
      tried: { ...READY, up: failed('no such image', { attempts: 9, when: at(590) }) },
    },
    seconds: 599,
    expected: [{ do: 'wait', ms: 51_000 }],
  },
  {
    name: 'then it is',
    reported: { output: 'no such network', at: NOON },
    observed: {
      containers: [],
      tried: { ...READY, up: failed('no such image', { attempts: 10, when: at(600) }) },
    },
    seconds: 600,
    expected: [reported(1, 'no such image\nno such image; service web has no container', 600)],
  },
  {
    name: 'it was as unwell before the rollout: it is back, and that it is unwell is said',
    rollout: { before: [{ ...WELL_BEFORE, health: 'unhealthy' }] },
    observed: {
      containers: [container({ release: V1, health: 'unhealthy', healthOutput: 'no database' })],
      tried: { ...READY, up: failed('container shop-web-1 is unhealthy', { attempts: 3 }) },
    },
    expected: [reverted(V1, 1, 'container shop-web-1 is unhealthy: no database')],
  },
  {
    name: 'it ran unhealthily before, and does not run now: that is worse',
    rollout: { before: [{ ...WELL_BEFORE, health: 'unhealthy' }] },
    observed: {
      containers: [container({ release: V1, state: 'exited', exitCode: 1 })],
      tried: { ...READY, up: failed('', { attempts: 3 }) },
    },
    expected: [reported(1, 'container shop-web-1 has exited with code 1')],
  },
  {
    name: 'how it did before is not known: only well will do',
    rollout: { before: null },
    observed: {
      containers: [container({ release: V1, health: 'unhealthy' })],
      tried: { ...READY, up: failed('', { attempts: 3 }) },
    },
    expected: [reported(1, 'container shop-web-1 is unhealthy')],
  },
  {
    name: 'a job that had ended before is left alone',
    rollout: { before: [WELL_BEFORE, ENDED_BEFORE] },
    observed: { plan: AND_A_JOB, tried: READY },
    expected: [{ do: 'up', release: V1, afresh: false, renew: true, except: ['job'], limitMs: 600_000 }],
  },
  {
    name: 'and is not missed when it is gone',
    rollout: { before: [WELL_BEFORE, ENDED_BEFORE] },
    observed: { plan: AND_A_JOB, containers: [OLD], tried: { ...READY, up: succeeded() } },
    expected: [reverted(V1)],
  },
  {
    name: 'a job that ran before is run again',
    rollout: { before: [WELL_BEFORE, { ...ENDED_BEFORE, state: 'running' }] },
    observed: { plan: AND_A_JOB, tried: READY },
    expected: [{ do: 'up', release: V1, afresh: false, renew: true, except: [], limitMs: 600_000 }],
  },
  {
    name: 'the release wants its jobs run again',
    rollout: { before: [WELL_BEFORE, ENDED_BEFORE], plan: plan({ rerunsJobs: true }) },
    observed: { plan: AND_A_JOB, tried: READY },
    expected: [{ do: 'up', release: V1, afresh: false, renew: true, except: [], limitMs: 600_000 }],
  },
  {
    name: 'a stack of jobs alone has nothing else to go back to',
    rollout: { before: [ENDED_BEFORE] },
    observed: { plan: plan({ services: [{ name: 'job', isJob: true }] }), tried: READY },
    expected: [{ do: 'up', release: V1, afresh: false, renew: true, except: [], limitMs: 600_000 }],
  },
  {
    name: 'the job that was run again fails, and what waits for it never starts: no way back',
    rollout: { before: [WELL_BEFORE, ENDED_BEFORE], plan: plan({ rerunsJobs: true }) },
    observed: {
      plan: AND_A_JOB,
      containers: [
        container({ service: 'job', release: V1, state: 'exited', exitCode: 1 }),
        container({ release: V1, state: 'created' }),
      ],
      tried: { ...READY, up: failed("service 'job' did not complete successfully: exit 1", { attempts: 3 }) },
    },
    expected: [
      reported(
        1,
        "service 'job' did not complete successfully: exit 1\nservice 'job' did not complete successfully: exit 1; container shop-job-1 has exited with code 1; container shop-web-1 is created, not running",
      ),
    ],
  },
  {
    name: 'the files of the old release are gone, and the server is away: said once it can be',
    observed: { plan: null, tried: { prepare: failed('no answer', { attempts: 3, exitCode: -1 }) } },
    expected: [reported(-1, 'no answer')],
  },
  {
    name: 'half-way between two releases is never the end of it',
    observed: {
      containers: [OLD, container({ service: 'api', release: V2 })],
      tried: { ...READY, up: failed('', { attempts: 2 }) },
    },
    seconds: 4,
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
    expected: [reverted(null, 1, 'network in use')],
  },
  {
    name: 'it is not gone: again',
    rollout: FIRST,
    observed: { tried: { down: failed('timeout', { attempts: 1 }) } },
    seconds: 1,
    expected: [{ do: 'down', limitMs: 600_000 }],
  },
  {
    name: 'somebody deploys into the project meanwhile: neither way is safe for them, and that is said',
    rollout: FIRST,
    observed: { containers: [container(), container({ service: 'api', release: null })] },
    expected: [
      reported(
        -1,
        'this project has containers by now that Nexus has not deployed (shop-api-1), and they are left alone',
      ),
    ],
  },
  {
    name: 'only somebody else’s containers are left',
    observed: { containers: [container({ release: null })] },
    expected: [reverted(null)],
  },
  {
    name: 'the engine is silent: wait for it, however long',
    observed: { containers: null, unseen: { since: NOON, reason: 'refused' } },
    seconds: 119,
    expected: [{ do: 'wait', ms: 1_000 }],
  },
  {
    name: 'it stays silent: that is said',
    observed: { containers: null, unseen: { since: NOON, reason: 'refused' } },
    seconds: 120,
    expected: [reported(-1, 'the Docker Engine does not answer: refused', 120)],
  },
];

for (const row of ROWS) {
  test(`reverting: ${row.name}`, () => {
    const phase = reverting({ touched: row.touched ?? true, reported: row.reported ?? null });
    const desired = rollout(phase, row.rollout);
    const actions = decide(desired, observed(row.observed), at(row.seconds ?? 0));
    assert.deepEqual(actions, row.expected);
  });
}

test('closed: nothing is left to decide', () => {
  assert.deepEqual(decide(rollout({ at: 'closed', outcome: 'converged' }), observed(), NOON), []);
});
