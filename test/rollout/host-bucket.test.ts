/** Which hosts of a rollout that has ended a newer one may take over. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOST_STATES, type HostState, type RolloutHost, type RolloutStatus } from '../../src/domain/rollout.ts';
import { yieldsToNewer } from '../../src/rollout/host-bucket.ts';
import { NOON_MS, sampleHost } from './sample-rollout.ts';

const STUCK = { rollbackFailure: { exitCode: 1, output: 'no such image', atMs: NOON_MS } };
const YIELDING: ReadonlySet<HostState> = new Set(['soaking', 'deferred']);

for (const state of HOST_STATES) {
  test(`${state} ${YIELDING.has(state) ? 'yields' : 'does not yield'} once its rollout has ended`, () => {
    const yields = (status: RolloutStatus, part: Partial<RolloutHost> = {}) =>
      yieldsToNewer(status, sampleHost(state, part));
    for (const status of ['active', 'paused'] as const) assert.equal(yields(status, STUCK), false, status);
    for (const status of ['aborted', 'superseded', 'halted'] as const) {
      assert.equal(yields(status), YIELDING.has(state), status);
    }
  });
}

test('a host whose rollback fails yields', () => {
  assert.equal(yieldsToNewer('halted', sampleHost('failed', STUCK)), true);
});
