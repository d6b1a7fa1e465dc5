import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Action } from '../../../../agent/rollouts/decide/action.ts';
import type { Trouble } from '../../../../agent/rollouts/decide/classify-trouble.ts';
import { decide } from '../../../../agent/rollouts/decide/decide.ts';
import type { Observed } from '../../../../agent/rollouts/decide/observed.ts';
import type { PhaseAt, RolloutRecord } from '../../../../agent/rollouts/record/stack-record.ts';
import {
  activating,
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
} from '../sample.ts';

const FRESH = activating();
/** `up` may begin, and its time has. */
const TOUCHED = activating({ touched: true, workSince: NOON });
const OLD = container({ release: V1 });
const TWO_REPLICAS = plan({ services: [{ name: 'web', isJob: false, replicas: 2 }] });
const READY = { prepare: succeeded(), pull: succeeded(), check: succeeded() };

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
  return { do: 'advance', phase: reverting({ touched: false, since: at(seconds) }), events: [event] };
}

const NO_SERVER: Trouble = { class: 'network', reason: 'no answer' };
const REFUSED: Trouble = { class: 'registry', reason: 'dial tcp: refused' };
const SLOW: Trouble = { class: 'registry', reason: 'it was ended after 300 s' };
const TAKEN: Trouble = { class: 'port', reason: 'port 80 is taken' };
const FOREIGN: Trouble = {
  class: 'foreign_project',
  reason:
    "this project has containers that Nexus has not deployed (theirs), and they are left alone. Remove them with 'docker compose down', or give the release another stack name",
};
const DEFERRED: Omit<PhaseAt<'deferred'>, 'trouble'> = {
  at: 'deferred',
  since: NOON,
  deferredAt: NOON,
  attempt: 0,
  touched: false,
  isDisruptive: false,
};

/** Put off for the first time, before anything was touched. */
function deferred(trouble: Trouble, reason: string, seconds = 0): Action {
  return {
    do: 'advance',
    phase: { ...DEFERRED, deferredAt: at(seconds), trouble },
    events: [
      {
        type: 'activation_deferred',
        reason,
        deferred_at: `2026-01-31T12:00:${String(seconds).padStart(2, '0')}.000Z`,
      },
    ],
  };
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
    seenRestarts: {},
    crashes: {},
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
    expected: [{ do: 'prepare', release: V2, limitMs: 300_000 }],
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
    expected: [{ do: 'pull', release: V2, onlyMissing: false, limitMs: 280_000 }],
  },
  {
    name: 'that things are about to change is noted before they do',
    observed: { containers: [OLD], tried: READY },
    expected: [{ do: 'advance', phase: TOUCHED, events: [] }],
  },
  {
    name: 'before that, what may be in its way on this host is looked for',
    observed: { containers: [OLD], tried: { prepare: succeeded(), pull: succeeded() } },
    seconds: 30,
    expected: [{ do: 'check', release: V2, limitMs: 270_000 }],
  },
  {
    name: 'then it is brought up, within the time that is left',
    phase: TOUCHED,
    observed: { containers: [OLD], tried: READY },
    seconds: 25,
    expected: [{ do: 'up', release: V2, afresh: false, renew: false, except: [], limitMs: 35_000 }],
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
        phase: reverting(),
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
    name: 'up succeeded, but one of two containers is gone',
    phase: TOUCHED,
    rollout: { plan: TWO_REPLICAS },
    observed: { plan: TWO_REPLICAS, containers: [container()], tried: { ...READY, up: succeeded() } },
    expected: [
      {
        do: 'advance',
        phase: reverting({ touched: true }),
        events: [
          {
            type: 'activation_failed',
            exit_code: 0,
            stderr_tail: 'service web has 1 of 2 containers',
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
        phase: reverting(),
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
    expected: [{ do: 'up', release: V2, afresh: true, renew: false, except: [], limitMs: 56_000 }],
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
    name: 'the server is away: that is no word against the release',
    rollout: { plan: null },
    observed: { containers: [OLD], plan: null, tried: { prepare: failed('no answer', { trouble: NO_SERVER }) } },
    seconds: 10,
    expected: [deferred(NO_SERVER, 'network: no answer', 10)],
  },
  {
    name: 'a tag that no registry has is asked for again: it may be about to be pushed',
    observed: {
      containers: [OLD],
      tried: { prepare: succeeded(), pull: failed('manifest unknown', { attempts: 2, when: at(1) }) },
    },
    seconds: 30,
    expected: [{ do: 'pull', release: V2, onlyMissing: false, limitMs: 270_000 }],
  },
  {
    name: 'a tag that is not there for three times is the fault of the release, and nothing was touched',
    observed: {
      containers: [OLD],
      tried: { prepare: succeeded(), pull: failed('manifest unknown', { attempts: 3, exitCode: 18 }) },
    },
    expected: [activationFailed(18, 'manifest unknown')],
  },
  {
    name: 'a registry that is away puts it off at once',
    observed: {
      containers: [OLD],
      tried: { prepare: succeeded(), pull: failed('dial tcp: refused', { trouble: REFUSED }) },
    },
    seconds: 7,
    expected: [deferred(REFUSED, 'registry: dial tcp: refused', 7)],
  },
  {
    name: 'put off again, the server hears of it no second time',
    phase: activating({ attempt: 2, isDeferred: true }),
    observed: {
      containers: [OLD],
      tried: { prepare: succeeded(), pull: failed('dial tcp: refused', { trouble: REFUSED }) },
    },
    seconds: 9,
    expected: [
      {
        do: 'advance',
        phase: { ...DEFERRED, deferredAt: at(9), attempt: 2, trouble: REFUSED },
        events: [],
      },
    ],
  },
  {
    name: 'a port that is taken puts it off before anything is touched',
    observed: {
      containers: [OLD],
      tried: { prepare: succeeded(), pull: succeeded(), check: failed('port 80 is taken', { trouble: TAKEN }) },
    },
    expected: [deferred(TAKEN, 'port: port 80 is taken')],
  },
  {
    name: 'a port that is found to be taken when it is too late puts it off too',
    phase: TOUCHED,
    observed: { containers: [OLD], tried: { up: failed('port is already allocated', { trouble: TAKEN }) } },
    seconds: 12,
    expected: [
      {
        do: 'advance',
        phase: { ...DEFERRED, deferredAt: at(12), trouble: TAKEN, touched: true, isDisruptive: true },
        events: [
          {
            type: 'activation_deferred',
            reason: 'port: port 80 is taken',
            deferred_at: '2026-01-31T12:00:12.000Z',
          },
        ],
      },
    ],
  },
  {
    name: 'whatever up has run into, containers that are all well count',
    phase: TOUCHED,
    observed: { tried: { up: failed('port is already allocated', { trouble: TAKEN }) } },
    expected: [COMPLETED],
  },
  {
    name: 'the images have not arrived when the pull budget is over: the host has failed, and not the release',
    observed: {
      containers: [OLD],
      tried: { prepare: succeeded(), pull: failed('it was ended after 300 s', { exitCode: -1, trouble: SLOW }) },
    },
    seconds: 300,
    expected: [
      {
        do: 'advance',
        phase: reverting({ touched: false, since: at(300) }),
        events: [
          {
            type: 'activation_failed',
            exit_code: -1,
            stderr_tail: 'put off for more than 300 s (pull_budget_seconds): it was ended after 300 s',
            failed_at: '2026-01-31T12:05:00.000Z',
            trouble: 'registry',
          },
        ],
      },
    ],
  },
  {
    name: 'the end of the budget cuts a pull off: what put it off before says more',
    phase: activating({ attempt: 3, isDeferred: true, trouble: REFUSED }),
    observed: {
      containers: [OLD],
      tried: { prepare: succeeded(), pull: failed('it was ended after 0 s', { exitCode: -1, trouble: SLOW }) },
    },
    seconds: 300,
    expected: [
      {
        do: 'advance',
        phase: reverting({ touched: false, since: at(300) }),
        events: [
          {
            type: 'activation_failed',
            exit_code: -1,
            stderr_tail: 'put off for more than 300 s (pull_budget_seconds): dial tcp: refused',
            failed_at: '2026-01-31T12:05:00.000Z',
            trouble: 'registry',
          },
        ],
      },
    ],
  },
  {
    name: 'pulling takes nothing from the time of the activation itself',
    phase: activating({ touched: true, workSince: at(290) }),
    observed: { containers: [OLD] },
    seconds: 300,
    expected: [{ do: 'up', release: V2, afresh: false, renew: false, except: [], limitMs: 50_000 }],
  },
  {
    name: 'the activation itself takes too long',
    phase: TOUCHED,
    observed: { containers: [OLD], tried: { up: failed('it was ended after 60 s', { exitCode: -1 }) } },
    seconds: 60,
    expected: [
      {
        do: 'advance',
        phase: reverting({ since: at(60) }),
        events: [
          {
            type: 'activation_failed',
            exit_code: -1,
            stderr_tail: 'it was ended after 60 s\nthe activation took longer than 60 s (activation_timeout_seconds)',
            failed_at: '2026-01-31T12:01:00.000Z',
          },
        ],
      },
    ],
  },
  {
    name: 'the engine is silent for a moment: wait for it',
    observed: { containers: null, unseen: { since: NOON, reason: 'refused' } },
    seconds: 14,
    expected: [{ do: 'wait', ms: 1_000 }],
  },
  {
    name: 'the engine stays silent: trouble of the host, in the middle of a change too',
    phase: TOUCHED,
    observed: { containers: null, unseen: { since: NOON, reason: 'refused' } },
    seconds: 15,
    expected: [
      {
        do: 'advance',
        phase: { ...DEFERRED, deferredAt: at(15), trouble: { class: 'engine', reason: 'refused' }, touched: true },
        events: [{ type: 'activation_deferred', reason: 'engine: refused', deferred_at: '2026-01-31T12:00:15.000Z' }],
      },
    ],
  },
  {
    name: 'somebody else’s project is left alone, and waited for to go away',
    observed: { containers: [container({ release: null, name: 'theirs' })] },
    expected: [deferred(FOREIGN, `foreign_project: ${FOREIGN.reason}`)],
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
