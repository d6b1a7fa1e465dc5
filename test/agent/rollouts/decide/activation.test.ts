import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Action } from '../../../../agent/rollouts/decide/action.ts';
import { decide } from '../../../../agent/rollouts/decide/decide.ts';
import type { Observed } from '../../../../agent/rollouts/decide/observed.ts';
import type { PhaseAt, RolloutRecord } from '../../../../agent/rollouts/record/stack-record.ts';
import { at, container, failed, NOON, NOON_TEXT, observed, plan, rollout, succeeded, V1, V2 } from '../sample.ts';

const FRESH: PhaseAt<'activating'> = { at: 'activating', since: NOON, touched: false };
const TOUCHED: PhaseAt<'activating'> = { ...FRESH, touched: true };
const OLD = container({ release: V1 });
const READY = { prepare: succeeded(), pull: succeeded() };

interface Row {
  readonly name: string;
  readonly phase?: PhaseAt<'activating'>;
  readonly rollout?: Partial<RolloutRecord>;
  readonly observed: Partial<Observed>;
  /** Seconds after the activation began. */
  readonly seconds?: number;
  readonly expected: readonly Action[];
}

function activationFailed(exitCode: number, output: string, seconds = 0): Action {
  const event = {
    type: 'activation_failed',
    exit_code: exitCode,
    stderr_tail: output,
    failed_at: `2026-01-31T12:0${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}.000Z`,
  } as const;
  return { do: 'advance', phase: { at: 'reverting', touched: false, since: at(seconds) }, events: [event] };
}

const COMPLETED: Action = {
  do: 'advance',
  phase: {
    at: 'soaking',
    since: NOON,
    confirmed: null,
    soakMs: 30_000,
    probes: [
      { name: 'running:web', mode: 'enforce', status: null, failingSince: null, reason: null, hasFailed: false },
    ],
    restarts: { 'id-of-web': 0 },
    notBefore: null,
  },
  events: [
    { type: 'activation_completed', observed_release: V2, exit_code: 0, completed_at: NOON_TEXT },
    { type: 'probe_topology_declared', probes: [{ name: 'running:web', mode: 'enforce' }], declared_at: NOON_TEXT },
  ],
};

const ROWS: readonly Row[] = [
  {
    name: 'first the release is fetched and resolved',
    observed: { containers: [OLD], plan: null },
    expected: [{ do: 'prepare', release: V2, limitMs: 60_000 }],
  },
  {
    name: 'what it says about itself is noted',
    rollout: { plan: null },
    observed: { containers: [OLD] },
    expected: [{ do: 'advance', phase: FRESH, events: [], plan: plan() }],
  },
  {
    name: 'its images are pulled before anything stops',
    observed: { containers: [OLD], tried: { prepare: succeeded() } },
    seconds: 20,
    expected: [{ do: 'pull', release: V2, onlyMissing: false, limitMs: 40_000 }],
  },
  {
    name: 'that things are about to change is noted before they do',
    observed: { containers: [OLD], tried: READY },
    expected: [{ do: 'advance', phase: TOUCHED, events: [] }],
  },
  {
    name: 'then it is brought up, within the time that is left',
    phase: TOUCHED,
    observed: { containers: [OLD], tried: READY },
    seconds: 25,
    expected: [{ do: 'up', release: V2, afresh: false, limitMs: 35_000 }],
  },
  {
    name: 'once all containers carry it, it soaks',
    phase: TOUCHED,
    observed: { tried: { ...READY, up: succeeded() } },
    expected: [COMPLETED],
  },
  {
    name: 'Compose ended with 1, but everything is well: the containers count',
    phase: TOUCHED,
    observed: { tried: { ...READY, up: failed('container shop-job-1 exited (0)') } },
    expected: [COMPLETED],
  },
  {
    name: 'a job has ended well and a healthcheck has not spoken yet: look again',
    phase: TOUCHED,
    rollout: {
      plan: plan({
        services: [
          { name: 'job', isJob: true },
          { name: 'web', isJob: false },
        ],
      }),
    },
    observed: {
      plan: plan({
        services: [
          { name: 'job', isJob: true },
          { name: 'web', isJob: false },
        ],
      }),
      containers: [container({ service: 'job', state: 'exited' }), container({ health: 'starting' })],
      tried: { ...READY, up: failed('container shop-job-1 exited (0)') },
    },
    expected: [{ do: 'wait', ms: 500 }],
  },
  {
    name: 'up failed and the containers are not well: it is over',
    phase: TOUCHED,
    observed: {
      containers: [container({ health: 'unhealthy', healthOutput: 'connection refused\n' })],
      tried: { ...READY, up: failed('container shop-web-1 is unhealthy') },
    },
    expected: [
      {
        do: 'advance',
        phase: { at: 'reverting', touched: true, since: NOON },
        events: [
          {
            type: 'activation_failed',
            exit_code: 1,
            stderr_tail: 'container shop-web-1 is unhealthy\ncontainer shop-web-1 is unhealthy: connection refused',
            failed_at: NOON_TEXT,
          },
        ],
      },
    ],
  },
  {
    name: 'up succeeded, but a container of the old release is still there',
    phase: TOUCHED,
    observed: { containers: [OLD], tried: { ...READY, up: succeeded() } },
    expected: [
      {
        do: 'advance',
        phase: { at: 'reverting', touched: true, since: NOON },
        events: [
          {
            type: 'activation_failed',
            exit_code: 0,
            stderr_tail: 'containers of another release: shop-web-1',
            failed_at: NOON_TEXT,
          },
        ],
      },
    ],
  },
  {
    name: 'after an interruption up is given another chance',
    phase: TOUCHED,
    observed: {
      wasInterrupted: true,
      containers: [container({ state: 'exited', exitCode: 137 })],
      tried: { ...READY, up: failed('container shop-web-1 exited (137)', { attempts: 2 }) },
    },
    seconds: 4,
    expected: [{ do: 'up', release: V2, afresh: true, limitMs: 56_000 }],
  },
  {
    name: 'the policy says halt: the failed release is left for inspection',
    phase: TOUCHED,
    rollout: { plan: plan({ onHealthFailure: 'halt' }) },
    observed: {
      containers: [container({ state: 'exited', exitCode: 3 })],
      tried: { ...READY, up: failed('', { exitCode: 1 }) },
    },
    expected: [
      {
        do: 'advance',
        phase: { at: 'closed', outcome: 'halted' },
        events: [
          {
            type: 'activation_failed',
            exit_code: 1,
            stderr_tail: 'container shop-web-1 has exited with code 3',
            failed_at: NOON_TEXT,
          },
        ],
      },
    ],
  },
  {
    name: 'a manifest that is not what its digest says is never tried again',
    rollout: { plan: null },
    observed: { containers: [OLD], plan: null, tried: { prepare: failed('not it', { exitCode: -1, isFinal: true }) } },
    expected: [activationFailed(-1, 'not it')],
  },
  {
    name: 'the server is away: the release is asked for again, after a while',
    rollout: { plan: null },
    observed: { containers: [OLD], plan: null, tried: { prepare: failed('no answer', { attempts: 2, when: at(9) }) } },
    seconds: 10,
    expected: [{ do: 'wait', ms: 3_000 }],
  },
  {
    name: 'a pull that fails is tried again',
    observed: {
      containers: [OLD],
      tried: { prepare: succeeded(), pull: failed('no route', { attempts: 2, when: at(1) }) },
    },
    seconds: 30,
    expected: [{ do: 'pull', release: V2, onlyMissing: false, limitMs: 30_000 }],
  },
  {
    name: 'a pull that fails three times has failed, and nothing was touched',
    observed: {
      containers: [OLD],
      tried: { prepare: succeeded(), pull: failed('no such image', { attempts: 3, exitCode: 18 }) },
    },
    expected: [activationFailed(18, 'no such image')],
  },
  {
    name: 'it takes too long',
    observed: {
      containers: [OLD],
      tried: { prepare: succeeded(), pull: failed('it was ended after 60 s', { exitCode: -1 }) },
    },
    seconds: 60,
    expected: [
      activationFailed(
        -1,
        'it was ended after 60 s\nthe activation took longer than 60 s (activation_timeout_seconds)',
        60,
      ),
    ],
  },
  {
    name: 'the engine is silent for all of the time',
    observed: { containers: null },
    seconds: 61,
    expected: [
      activationFailed(
        -1,
        'the activation took longer than 60 s (activation_timeout_seconds); the Docker Engine does not answer',
        61,
      ),
    ],
  },
  {
    name: 'the engine is silent: wait for it',
    observed: { containers: null },
    expected: [{ do: 'wait', ms: 1_000 }],
  },
  {
    name: 'somebody else’s project is left alone',
    observed: { containers: [container({ release: null, name: 'theirs' })] },
    expected: [
      activationFailed(
        -1,
        "this project has containers that Nexus has not deployed (theirs), and they are left alone. Remove them with 'docker compose down', or give the release another stack name",
      ),
    ],
  },
];

for (const row of ROWS) {
  test(`activating: ${row.name}`, () => {
    const desired = rollout(row.phase ?? FRESH, row.rollout);
    assert.deepEqual(decide(desired, observed(row.observed), at(row.seconds ?? 0)), row.expected);
  });
}

test('until the server has confirmed the acknowledgement, nothing is done', () => {
  assert.deepEqual(decide(rollout({ at: 'offered' }), observed(), NOON), []);
});

test('the end of what failed is told, at most 8 KiB of it', () => {
  const output = `${'x'.repeat(20_000)}the last words`;
  const tried = { prepare: failed(output, { isFinal: true }) };
  const [action] = decide(rollout(FRESH, { plan: null }), observed({ plan: null, tried }), NOON);
  const event = action?.do === 'advance' ? action.events[0] : undefined;
  assert.equal(event?.type === 'activation_failed' && event.stderr_tail.length, 8_192);
  assert.match(event?.type === 'activation_failed' ? event.stderr_tail : '', /the last words$/);
});
