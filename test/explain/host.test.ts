/** Why each host is where it is, state by state and reason by reason, as whole sentences. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { explainHost } from '../../src/explain/host.ts';
import { noteOf } from '../../src/explain/host-summary.ts';
import type { Tone } from '../../src/explain/tone.ts';
import type { RolloutHostBody } from '../../src/wire/rollout.ts';
import { rolloutHost } from '../client/sample-rollouts.ts';
import {
  ACTIVE,
  FAILED,
  FRONT,
  type Given,
  HALTING,
  POLICY,
  SOAKING,
  snapshotOf,
  verdict,
  withTelemetry,
} from './sample-snapshots.ts';

const rows: Array<[what: string, Given, sentence: string, note: string]> = [
  [
    'pending and held',
    { host: { held_by: { gate: 'host', reason: "'web-1' is offline: it follows when it is back" } } },
    "web-1 has been pending for 2 min, held by the 'host' gate: 'web-1' is offline: it follows when it is back.",
    "'web-1' is offline: it follows when it is back",
  ],
  [
    'pending in a later wave',
    { host: { wave: 1, held_by: { gate: 'wave', reason: "wave 2 of 2 has not begun: 'web-0' is soaking" } } },
    "web-1 has been pending for 2 min, held by the 'wave' gate: wave 2 of 2 has not begun: 'web-0' is soaking.",
    'waits for wave 1',
  ],
  ['pending, and next', { host: {} }, 'web-1 has been pending for 2 min; nothing holds it, so it is next.', 'next'],
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
    'offline in its activation',
    { host: { ...ACTIVE, state: 'activating', offline_since: '2026-05-01T11:58:00.000Z' } },
    'web-1 is offline since 2026-05-01T11:58:00.000Z, in its activation of shop 1.5 (9ad49925e0e3): it goes on when it is back, and is lost, which stalls the rollout, after 10 min of silence.',
    'is offline since 2026-05-01T11:58:00.000Z, in its activation',
  ],
  [
    'offline in its soak, where a lost host fails',
    {
      host: { ...SOAKING, offline_since: '2026-05-01T11:58:00.000Z' },
      policy: { ...POLICY, onLostHost: 'fail' },
    },
    'web-1 is offline since 2026-05-01T11:58:00.000Z, in its soak of shop 1.5 (9ad49925e0e3): it goes on when it is back, and fails as lost after 10 min of silence.',
    'is offline since 2026-05-01T11:58:00.000Z, in its soak',
  ],
  [
    'lost in its activation',
    {
      host: {
        ...ACTIVE,
        state: 'deferred',
        offline_since: '2026-05-01T11:50:00.000Z',
        lost_at: '2026-05-01T12:00:00.000Z',
      },
    },
    "web-1 is offline since 2026-05-01T11:50:00.000Z, in its activation of shop 1.5 (9ad49925e0e3): it is lost, so the rollout has stalled; it goes on when the host is back, or without it once 'nexus host archive web-1' says that it is gone.",
    'lost: it is offline since 2026-05-01T11:50:00.000Z, in its activation',
  ],
  [
    'failed because it was lost',
    {
      host: {
        ...FAILED,
        offline_since: '2026-05-01T11:50:00.000Z',
        failure: {
          failing_probes: [],
          output: 'offline since 2026-05-01T11:50:00.000Z, which is longer than 600 s (activation_timeout_seconds)',
          at: '2026-05-01T11:59:30.000Z',
          trouble: 'lost',
          evidence: [],
        },
      },
    },
    'web-1 failed on shop 1.5 (9ad49925e0e3) 30 s ago: it was lost: offline since 2026-05-01T11:50:00.000Z, which is longer than 600 s (activation_timeout_seconds); it is offline since 2026-05-01T11:50:00.000Z, and goes back to shop 1.4 (4f2a9c01b7de) by itself once it is there again.',
    'it was lost: offline since 2026-05-01T11:50:00.000Z, which is longer than 600 s (activation_timeout_seconds) · offline since 2026-05-01T11:50:00.000Z',
  ],
  [
    'failed, and offline on its way back',
    { host: { ...FAILED, previous_release: null, offline_since: '2026-05-01T11:50:00.000Z' } },
    "web-1 failed on shop 1.5 (9ad49925e0e3) 30 s ago: probe 'front' failed; it is offline since 2026-05-01T11:50:00.000Z, and removes it by itself and reports that once it is back.",
    "probe 'front' failed · offline since 2026-05-01T11:50:00.000Z",
  ],
  [
    'offered',
    { host: { epoch: 3, dispatched_at: '2026-05-01T11:59:20.000Z' } },
    "web-1 was offered shop 1.5 (9ad49925e0e3) 40 s ago, but its agent has not accepted it yet: it will once 'nexus agent --rollouts' runs there and reaches the server.",
    'offered, not accepted by its agent yet',
  ],
  [
    'archived before its turn',
    { host: { left: true } },
    'web-1 was archived while it was pending, so nothing more is expected of it.',
    'archived',
  ],
  [
    'archived in its soak',
    { host: { ...SOAKING, left: true } },
    'web-1 was archived while it was soaking, so nothing more is expected of it.',
    'archived',
  ],
  [
    'activating',
    { host: { ...ACTIVE, state: 'activating', state_since: '2026-05-01T11:59:30.000Z' } },
    'web-1 has been activating shop 1.5 (9ad49925e0e3) for 30 s: its agent is pulling images and starting containers; images have 30 min to arrive, and containers 10 min to start.',
    'pulling images and starting containers',
  ],
  [
    'activating for too long',
    { host: { ...ACTIVE, state: 'activating', state_since: '2026-05-01T11:19:00.000Z' } },
    'web-1 has been activating shop 1.5 (9ad49925e0e3) for 41 min: its agent is pulling images and starting containers; both should have ended after 40 min at the latest, so its agent is unreachable or has not reported yet.',
    'pulling images and starting containers',
  ],
  [
    'deferred',
    {
      host: {
        ...ACTIVE,
        state: 'deferred',
        state_since: '2026-05-01T11:59:00.000Z',
        deferral: { class: 'registry', reason: 'Pulling web\nit answers 429', at: '2026-05-01T11:59:00.000Z' },
      },
    },
    'web-1 deferred the activation of shop 1.5 (9ad49925e0e3) 1 min ago because of trouble with its registry (it answers 429), and tries again by itself for at most 30 min.',
    'waits because of trouble with its registry (it answers 429)',
  ],
  [
    'going on after it was deferred',
    { host: { ...ACTIVE, state: 'deferred', state_since: '2026-05-01T11:59:00.000Z' } },
    'web-1 deferred the activation of shop 1.5 (9ad49925e0e3) 1 min ago, and has gone on with it since.',
    'goes on after it was deferred',
  ],
  [
    'deferred for a reason of no known class',
    {
      host: {
        ...ACTIVE,
        state: 'deferred',
        state_since: '2026-05-01T11:59:00.000Z',
        deferral: { class: null, reason: 'the moon is full', at: '2026-05-01T11:59:00.000Z' },
      },
    },
    'web-1 deferred the activation of shop 1.5 (9ad49925e0e3) 1 min ago because of the moon is full, and tries again by itself for at most 30 min.',
    'waits because of the moon is full',
  ],
  [
    'offered again after a refusal',
    {
      host: {
        ...ACTIVE,
        refusal: { reason: 'epoch', detail: 'its epoch 3 is lower than 7', at: '2026-05-01T11:59:10.000Z' },
      },
    },
    'web-1 was offered shop 1.5 (9ad49925e0e3) again 40 s ago, after its agent did not accept the offer before: its epoch 3 is lower than 7.',
    'offered, not accepted by its agent yet',
  ],
  [
    'failed by trouble of its own',
    {
      host: {
        ...FAILED,
        failure: {
          failing_probes: [],
          output: 'Pulling\nconnection refused\n',
          at: '2026-05-01T11:59:30.000Z',
          trouble: 'registry',
          evidence: [],
        },
      },
    },
    'web-1 failed on shop 1.5 (9ad49925e0e3) 30 s ago: trouble with its registry lasted too long, for which the release is not to blame: connection refused; its agent is rolling back to shop 1.4 (4f2a9c01b7de), and has not reported the result yet.',
    'trouble with its registry lasted too long, for which the release is not to blame: connection refused · rolling back',
  ],
  [
    'failed, and the rollback fails as well',
    {
      host: {
        ...FAILED,
        rollback_failure: { exit_code: 1, output: 'Pulling\nno such image', at: '2026-05-01T11:59:50.000Z' },
      },
    },
    "web-1 failed on shop 1.5 (9ad49925e0e3) 30 s ago: probe 'front' failed; its agent could not bring back shop 1.4 (4f2a9c01b7de) 10 s ago (no such image) and keeps trying; a newer release may take the host over, and 'nexus rollout abort ro_1 --force --host web-1' gives it up.",
    "probe 'front' failed · cannot be rolled back for now: no such image",
  ],
  [
    'given up',
    { host: { ...FAILED, left: true, dropped: 'moved away' } },
    "web-1 failed on shop 1.5 (9ad49925e0e3) 30 s ago: probe 'front' failed; the rollout gave it up (moved away).",
    "probe 'front' failed · moved away",
  ],
  [
    'soaking without probes or telemetry',
    { host: SOAKING },
    'web-1 has been soaking shop 1.5 (9ad49925e0e3) for 22 s: 38 s of its 1 min soak remain; no probe is enforced; its telemetry has not been judged yet.',
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
    'web-1 has been soaking shop 1.5 (9ad49925e0e3) for 22 s: 38 s of its 1 min soak remain; all 2 probes pass; its telemetry is ok (memory grows by 0.2 MiB/min).',
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
    "web-1 has been soaking shop 1.5 (9ad49925e0e3) for 22 s: 38 s of its 1 min soak remain; 1 of 2 enforced probes pass, and 'db' has no result yet; its telemetry has not been judged yet.",
    '38 s of soak left · 1 of 2 probes pass',
  ],
  [
    'soaking with a probe that fails',
    { host: { ...SOAKING, probes: [{ ...FRONT, status: 'fail', reason: 'no answer\nHTTP 502' }] } },
    "web-1 has been soaking shop 1.5 (9ad49925e0e3) for 22 s: 38 s of its 1 min soak remain; probe 'front' has been failing for 8 s (HTTP 502) and fails the host after 15 s; its telemetry has not been judged yet.",
    "38 s of soak left · probe 'front' failing for 8 s: HTTP 502",
  ],
  [
    'soaking beyond a limit of its telemetry',
    { host: { ...SOAKING, telemetry: verdict('watch', 'memory grows by 80 MiB/min') } },
    'web-1 has been soaking shop 1.5 (9ad49925e0e3) for 22 s: 38 s of its 1 min soak remain; no probe is enforced; its telemetry has been beyond a limit for 12 s (memory grows by 80 MiB/min), which keeps it from converging and fails the host after 15 s.',
    '38 s of soak left · telemetry: memory grows by 80 MiB/min',
  ],
  [
    'soaking with memory that has not settled',
    {
      host: {
        ...SOAKING,
        telemetry: { ...verdict('watch', 'memory grows by 80 MiB/min'), figures: { limits_exceeded: 0 } },
      },
    },
    'web-1 has been soaking shop 1.5 (9ad49925e0e3) for 22 s: 38 s of its 1 min soak remain; no probe is enforced; its memory has not settled (memory grows by 80 MiB/min), which keeps it from converging.',
    '38 s of soak left · telemetry: memory grows by 80 MiB/min',
  ],
  [
    'soaking and failed by its telemetry',
    { host: { ...SOAKING, telemetry: verdict('regressed', 'CPU is at 180%') } },
    'web-1 has been soaking shop 1.5 (9ad49925e0e3) for 22 s: 38 s of its 1 min soak remain; no probe is enforced; its telemetry has regressed (CPU is at 180%), and its agent has been told to fail it.',
    '38 s of soak left · telemetry: CPU is at 180%',
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
    'web-1 has been soaking shop 1.5 (9ad49925e0e3) for 22 s: its 1 min soak is over, and its agent has yet to report that it converged; no probe is enforced; its telemetry has not been judged yet (no telemetry of the stack arrived in the soak).',
    'soak over, waiting for its agent to report · telemetry not judged',
  ],
  [
    'soaking without the telemetry that is required',
    { host: SOAKING, policy: withTelemetry('required') },
    'web-1 has been soaking shop 1.5 (9ad49925e0e3) for 22 s: 38 s of its 1 min soak remain; no probe is enforced; its telemetry has not been judged yet, which the release requires.',
    '38 s of soak left',
  ],
  [
    'soaking without a look at its telemetry',
    { host: SOAKING, policy: withTelemetry('off') },
    'web-1 has been soaking shop 1.5 (9ad49925e0e3) for 22 s: 38 s of its 1 min soak remain; no probe is enforced; the release does not judge telemetry.',
    '38 s of soak left',
  ],
  [
    'failed, going back',
    { host: FAILED },
    "web-1 failed on shop 1.5 (9ad49925e0e3) 30 s ago: probe 'front' failed; its agent is rolling back to shop 1.4 (4f2a9c01b7de), and has not reported the result yet.",
    "probe 'front' failed · rolling back",
  ],
  [
    'failed on a first deploy',
    { host: { ...FAILED, previous_release: null } },
    "web-1 failed on shop 1.5 (9ad49925e0e3) 30 s ago: probe 'front' failed; its agent is removing it, because nothing ran there before, and has not reported the result yet.",
    "probe 'front' failed · rolling back",
  ],
  [
    'failed and left running',
    { host: FAILED, policy: HALTING },
    "web-1 failed on shop 1.5 (9ad49925e0e3) 30 s ago: probe 'front' failed; the release's policy is 'halt', so it is left running for inspection.",
    "probe 'front' failed · left running",
  ],
  [
    'failed to start',
    {
      host: {
        ...FAILED,
        failure: {
          failing_probes: [],
          output: 'Pulling\nmanifest unknown\n',
          at: '2026-05-01T11:59:30.000Z',
          trouble: null,
          evidence: [],
        },
      },
    },
    'web-1 failed on shop 1.5 (9ad49925e0e3) 30 s ago: the activation failed: manifest unknown; its agent is rolling back to shop 1.4 (4f2a9c01b7de), and has not reported the result yet.',
    'the activation failed: manifest unknown · rolling back',
  ],
  [
    'reverted',
    { host: { ...FAILED, state: 'reverted' } },
    "web-1 failed on shop 1.5 (9ad49925e0e3) because probe 'front' failed, and was rolled back to shop 1.4 (4f2a9c01b7de) 30 s ago.",
    "probe 'front' failed · back on shop 1.4 (4f2a9c01b7de)",
  ],
  [
    'reverted for its telemetry',
    {
      host: {
        ...FAILED,
        state: 'reverted',
        failure: {
          failing_probes: ['telemetry'],
          output: '',
          at: '2026-05-01T11:59:30.000Z',
          trouble: null,
          evidence: [],
        },
        telemetry: verdict('regressed', 'memory grows by 80 MiB/min'),
      },
    },
    'web-1 failed on shop 1.5 (9ad49925e0e3) because its telemetry regressed (memory grows by 80 MiB/min), and was rolled back to shop 1.4 (4f2a9c01b7de) 30 s ago.',
    'its telemetry regressed · back on shop 1.4 (4f2a9c01b7de)',
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
    "web-1 failed on shop 1.5 (9ad49925e0e3) because probe 'front' failed (HTTP 502), and was rolled back to shop 1.4 (4f2a9c01b7de) 30 s ago.",
    "probe 'front' failed · back on shop 1.4 (4f2a9c01b7de)",
  ],
  [
    'reverted to a release that was unwell before',
    {
      host: {
        ...FAILED,
        state: 'reverted',
        rollback_failure: { exit_code: 1, output: 'container shop-db-1 is unhealthy', at: '2026-05-01T11:59:30.000Z' },
      },
    },
    "web-1 failed on shop 1.5 (9ad49925e0e3) because probe 'front' failed, and was rolled back to shop 1.4 (4f2a9c01b7de) 30 s ago, where it is as unwell as it was before (container shop-db-1 is unhealthy).",
    "probe 'front' failed · back on shop 1.4 (4f2a9c01b7de)",
  ],
  [
    'reverted to nothing',
    { host: { ...FAILED, state: 'reverted', previous_release: null } },
    "web-1 failed on shop 1.5 (9ad49925e0e3) because probe 'front' failed, and was rolled back 30 s ago: it runs nothing now, because this was its first deploy.",
    "probe 'front' failed · runs nothing now (first deploy)",
  ],
  [
    'converged',
    { host: { ...SOAKING, state: 'converged', telemetry: verdict('ok', 'CPU at 12%') } },
    'web-1 converged 22 s ago: it runs shop 1.5 (9ad49925e0e3), its soak passed, and its telemetry was ok (CPU at 12%).',
    '',
  ],
];

describe('a host is explained that is', () => {
  for (const [what, given, expected, note] of rows) {
    it(what, () => {
      const host = rolloutHost('web-1', given.host);
      const snapshot = snapshotOf(given, [host]);
      assert.equal(explainHost(snapshot, host).text, expected);
      assert.equal(noteOf(snapshot, host).text, note);
    });
  }
});

describe('what is said of a host is meant as', () => {
  const failing: Partial<RolloutHostBody> = { ...SOAKING, probes: [{ ...FRONT, status: 'fail' }] };
  const toneRows: Array<[what: string, Partial<RolloutHostBody>, sentence: Tone, note: Tone]> = [
    ['pending', {}, 'muted', 'muted'],
    ['offered', { epoch: 3 }, 'active', 'muted'],
    ['activating', { ...ACTIVE, state: 'activating' }, 'active', 'muted'],
    ['deferred', { ...ACTIVE, state: 'deferred' }, 'warning', 'muted'],
    ['soaking', SOAKING, 'active', 'muted'],
    ['soaking with a probe that fails', failing, 'warning', 'warning'],
    ['soaking beyond a limit', { ...SOAKING, telemetry: verdict('watch', 'x') }, 'warning', 'warning'],
    ['failed', FAILED, 'bad', 'bad'],
    ['reverted', { ...FAILED, state: 'reverted' }, 'bad', 'bad'],
    ['converged', { ...SOAKING, state: 'converged' }, 'good', 'muted'],
    ['archived', { ...failing, left: true }, 'muted', 'muted'],
  ];
  for (const [what, changes, sentence, note] of toneRows) {
    it(`${sentence} when it is ${what}`, () => {
      const host = rolloutHost('web-1', changes);
      const snapshot = snapshotOf({}, [host]);
      assert.equal(explainHost(snapshot, host).tone, sentence);
      assert.equal(noteOf(snapshot, host).tone, note);
    });
  }
});
