import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReleasePolicy } from '../../src/domain/release.ts';
import type { HostState } from '../../src/domain/rollout.ts';
import { explainHost } from '../../src/rollout/explain-host.ts';
import { sceneOf } from '../../src/rollout/gates/gate.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { FakeFleet } from './fake-fleet.ts';
import { FACTS, NOON_MS, numbered, POLICY, SOAK_MS, sampleRollout } from './sample-rollout.ts';

const NOON = '2031-01-08T12:00:00.000Z';

for (const { given, state, rollout: happen, fleet: set, policy, nowMs, sentence } of [
  { given: 'nothing in the way', sentence: '«web-1» is next' },
  {
    given: 'a host offline',
    fleet: (fleet) => fleet.statuses.set('web-1', 'offline'),
    sentence: '«web-1» is offline: it follows when it is back',
  },
  { given: 'an offer', state: 'pending', sentence: `«web-1» is told since ${NOON}, and has not acknowledged it` },
  {
    given: 'an activation',
    state: 'activating',
    sentence: `«web-1» brings sha256:aaaaaaaaaaaa… up since ${NOON}`,
  },
  {
    given: 'a deferral',
    state: 'deferred',
    sentence: `«web-1» put the activation off at ${NOON}, and tries again by itself`,
  },
  { given: 'a soak', state: 'soaking', sentence: '«web-1» soaks until 2031-01-08T12:01:00.000Z' },
  {
    given: 'a soak that is over',
    state: 'soaking',
    nowMs: NOON_MS + SOAK_MS,
    sentence: '«web-1» soaks and is about to say how that went',
  },
  {
    given: 'a soak that goes badly',
    state: 'soaking',
    rollout: (rollout) => {
      const fail = numbered(7, FACTS.probe_failure_first);
      rollout.apply({ kind: 'host_reported', host: 'web-1', numbered: fail }, NOON_MS);
      const verdict = { status: 'watch', sinceMs: NOON_MS, reason: 'memory grows', figures: {} } as const;
      rollout.apply({ kind: 'telemetry_judged', host: 'web-1', verdict }, NOON_MS);
    },
    sentence: '«web-1» soaks until 2031-01-08T12:01:00.000Z; failing: «http»; telemetry (watch): memory grows',
  },
  {
    given: 'a failure with a way back',
    state: 'failed',
    sentence: `«web-1» failed at ${NOON} («http»); it goes back to sha256:bbbbbbbbbbbb…`,
  },
  {
    given: 'a failure that stays',
    state: 'failed',
    policy: { onHealthFailure: 'halt' },
    sentence: `«web-1» failed at ${NOON} («http»); the release stays as it is, to be looked at`,
  },
  {
    given: 'an activation that failed',
    state: 'activating',
    rollout: (rollout) => {
      const failed = numbered(7, { ...FACTS.activation_failed, stderrTail: 'pulling\nno such image\n' });
      rollout.apply({ kind: 'host_reported', host: 'web-1', numbered: failed }, NOON_MS);
    },
    sentence: `«web-1» failed at ${NOON}: no such image; it goes back to sha256:bbbbbbbbbbbb…`,
  },
  {
    given: 'a host that went back',
    state: 'reverted',
    sentence: `«web-1» failed («http»), and is back on sha256:bbbbbbbbbbbb… since ${NOON}`,
  },
  {
    given: 'a host that converged',
    state: 'converged',
    sentence: '«web-1» runs sha256:aaaaaaaaaaaa… since 2031-01-08T12:01:00.000Z',
  },
  {
    given: 'a host that was archived',
    rollout: (rollout) => rollout.apply({ kind: 'host_left', host: 'web-1' }, NOON_MS),
    sentence: '«web-1» is archived: nothing is expected of it any more',
  },
] as ReadonlyArray<{
  given: string;
  state?: HostState;
  rollout?: (rollout: Rollout) => void;
  fleet?: (fleet: FakeFleet) => void;
  policy?: Partial<ReleasePolicy>;
  nowMs?: number;
  sentence: string;
}>) {
  test(`${given} is explained in one sentence`, () => {
    const fleet = new FakeFleet();
    set?.(fleet);
    const states = state === undefined ? {} : { 'web-1': state };
    const rollout = sampleRollout(states, { failureThreshold: 1, policy: { ...POLICY, ...policy } });
    happen?.(rollout);
    assert.equal(explainHost(sceneOf(rollout, fleet, nowMs ?? NOON_MS), 'web-1'), sentence);
  });
}

test('a stranger is not explained', () => {
  assert.equal(explainHost(sceneOf(sampleRollout(), new FakeFleet(), NOON_MS), 'nobody'), null);
});
