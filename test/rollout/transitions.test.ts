/** Every pair of state and event, each with a new, a duplicate, a regressed and a conflicting number. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AGENT_EVENT_TYPES, type AgentEventType, HOST_STATES, type HostState } from '../../src/domain/rollout.ts';
import { classifySeq } from '../../src/rollout/classify-seq.ts';
import { decideEvent } from '../../src/rollout/decide-event.ts';
import { evolveHost } from '../../src/rollout/evolve-host.ts';
import { EVENTS, NOON_MS, rolloutWith, sampleHost, samplePlan } from './sample-rollout.ts';

/** The contract's table in full; null: refused. */
const NEXT: Record<HostState, Record<AgentEventType, HostState | null>> = {
  pending: {
    dispatch_ack: 'activating',
    dispatch_refused: 'pending',
    activation_started: null,
    activation_completed: null,
    activation_deferred: null,
    activation_failed: null,
    probe_topology_declared: null,
    probe_observed_first: null,
    probe_result: null,
    probe_failure_first: null,
    failed: null,
    rollback_completed: null,
    rollback_failed: null,
    converged: null,
  },
  activating: {
    dispatch_ack: null,
    dispatch_refused: null,
    activation_started: 'activating',
    activation_completed: 'soaking',
    activation_deferred: 'deferred',
    activation_failed: 'failed',
    probe_topology_declared: null,
    probe_observed_first: null,
    probe_result: null,
    probe_failure_first: null,
    failed: null,
    rollback_completed: null,
    rollback_failed: null,
    converged: null,
  },
  deferred: {
    dispatch_ack: null,
    dispatch_refused: null,
    activation_started: 'deferred',
    activation_completed: 'soaking',
    activation_deferred: null,
    activation_failed: 'failed',
    probe_topology_declared: null,
    probe_observed_first: null,
    probe_result: null,
    probe_failure_first: null,
    failed: null,
    rollback_completed: null,
    rollback_failed: null,
    converged: null,
  },
  soaking: {
    dispatch_ack: null,
    dispatch_refused: null,
    activation_started: null,
    activation_completed: null,
    activation_deferred: null,
    activation_failed: null,
    probe_topology_declared: 'soaking',
    probe_observed_first: 'soaking',
    probe_result: 'soaking',
    probe_failure_first: 'soaking',
    failed: 'failed',
    rollback_completed: null,
    rollback_failed: null,
    converged: 'converged',
  },
  failed: {
    dispatch_ack: null,
    dispatch_refused: null,
    activation_started: null,
    activation_completed: null,
    activation_deferred: null,
    activation_failed: null,
    probe_topology_declared: null,
    probe_observed_first: null,
    probe_result: null,
    probe_failure_first: null,
    failed: null,
    rollback_completed: 'reverted',
    rollback_failed: 'failed',
    converged: null,
  },
  converged: {
    dispatch_ack: null,
    dispatch_refused: null,
    activation_started: null,
    activation_completed: null,
    activation_deferred: null,
    activation_failed: null,
    probe_topology_declared: null,
    probe_observed_first: null,
    probe_result: null,
    probe_failure_first: null,
    failed: null,
    rollback_completed: null,
    rollback_failed: null,
    converged: null,
  },
  reverted: {
    dispatch_ack: null,
    dispatch_refused: null,
    activation_started: null,
    activation_completed: null,
    activation_deferred: null,
    activation_failed: null,
    probe_topology_declared: null,
    probe_observed_first: null,
    probe_result: null,
    probe_failure_first: null,
    failed: null,
    rollback_completed: null,
    rollback_failed: null,
    converged: null,
  },
};

const PAIRS = HOST_STATES.flatMap((state) => AGENT_EVENT_TYPES.map((type) => ({ state, type })));

test('there are 98 pairs', () => assert.equal(PAIRS.length, 98));

for (const { state, type } of PAIRS) {
  const host = sampleHost(state);
  const event = EVENTS[type];
  const next = NEXT[state][type];

  test(`${state} and a new ${type}: ${next ?? 'refused'}`, () => {
    assert.equal(classifySeq(host.lastSeq, 5, 'this body', undefined), 'new');
    const numbered = { seq: 5, bodyDigest: 'this body', event };
    const decision = decideEvent(rolloutWith(host), 'web-1', numbered, NOON_MS);
    if (next === null) {
      assert.deepEqual(decision, { ok: false, refusal: `a host that is ${state} cannot report ${type} (event 5)` });
      assert.throws(() => evolveHost(host, numbered, samplePlan(), NOON_MS), /invariant broken: 'web-1'/);
      return;
    }
    const [reported] = decision.ok ? decision.entries : [];
    assert.deepEqual(reported, { kind: 'host_reported', host: 'web-1', numbered });
    const evolved = evolveHost(host, numbered, samplePlan(), NOON_MS);
    assert.deepEqual([evolved.state, evolved.lastSeq], [next, 5]);
    assert.equal(evolved.stateSinceMs, next === state ? NOON_MS - 60_000 : NOON_MS);
  });

  for (const { what, seq, stored, verdict } of [
    { what: 'a duplicate', seq: 4, stored: 'this body', verdict: 'duplicate' },
    { what: 'a regressed', seq: 2, stored: 'this body', verdict: 'duplicate' },
    { what: 'a regressed and never applied', seq: 3, stored: undefined, verdict: 'duplicate' },
    { what: 'a conflicting', seq: 4, stored: 'another body', verdict: 'conflict' },
    { what: 'a regressed and conflicting', seq: 1, stored: 'another body', verdict: 'conflict' },
  ] as const) {
    test(`${state} and ${what} ${type}: ${verdict}, and nothing moves`, () => {
      assert.equal(classifySeq(host.lastSeq, seq, 'this body', stored), verdict);
      const numbered = { seq, bodyDigest: 'this body', event };
      assert.deepEqual(decideEvent(rolloutWith(host), 'web-1', numbered, NOON_MS), {
        ok: false,
        refusal: `event ${seq} must have a higher number than the last one, 4`,
      });
    });
  }
}
