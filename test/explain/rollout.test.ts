/** Rollouts explained in whole sentences. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ReleasePolicy } from '../../src/domain/release.ts';
import { evidenceLines, explainAll, explainDocument, explainRollout, figureLines } from '../../src/explain/rollout.ts';
import { isSettled } from '../../src/explain/snapshot.ts';
import type { Sentence, Tone } from '../../src/explain/tone.ts';
import type { RolloutBody, RolloutHostBody } from '../../src/wire/rollout.ts';
import { rolloutHost } from '../client/sample-rollouts.ts';
import { FAILED, HALTING, POLICY, SOAKING, snapshotOf, verdict } from './sample-snapshots.ts';

const texts = (sentences: readonly Sentence[]): string[] => sentences.map(({ text }) => text);

describe('a rollout is explained that is', () => {
  const canary = rolloutHost('web-1', { ...SOAKING, state: 'converged' });
  const held = { gate: 'max_in_flight', reason: '5 hosts in flight, and max_in_flight is 5' };
  const rest = [2, 3].map((number) => rolloutHost(`web-${number}`, { wave: 1, held_by: held }));
  const rolloutRows: Array<[Partial<RolloutBody>, string, Tone]> = [
    [
      { current_wave: 1 },
      'Rollout ro_1 of shop 1.5 (9ad49925e0e3) has been running for 2 min and is in wave 2 of 2. Hosts: 1 converged, 2 pending. The first failure halts it. Nothing is in flight: 5 hosts in flight, and max_in_flight is 5.',
      'active',
    ],
    [
      { failure_threshold: 2, version: null },
      'Rollout ro_1 of shop (9ad49925e0e3) has been running for 2 min and is in wave 1 of 2. Hosts: 1 converged, 2 pending. It tolerates 2 failures.',
      'active',
    ],
    [
      { state: 'paused' },
      "Rollout ro_1 of shop 1.5 (9ad49925e0e3) has been paused for 2 min: no further host is dispatched until 'nexus rollout resume ro_1'. Hosts: 1 converged, 2 pending.",
      'warning',
    ],
    [
      { state: 'converged' },
      'Rollout ro_1 of shop 1.5 (9ad49925e0e3) converged 2 min ago. Hosts: 1 converged, 2 pending.',
      'good',
    ],
    [
      { state: 'halted', reason: "'web-1' failed" },
      "Rollout ro_1 of shop 1.5 (9ad49925e0e3) was halted 2 min ago: 'web-1' failed. Hosts: 1 converged, 2 pending.",
      'bad',
    ],
    [
      { state: 'aborted', reason: 'aborted by an operator' },
      'Rollout ro_1 of shop 1.5 (9ad49925e0e3) was aborted by an operator 2 min ago. Hosts: 1 converged, 2 pending.',
      'bad',
    ],
    [
      { state: 'superseded', reason: 'superseded by rollout ro_2' },
      'Rollout ro_1 of shop 1.5 (9ad49925e0e3) was superseded by rollout ro_2 2 min ago. Hosts: 1 converged, 2 pending.',
      'muted',
    ],
  ];
  for (const [rollout, text, tone] of rolloutRows) {
    it(JSON.stringify(rollout), () =>
      assert.deepEqual(explainRollout(snapshotOf({ rollout }, [canary, ...rest])), { text, tone }),
    );
  }

  it('converged in this very second', () => {
    const { text } = explainRollout(
      snapshotOf({ rollout: { state: 'converged', state_since: '2026-05-01T12:00:00.000Z' } }, [canary]),
    );
    assert.equal(text, 'Rollout ro_1 of shop 1.5 (9ad49925e0e3) converged just now. Hosts: 1 converged.');
  });

  it('large: hosts that have converged are left out, and those that wait for the same share a line', () => {
    const waiting = Array.from({ length: 7 }, (_, index) => rolloutHost(`web-${index}`, { wave: 1, held_by: held }));
    const lonely = rolloutHost('db-1', { held_by: { gate: 'host', reason: "'db-1' is offline" } });
    const [own, ...sentences] = explainAll(snapshotOf({}, [canary, rolloutHost('web-9', FAILED), lonely, ...waiting]));
    assert.match(own?.text ?? '', /^Rollout ro_1/);
    assert.deepEqual(texts(sentences), [
      "web-9 failed on shop 1.5 (9ad49925e0e3) 30 s ago: probe 'front' failed; its agent is rolling back to shop 1.4 (4f2a9c01b7de), and has not reported the result yet.",
      "1 host is waiting (db-1): 'db-1' is offline.",
      '7 hosts are waiting (web-0, web-1, web-2, web-3, web-4 and 2 more): 5 hosts in flight, and max_in_flight is 5.',
    ]);
  });

  it('over: with the hosts that it never reached', () => {
    const sentences = explainAll(snapshotOf({ rollout: { state: 'halted' } }, [canary, ...rest]));
    assert.deepEqual(texts(sentences.slice(1)), ['2 hosts were not touched (web-2, web-3).']);
  });

  it('as a document of the API, with explanations', () => {
    const snapshot = snapshotOf({}, [canary, ...rest]);
    const all = explainDocument(snapshot, undefined);
    assert.equal(all.explanation, explainRollout(snapshot).text);
    assert.deepEqual(
      all.hosts.map((host) => [host.name, host.wave, host.explanation.slice(0, 12)]),
      [
        ['web-2', 1, 'web-2 has be'],
        ['web-3', 1, 'web-3 has be'],
      ],
    );
    assert.deepEqual(
      explainDocument(snapshot, canary).hosts.map((host) => host.name),
      ['web-1'],
    );
  });
});

describe('a rollout is settled', () => {
  const settledRows: Array<[string, boolean, RolloutBody['state'], Partial<RolloutHostBody>, ReleasePolicy]> = [
    ['when it has converged', true, 'converged', { state: 'converged' }, POLICY],
    ['not while it is running', false, 'active', { state: 'converged' }, POLICY],
    ['not while it is paused', false, 'paused', {}, POLICY],
    ['when it was aborted before anything began', true, 'aborted', {}, POLICY],
    ['not while a host is in flight', false, 'aborted', SOAKING, POLICY],
    ['not while a host is offered the release', false, 'aborted', { epoch: 1 }, POLICY],
    ['not while a rollback is owed', false, 'halted', FAILED, POLICY],
    ['when the policy leaves the failed release running', true, 'halted', FAILED, HALTING],
    ['when the host that owes a rollback was archived', true, 'halted', { ...FAILED, left: true }, POLICY],
    ['when the failed host is rolled back', true, 'halted', { ...FAILED, state: 'reverted' }, POLICY],
  ];
  for (const [when, settled, state, host, policy] of settledRows) {
    it(when, () =>
      assert.equal(isSettled(snapshotOf({ rollout: { state }, policy }, [rolloutHost('a', host)])), settled),
    );
  }
});

it('below a host stands what its services left behind, and what its rollback printed', () => {
  const evidence = [
    { service: 'web', exit_code: 137, oom_killed: true, log_tail: 'allocating\n\nmore\n' },
    { service: 'db', exit_code: null, oom_killed: false, log_tail: '' },
  ];
  const failure = { failing_probes: [], output: '', at: '2026-05-01T11:59:30.000Z', trouble: null, evidence };
  const stuck = { exit_code: 1, output: 'Pulling web\nno such image\n', at: '2026-05-01T11:59:50.000Z' };
  assert.deepEqual(evidenceLines(rolloutHost('a', { state: 'failed', failure, rollback_failure: stuck })), [
    "service 'web' ended with code 137 because it was out of memory, and printed last:",
    '  allocating',
    '  more',
    "service 'db' has printed nothing",
    'the last attempt to go back ended with code 1:',
    '  Pulling web',
    '  no such image',
  ]);
  assert.deepEqual(evidenceLines(rolloutHost('a')), []);
});

describe('figures', () => {
  it('the figures behind a verdict are shown as they are named', () => {
    const telemetry = { ...verdict('ok', 'x'), figures: { memory_growth_mb_per_minute: 0.2, peers_cpu_percent: null } };
    assert.deepEqual(figureLines(rolloutHost('a', { telemetry })), [
      ['memory growth mb per minute', '0.2'],
      ['peers cpu percent', 'unknown'],
    ]);
    assert.deepEqual(figureLines(rolloutHost('a')), []);
  });
});
