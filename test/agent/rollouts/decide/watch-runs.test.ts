import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readServices } from '../../../../agent/rollouts/decide/judge-services.ts';
import { watchRuns } from '../../../../agent/rollouts/decide/watch-runs.ts';
import { at, container, NOON, plan, soaking, V2 } from '../sample.ts';

test('a run is seen since its first observation; a restart or another start begins a new one', () => {
  const first = watchRuns(new Map(), [container({ startedAtMs: 1 })], NOON);
  const same = watchRuns(first, [container({ startedAtMs: 1 })], at(5));
  assert.deepEqual(same.get('id-of-web')?.seenSince, NOON);
  const restarted = watchRuns(same, [container({ startedAtMs: 2, restartCount: 1 })], at(6));
  assert.deepEqual(restarted.get('id-of-web')?.seenSince, at(6));
  const startedByHand = watchRuns(restarted, [container({ startedAtMs: 3, restartCount: 1 })], at(7));
  assert.deepEqual(startedByHand.get('id-of-web')?.seenSince, at(7));
});

test('a container that is gone is forgotten', () => {
  const runs = watchRuns(watchRuns(new Map(), [container()], NOON), [], at(1));
  assert.equal(runs.size, 0);
});

for (const [name, wallMs] of [
  ['stands', 0],
  ['is set back an hour', -3_600_000],
  ['is set forward an hour', 3_600_000],
] as const) {
  test(`a restart is forgiven after the same time when the wall clock ${name}`, () => {
    const containers = [container({ restartCount: 1, startedAtMs: NOON.wallMs })];
    const runs = watchRuns(new Map(), containers, NOON);
    const later = (seconds: number) => ({ ...at(seconds), wallMs: at(seconds).wallMs + wallMs });
    const statusAt = (seconds: number) =>
      readServices(soaking(), plan(), V2, containers, runs, later(seconds))[0]?.status;
    assert.equal(statusAt(7), 'fail');
    assert.equal(statusAt(8), 'pass');
  });
}
