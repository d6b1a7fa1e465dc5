import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Action } from '../../../../agent/rollouts/decide/action.ts';
import { decide } from '../../../../agent/rollouts/decide/decide.ts';
import type { Observed } from '../../../../agent/rollouts/decide/observed.ts';
import type { PhaseAt, RolloutRecord } from '../../../../agent/rollouts/record/stack-record.ts';
import {
  at,
  container,
  NOON,
  NOON_TEXT,
  observed,
  plan,
  probe,
  reverting,
  rollout,
  soaking,
  V1,
  V2,
} from '../sample.ts';

interface Row {
  readonly name: string;
  readonly phase?: Partial<PhaseAt<'soaking'>>;
  readonly rollout?: Partial<RolloutRecord>;
  readonly observed?: Partial<Observed>;
  /** Seconds after the soak began. */
  readonly seconds: number;
  readonly expected: readonly Action[];
}

const FAILING = probe({ status: 'fail', failingSince: at(5), reason: 'it is gone', hasFailed: true });
const GONE = { containers: [container({ state: 'exited', exitCode: 1 })] };
const CONVERGED: Action = {
  do: 'advance',
  phase: soaking(),
  events: [{ type: 'converged', converged_at: '2026-01-31T12:00:30.000Z', current_release: V2 }],
};

const ROWS: readonly Row[] = [
  { name: 'all is well: look again', seconds: 10, expected: [{ do: 'wait', ms: 1_000 }] },
  { name: 'not beyond the end', seconds: 29.6, expected: [{ do: 'wait', ms: 400 }] },
  {
    name: 'a long soak is looked at less often',
    phase: { soakMs: 600_000 },
    seconds: 130,
    expected: [{ do: 'wait', ms: 3_000 }],
  },
  { name: 'over, and all is well', seconds: 30, expected: [CONVERGED] },
  {
    name: 'over here, but the activation is not confirmed, so not for the server',
    phase: { confirmed: null },
    seconds: 40,
    expected: [{ do: 'wait', ms: 1_000 }],
  },
  {
    name: 'a probe was never observed: what is not known is not well',
    phase: { probes: [probe(), probe({ name: 'page', status: null })] },
    seconds: 40,
    expected: [{ do: 'wait', ms: 1_000 }],
  },
  {
    name: 'a probe that only observes holds nothing up',
    phase: { probes: [probe(), probe({ name: 'page', mode: 'observe', status: 'fail', failingSince: NOON })] },
    seconds: 30,
    expected: [
      {
        ...CONVERGED,
        phase: soaking({
          probes: [probe(), probe({ name: 'page', mode: 'observe', status: 'fail', failingSince: NOON })],
        }),
      },
    ],
  },
  {
    name: 'the engine is silent at the end: hold',
    observed: { containers: null },
    seconds: 40,
    expected: [{ do: 'wait', ms: 1_000 }],
  },
  {
    name: 'over, but this agent has looked for a moment only: it was restarted, or the engine was',
    observed: { seenSince: at(28) },
    seconds: 42.5,
    expected: [{ do: 'wait', ms: 500 }],
  },
  {
    name: 'over, and it was seen for as long as a failure takes to be one',
    observed: { seenSince: at(15) },
    seconds: 30,
    expected: [CONVERGED],
  },
  {
    name: 'a healthcheck begins anew at the end: hold',
    observed: { containers: [container({ health: 'starting' })] },
    seconds: 40,
    expected: [{ do: 'wait', ms: 1_000 }],
  },
  {
    name: 'converged waits for its answer: nothing else is said',
    rollout: { outbox: [{ type: 'converged', seq: 4 }] },
    observed: GONE,
    seconds: 40,
    expected: [{ do: 'wait', ms: 1_000 }],
  },
  {
    name: 'the server has said not yet: a little later',
    phase: { notBefore: at(43) },
    seconds: 42.5,
    expected: [{ do: 'wait', ms: 500 }],
  },
  {
    name: 'the first look is told',
    phase: { probes: [probe({ status: null })] },
    seconds: 0,
    expected: [
      {
        do: 'advance',
        phase: soaking(),
        events: [
          { type: 'probe_observed_first', probe: 'running:web', mode: 'enforce', observed_at: NOON_TEXT },
          {
            type: 'probe_result',
            probe: 'running:web',
            mode: 'enforce',
            status: 'pass',
            observed_at: NOON_TEXT,
            failure_reason: null,
          },
        ],
      },
    ],
  },
  {
    name: 'a container has exited: the first failure is told',
    observed: GONE,
    seconds: 5,
    expected: [
      {
        do: 'advance',
        phase: soaking({ probes: [{ ...FAILING, reason: 'container shop-web-1 has exited with code 1' }] }),
        events: [
          {
            type: 'probe_failure_first',
            probe: 'running:web',
            mode: 'enforce',
            first_failed_at: '2026-01-31T12:00:05.000Z',
          },
          {
            type: 'probe_result',
            probe: 'running:web',
            mode: 'enforce',
            status: 'fail',
            observed_at: '2026-01-31T12:00:05.000Z',
            failure_reason: 'container shop-web-1 has exited with code 1',
          },
        ],
      },
    ],
  },
  {
    name: 'it still fails, but not for long enough: look again when it has',
    phase: { probes: [FAILING] },
    observed: GONE,
    seconds: 19.75,
    expected: [{ do: 'wait', ms: 250 }],
  },
  {
    name: 'it has failed for as long as the policy allows',
    phase: { probes: [FAILING] },
    observed: GONE,
    seconds: 20,
    expected: [
      {
        do: 'advance',
        phase: reverting({ since: at(20) }),
        events: [
          {
            type: 'failed',
            failed_at: '2026-01-31T12:00:20.000Z',
            sustained_seconds: 15,
            failing_probes: ['running:web'],
            policy_applied: 'rollback-and-halt',
          },
        ],
      },
    ],
  },
  {
    name: 'the soak is over while a probe fails: neither the one nor the other yet',
    phase: { probes: [{ ...FAILING, failingSince: at(25) }] },
    observed: GONE,
    seconds: 31,
    expected: [{ do: 'wait', ms: 1_000 }],
  },
  {
    name: 'the policy says halt',
    phase: { probes: [FAILING] },
    rollout: { plan: plan({ onHealthFailure: 'halt' }) },
    observed: GONE,
    seconds: 21,
    expected: [
      {
        do: 'advance',
        phase: { at: 'closed', outcome: 'halted' },
        events: [
          {
            type: 'failed',
            failed_at: '2026-01-31T12:00:21.000Z',
            sustained_seconds: 16,
            failing_probes: ['running:web'],
            policy_applied: 'halt',
          },
        ],
      },
    ],
  },
  {
    name: 'a crash is taken in as soon as it is seen',
    observed: { containers: [container({ restartCount: 1 })], exitCodes: new Map([['id-of-web', [7]]]) },
    seconds: 40,
    expected: [
      {
        do: 'advance',
        phase: soaking({
          seenRestarts: { 'id-of-web': 1 },
          crashes: { 'id-of-web': { early: 0, late: 1, lastAt: at(40), lastExitCode: 7 } },
        }),
        events: [],
      },
    ],
  },
  {
    name: 'over, but the service has crashed at its start: it has to be calm for as long as a failure lasts and 30 s',
    phase: {
      seenRestarts: { 'id-of-web': 1 },
      crashes: { 'id-of-web': { early: 1, late: 0, lastAt: at(5), lastExitCode: 1 } },
    },
    observed: {
      containers: [container({ restartCount: 1 })],
      runs: new Map([['id-of-web', { restartCount: 1, startedAtMs: null, seenSince: at(5) }]]),
    },
    seconds: 49.5,
    expected: [{ do: 'wait', ms: 500 }],
  },
  {
    name: 'the server has not confirmed the activation, and the release lets it stay for so long',
    phase: { confirmed: null },
    rollout: { plan: plan({ confirmMs: 20_000 }) },
    seconds: 19.5,
    expected: [{ do: 'wait', ms: 500 }],
  },
  {
    name: 'and no longer: the host goes back by itself, whatever the policy says of other failures',
    phase: { confirmed: null },
    rollout: { plan: plan({ confirmMs: 20_000, onHealthFailure: 'halt' }) },
    seconds: 20,
    expected: [
      {
        do: 'advance',
        phase: reverting({ since: at(20) }),
        events: [
          {
            type: 'probe_result',
            probe: 'confirm',
            mode: 'enforce',
            status: 'fail',
            observed_at: '2026-01-31T12:00:20.000Z',
            failure_reason: 'the host could not reach the server for 20 s after its activation (confirm_seconds)',
          },
          {
            type: 'failed',
            failed_at: '2026-01-31T12:00:20.000Z',
            sustained_seconds: 20,
            failing_probes: ['confirm'],
            policy_applied: 'rollback-and-halt',
          },
        ],
      },
    ],
  },
  {
    name: 'the server has seen its telemetry regress',
    rollout: { regressed: 'memory grows' },
    seconds: 3,
    expected: [
      {
        do: 'advance',
        phase: reverting({ since: at(3) }),
        events: [
          {
            type: 'failed',
            failed_at: '2026-01-31T12:00:03.000Z',
            sustained_seconds: 0,
            failing_probes: ['telemetry'],
            policy_applied: 'rollback-and-halt',
          },
        ],
      },
    ],
  },
];

for (const row of ROWS) {
  test(`soaking: ${row.name}`, () => {
    const desired = rollout(soaking(row.phase), row.rollout);
    assert.deepEqual(decide(desired, observed(row.observed), at(row.seconds)), row.expected);
  });
}

test('resuming: the release is fetched to know its probes', () => {
  const desired = rollout({ at: 'resuming', soakMs: 12_000 }, { plan: null });
  const nothing = observed({ plan: null });
  assert.deepEqual(decide(desired, nothing, NOON), [{ do: 'prepare', release: V2, limitMs: 60_000 }]);
  assert.deepEqual(decide(desired, observed(), NOON), [
    { do: 'advance', phase: { at: 'resuming', soakMs: 12_000 }, events: [], plan: plan() },
  ]);
});

test('resuming: the rest of the soak begins with the probes told anew', () => {
  const desired = rollout({ at: 'resuming', soakMs: 12_000 });
  assert.deepEqual(decide(desired, observed(), NOON), [
    {
      do: 'advance',
      phase: soaking({ soakMs: 12_000, probes: [probe({ status: null })] }),
      events: [
        { type: 'probe_topology_declared', probes: [{ name: 'running:web', mode: 'enforce' }], declared_at: NOON_TEXT },
      ],
    },
  ]);
});

test('resuming: what runs is another release, so the soak will fail', () => {
  const desired = rollout(soaking({ probes: [probe({ status: null })] }));
  const [action] = decide(desired, observed({ containers: [container({ release: V1 })] }), NOON);
  const phase = action?.do === 'advance' ? action.phase : null;
  assert.equal(
    phase?.at === 'soaking' && phase.probes[0]?.reason,
    'container shop-web-1 no longer belongs to this release',
  );
});
