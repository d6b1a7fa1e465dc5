/** Which repetitions in a rollout's log are no news. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RepetitionFilter } from '../../../src/cli/rollout/log.ts';
import { reported } from '../../client/sample-rollouts.ts';

describe('the result of a probe', () => {
  it('is news only when it changes', () => {
    const filter = new RepetitionFilter();
    const result = (host: string, probe: string, status: string): boolean =>
      filter.isNews(reported(1, 1, host, { type: 'probe_result', probe, status, mode: 'enforce' }));
    const told = [
      result('a', 'front', 'pass'),
      result('a', 'front', 'pass'),
      result('b', 'front', 'pass'),
      result('a', 'db', 'pass'),
      result('a', 'front', 'fail'),
      result('a', 'front', 'fail'),
      result('a', 'front', 'pass'),
      filter.isNews(reported(1, 1, 'web-1', { type: 'converged' })),
      filter.isNews(reported(1, 1, 'web-1', { type: 'converged' })),
    ];
    assert.deepEqual(told, [true, false, true, true, true, false, true, true, true]);
  });
});
