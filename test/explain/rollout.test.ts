/** Why each host is where it is, state by state and reason by reason, as whole sentences. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ReleasePolicy } from '../../src/domain/release.ts';
import { DEFAULT_TELEMETRY_LIMITS } from '../../src/domain/release.ts';
import { type ExplainedMoment, explainHost } from '../../src/explain/host.ts';
import { noteOf } from '../../src/explain/host-summary.ts';
import { deferralsOf, explainAll, explainDocument, explainRollout, figureLines } from '../../src/explain/rollout.ts';
import { isSettled } from '../../src/explain/snapshot.ts';
import type { RolloutBody, RolloutHostBody } from '../../src/wire/rollout.ts';
import { NOON_MS } from '../cli/memory-terminal.ts';
import { reported, rolloutHost, SHOP_1_4, sampleRollout } from '../client/sample-rollouts.ts';

const POLICY: ReleasePolicy = {
  activationTimeoutSeconds: 600,
  soakSeconds: 60,
  sustainedFailureSeconds: 15,
  onHealthFailure: 'rollback-and-halt',
  telemetry: DEFAULT_TELEMETRY_LIMITS,
};
const HALTING: ReleasePolicy = { ...POLICY, onHealthFailure: 'halt' };

function withTelemetry(mode: 'required' | 'off'): ReleasePolicy {
  return { ...POLICY, telemetry: { ...DEFAULT_TELEMETRY_LIMITS, mode } };
}

interface Given {
  readonly host: Partial<RolloutHostBody>;
  readonly rollout?: Partial<RolloutBody>;
  readonly policy?: ReleasePolicy;
  readonly deferrals?: ReadonlyMap<string, string>;
}

function momentOf(given: Omit<Given, 'host'>, hosts: readonly RolloutHostBody[]): ExplainedMoment {
  return {
    rollout: sampleRollout(hosts, given.rollout),
    policy: given.policy ?? POLICY,
    releaseNames: new Map([[SHOP_1_4, 'shop 1.4']]),
    nowMs: NOON_MS,
    deferrals: given.deferrals ?? new Map(),
  };
}

const ACTIVE = { epoch: 3, dispatched_at: '2026-05-01T11:59:20.000Z', previous_release: SHOP_1_4 };
const SOAKING: Partial<RolloutHostBody> = {
  ...ACTIVE,
  state: 'soaking',
  state_since: '2026-05-01T11:59:38.000Z',
  soak_due_at: '2026-05-01T12:00:38.000Z',
};
const FRONT = { name: 'front', mode: 'enforce', since: '2026-05-01T11:59:52.000Z', reason: null };
const FAILED: Partial<RolloutHostBody> = {
  ...ACTIVE,
  state: 'failed',
  state_since: '2026-05-01T11:59:30.000Z',
  failure: { failing_probes: ['front'], output: 'front: HTTP 502', at: '2026-05-01T11:59:30.000Z' },
};

function verdict(status: string, reason: string) {
  return { status, since: '2026-05-01T11:59:48.000Z', reason, figures: {} };
}

const rows: Array<[what: string, Given, sentence: string, note: string]> = [
  [
    'pending and held',
    { host: { held_by: { gate: 'host', reason: "'web-1' is offline: it follows when it is back" } } },
    "web-1 has been pending for 2 min, held by the gate 'host': 'web-1' is offline: it follows when it is back.",
    "'web-1' is offline: it follows when it is back",
  ],
  [
    'pending in a later wave',
    { host: { wave: 1, held_by: { gate: 'wave', reason: "wave 2 of 2 has not begun: 'web-0' is soaking" } } },
    "web-1 has been pending for 2 min, held by the gate 'wave': wave 2 of 2 has not begun: 'web-0' is soaking.",
    'waits for wave 1',
  ],
  ['pending, and next', { host: {} }, 'web-1 has been pending for 2 min, and nothing holds it: it is next.', 'next'],
  [
    'pending in a rollout that halted',
    {
      host: { held_by: { gate: 'ended', reason: 'the rollout is halted' } },
      rollout: { state: 'halted', reason: "'web-0' failed" },
    },
    "web-1 was not touched: the rollout was halted before its turn ('web-0' failed).",
    'not touched',
  ],
  [
    'pending in a rollout that was superseded',
    { host: {}, rollout: { state: 'superseded', reason: 'superseded by rollout ro_2' } },
    'web-1 was not touched: the rollout was superseded before its turn (superseded by rollout ro_2).',
    'not touched',
  ],
  [
    'pending in a rollout that converged without it',
    { host: {}, rollout: { state: 'converged' } },
    'web-1 was not touched: the rollout converged before its turn.',
    'not touched',
  ],
  [
    'offered',
    { host: { epoch: 3, dispatched_at: '2026-05-01T11:59:20.000Z' } },
    "web-1 was offered shop 1.5 40 s ago, and its agent has not taken it yet: it does once 'nexus agent --rollouts' runs there and reaches the server.",
    'offered; its agent has not taken it yet',
  ],
  [
    'archived before its turn',
    { host: { left: true } },
    'web-1 was archived while it was pending: nothing is expected of it any more.',
    'archived',
  ],
  [
    'archived in its soak',
    { host: { ...SOAKING, left: true } },
    'web-1 was archived while it was soaking: nothing is expected of it any more.',
    'archived',
  ],
  [
    'activating',
    { host: { ...ACTIVE, state: 'activating', state_since: '2026-05-01T11:59:30.000Z' } },
    'web-1 has been activating shop 1.5 for 30 s: its agent pulls the images and starts the containers; in 9 min 30 s that has failed.',
    'its agent pulls and starts',
  ],
  [
    'activating for too long',
    { host: { ...ACTIVE, state: 'activating', state_since: '2026-05-01T11:40:00.000Z' } },
    'web-1 has been activating shop 1.5 for 20 min: its agent pulls the images and starts the containers; that should have failed after 10 min, so its agent is away or has not reported yet.',
    'its agent pulls and starts',
  ],
  [
    'deferred',
    {
      host: { ...ACTIVE, state: 'deferred', state_since: '2026-05-01T11:59:00.000Z' },
      deferrals: new Map([['web-1', 'the registry does not answer']]),
    },
    'web-1 put the activation of shop 1.5 off 1 min ago (the registry does not answer), and goes on by itself.',
    'put off by its agent',
  ],
  [
    'soaking without probes or telemetry',
    { host: SOAKING },
    'web-1 has been soaking shop 1.5 for 22 s: 38 s of its soak of 1 min are left; no probe is enforced; its telemetry has not been judged yet.',
    '38 s of soak left',
  ],
  [
    'soaking well',
    {
      host: {
        ...SOAKING,
        probes: [
          { ...FRONT, status: 'pass' },
          { ...FRONT, name: 'db', status: 'pass' },
          { ...FRONT, name: 'slow', mode: 'observe', status: 'fail' },
        ],
        telemetry: verdict('ok', 'memory grows by 0.2 MiB/min'),
      },
    },
    'web-1 has been soaking shop 1.5 for 22 s: 38 s of its soak of 1 min are left; its 2 probes pass; its telemetry is ok (memory grows by 0.2 MiB/min).',
    '38 s of soak left · 2 of 2 probes pass · telemetry ok',
  ],
  [
    'soaking with a probe that says nothing yet',
    {
      host: {
        ...SOAKING,
        probes: [
          { ...FRONT, status: 'pass' },
          { ...FRONT, name: 'db', status: null, since: null },
        ],
      },
    },
    "web-1 has been soaking shop 1.5 for 22 s: 38 s of its soak of 1 min are left; 1 of 2 probes passes, and nothing was observed of 'db' yet; its telemetry has not been judged yet.",
    '38 s of soak left · 1 of 2 probes pass',
  ],
  [
    'soaking with a probe that fails',
    { host: { ...SOAKING, probes: [{ ...FRONT, status: 'fail', reason: 'no answer\nHTTP 502' }] } },
    "web-1 has been soaking shop 1.5 for 22 s: 38 s of its soak of 1 min are left; the probe 'front' has been failing for 8 s (HTTP 502), and after 15 s of that the host fails; its telemetry has not been judged yet.",
    "38 s of soak left · 'front' failing for 8 s: HTTP 502",
  ],
  [
    'soaking beyond a limit of its telemetry',
    { host: { ...SOAKING, telemetry: verdict('watch', 'memory grows by 80 MiB/min') } },
    'web-1 has been soaking shop 1.5 for 22 s: 38 s of its soak of 1 min are left; no probe is enforced; its telemetry holds it and has been beyond a limit for 12 s (memory grows by 80 MiB/min), and after 15 s of that the host fails.',
    '38 s of soak left · telemetry: memory grows by 80 MiB/min',
  ],
  [
    'soaking and failed by its telemetry',
    { host: { ...SOAKING, telemetry: verdict('regressed', 'CPU is at 180 %') } },
    'web-1 has been soaking shop 1.5 for 22 s: 38 s of its soak of 1 min are left; no probe is enforced; its telemetry has regressed (CPU is at 180 %), and its agent is told to fail it.',
    '38 s of soak left · telemetry: CPU is at 180 %',
  ],
  [
    'soaking beyond its time',
    {
      host: {
        ...SOAKING,
        soak_due_at: '2026-05-01T11:59:59.000Z',
        telemetry: verdict('not_judged', 'not judged: no telemetry of the stack arrived in the soak'),
      },
    },
    'web-1 has been soaking shop 1.5 for 22 s: its soak of 1 min is over, and its agent has still to say that it converged; no probe is enforced; its telemetry is not judged: no telemetry of the stack arrived in the soak.',
    'soak over, its agent has to say so · telemetry not judged',
  ],
  [
    'soaking without the telemetry that is required',
    { host: SOAKING, policy: withTelemetry('required') },
    'web-1 has been soaking shop 1.5 for 22 s: 38 s of its soak of 1 min are left; no probe is enforced; its telemetry has not been judged yet, and the release requires that.',
    '38 s of soak left',
  ],
  [
    'soaking without a look at its telemetry',
    { host: SOAKING, policy: withTelemetry('off') },
    'web-1 has been soaking shop 1.5 for 22 s: 38 s of its soak of 1 min are left; no probe is enforced; the release leaves its telemetry aside.',
    '38 s of soak left',
  ],
  [
    'failed, going back',
    { host: FAILED },
    "web-1 failed on shop 1.5 30 s ago: 'front' failed; its agent goes back to shop 1.4 (4f2a9c01b7de), and has not reported that yet.",
    "'front' failed · going back",
  ],
  [
    'failed on a first deploy',
    { host: { ...FAILED, previous_release: null } },
    "web-1 failed on shop 1.5 30 s ago: 'front' failed; its agent goes back to nothing, since nothing ran there before, and has not reported that yet.",
    "'front' failed · going back",
  ],
  [
    'failed and left running',
    { host: FAILED, policy: HALTING },
    "web-1 failed on shop 1.5 30 s ago: 'front' failed; the policy is 'halt', so the failed release is left running for inspection.",
    "'front' failed · left running",
  ],
  [
    'failed to start',
    {
      host: {
        ...FAILED,
        failure: { failing_probes: [], output: 'Pulling\nmanifest unknown\n', at: '2026-05-01T11:59:30.000Z' },
      },
    },
    'web-1 failed on shop 1.5 30 s ago: the activation failed: manifest unknown; its agent goes back to shop 1.4 (4f2a9c01b7de), and has not reported that yet.',
    'the activation failed: manifest unknown · going back',
  ],
  [
    'reverted',
    { host: { ...FAILED, state: 'reverted' } },
    "web-1 failed on shop 1.5 ('front' failed), and went back to shop 1.4 (4f2a9c01b7de) 30 s ago.",
    "'front' failed · back on shop 1.4 (4f2a9c01b7de)",
  ],
  [
    'reverted for its telemetry',
    {
      host: {
        ...FAILED,
        state: 'reverted',
        failure: { failing_probes: ['telemetry'], output: '', at: '2026-05-01T11:59:30.000Z' },
        telemetry: verdict('regressed', 'memory grows by 80 MiB/min'),
      },
    },
    "web-1 failed on shop 1.5 ('telemetry' failed: memory grows by 80 MiB/min), and went back to shop 1.4 (4f2a9c01b7de) 30 s ago.",
    "'telemetry' failed · back on shop 1.4 (4f2a9c01b7de)",
  ],
  [
    'reverted for a probe that said why',
    {
      host: {
        ...FAILED,
        state: 'reverted',
        probes: [{ ...FRONT, status: 'fail', reason: 'no answer\nHTTP 502' }],
      },
    },
    "web-1 failed on shop 1.5 ('front' failed: HTTP 502), and went back to shop 1.4 (4f2a9c01b7de) 30 s ago.",
    "'front' failed · back on shop 1.4 (4f2a9c01b7de)",
  ],
  [
    'reverted to nothing',
    { host: { ...FAILED, state: 'reverted', previous_release: null } },
    "web-1 failed on shop 1.5 ('front' failed), and went back to nothing, as before the first deploy 30 s ago.",
    "'front' failed · back on nothing",
  ],
  [
    'converged',
    { host: { ...SOAKING, state: 'converged', telemetry: verdict('ok', 'CPU at 12 %') } },
    'web-1 converged 22 s ago: it runs shop 1.5, its soak passed, its telemetry ok (CPU at 12 %).',
    '',
  ],
];

describe('a host is explained that is', () => {
  for (const [what, given, expected, note] of rows) {
    it(what, () => {
      const host = rolloutHost('web-1', given.host);
      const moment = momentOf(given, [host]);
      assert.equal(explainHost(moment, host), expected);
      assert.equal(noteOf(moment, host), note);
    });
  }
});

describe('a rollout is explained that is', () => {
  const canary = rolloutHost('web-1', { ...SOAKING, state: 'converged' });
  const held = { gate: 'max_in_flight', reason: '5 hosts in flight, and max_in_flight is 5' };
  const rest = [2, 3].map((number) => rolloutHost(`web-${number}`, { wave: 1, held_by: held }));
  const rolloutRows: Array<[Partial<RolloutBody>, string]> = [
    [
      { current_wave: 1 },
      'The rollout ro_1 of shop 1.5 (9ad49925e0e3) has been under way for 2 min, in wave 2 of 2: of 3 hosts 1 converged, 2 pending; the first failure halts it. Nothing is in flight: 5 hosts in flight, and max_in_flight is 5.',
    ],
    [
      { failure_threshold: 2, version: null },
      'The rollout ro_1 of shop (9ad49925e0e3) has been under way for 2 min, in wave 1 of 2: of 3 hosts 1 converged, 2 pending; it tolerates 2 failures.',
    ],
    [
      { state: 'paused' },
      "The rollout ro_1 of shop 1.5 (9ad49925e0e3) has been paused for 2 min, so no further host is dispatched until 'nexus rollout resume ro_1': of 3 hosts 1 converged, 2 pending.",
    ],
    [
      { state: 'converged' },
      'The rollout ro_1 of shop 1.5 (9ad49925e0e3) converged 2 min ago: of 3 hosts 1 converged, 2 pending.',
    ],
    [
      { state: 'halted', reason: "'web-1' failed" },
      "The rollout ro_1 of shop 1.5 (9ad49925e0e3) was halted 2 min ago: 'web-1' failed; of 3 hosts 1 converged, 2 pending.",
    ],
    [
      { state: 'aborted', reason: 'aborted by an operator' },
      'The rollout ro_1 of shop 1.5 (9ad49925e0e3) was aborted by an operator 2 min ago; of 3 hosts 1 converged, 2 pending.',
    ],
    [
      { state: 'superseded', reason: 'superseded by rollout ro_2' },
      'The rollout ro_1 of shop 1.5 (9ad49925e0e3) was superseded by rollout ro_2 2 min ago; of 3 hosts 1 converged, 2 pending.',
    ],
  ];
  for (const [rollout, expected] of rolloutRows) {
    it(JSON.stringify(rollout), () => assert.equal(explainRollout(momentOf({ rollout }, [canary, ...rest])), expected));
  }

  it('large, without a word on hosts that are through, and with one line for those that wait alike', () => {
    const waiting = Array.from({ length: 7 }, (_, index) => rolloutHost(`web-${index}`, { wave: 1, held_by: held }));
    const lonely = rolloutHost('db-1', { held_by: { gate: 'host', reason: "'db-1' is offline" } });
    const [own, ...sentences] = explainAll(momentOf({}, [canary, rolloutHost('web-9', FAILED), lonely, ...waiting]));
    assert.match(own ?? '', /^The rollout ro_1/);
    assert.deepEqual(sentences, [
      "web-9 failed on shop 1.5 30 s ago: 'front' failed; its agent goes back to shop 1.4 (4f2a9c01b7de), and has not reported that yet.",
      "1 host waits (db-1): 'db-1' is offline.",
      '7 hosts wait (web-0, web-1, web-2, web-3, web-4 and 2 more): 5 hosts in flight, and max_in_flight is 5.',
    ]);
  });

  it('over, with those that it never reached', () => {
    const sentences = explainAll(momentOf({ rollout: { state: 'halted' } }, [canary, ...rest]));
    assert.deepEqual(sentences.slice(1), ['2 hosts were not touched (web-2, web-3).']);
  });

  it('as a document of the API, with explanations', () => {
    const moment = momentOf({}, [canary, ...rest]);
    const all = explainDocument(moment, undefined);
    assert.equal(all.explanation, explainRollout(moment));
    assert.deepEqual(
      all.hosts.map((host) => [host.name, host.wave, host.explanation.slice(0, 12)]),
      [
        ['web-2', 1, 'web-2 has be'],
        ['web-3', 1, 'web-3 has be'],
      ],
    );
    assert.deepEqual(
      explainDocument(moment, canary).hosts.map((host) => host.name),
      ['web-1'],
    );
  });
});

describe('a rollout is settled', () => {
  const settledRows: Array<[string, boolean, RolloutBody['state'], Partial<RolloutHostBody>, ReleasePolicy]> = [
    ['when it has converged', true, 'converged', { state: 'converged' }, POLICY],
    ['not while it goes on', false, 'active', { state: 'converged' }, POLICY],
    ['not while it is paused', false, 'paused', {}, POLICY],
    ['when it was aborted before anything began', true, 'aborted', {}, POLICY],
    ['not while a host is on its way', false, 'aborted', SOAKING, POLICY],
    ['not while an offer is out', false, 'aborted', { epoch: 1 }, POLICY],
    ['not while a rollback is owed', false, 'halted', FAILED, POLICY],
    ['when the policy leaves the failed release running', true, 'halted', FAILED, HALTING],
    ['when who owes a rollback was archived', true, 'halted', { ...FAILED, left: true }, POLICY],
    ['when the failed host is back', true, 'halted', { ...FAILED, state: 'reverted' }, POLICY],
  ];
  for (const [when, settled, state, host, policy] of settledRows) {
    it(when, () =>
      assert.equal(isSettled(momentOf({ rollout: { state }, policy }, [rolloutHost('a', host)])), settled),
    );
  }
});

describe('what only the log knows', () => {
  it('is why a host put its activation off: the last reason counts', () => {
    const events = [
      reported(1, 1, 'web-1', { type: 'activation_deferred', reason: 'disk is full' }),
      reported(2, 2, 'web-2', { type: 'dispatch_ack' }),
      reported(3, 3, 'web-1', { type: 'activation_deferred', reason: 'registry is away' }),
    ];
    assert.deepEqual([...deferralsOf(events)], [['web-1', 'registry is away']]);
  });

  it('the figures behind a verdict are shown as they are named', () => {
    const telemetry = { ...verdict('ok', 'x'), figures: { memory_growth_mb_per_minute: 0.2, peers_cpu_percent: null } };
    assert.deepEqual(figureLines(rolloutHost('a', { telemetry })), [
      ['memory growth mb per minute', '0.2'],
      ['peers cpu percent', 'not known'],
    ]);
    assert.deepEqual(figureLines(rolloutHost('a')), []);
  });
});
