import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gatherEvidence } from '../../../agent/rollouts/gather-evidence.ts';
import { activating, at, container, rollout, soaking, V1 } from './sample.ts';

const ACTIVATING = rollout(activating({ touched: true }));

test('each service that fails has its exit code and its last lines; one that does well has nothing to tell', async () => {
  const containers = [
    container({ service: 'db' }),
    container({ service: 'migrate', state: 'exited', exitCode: 3 }),
    container({ service: 'old', state: 'exited', exitCode: 1, release: V1 }),
    container({ state: 'created', exitCode: 0 }),
  ];
  const evidence = await gatherEvidence(containers, ACTIVATING, async (id) => `log of ${id}\n`);
  assert.deepEqual(evidence, [
    { service: 'migrate', exit_code: 3, oom_killed: false, log_tail: 'log of id-of-migrate\n' },
    { service: 'web', exit_code: null, oom_killed: false, log_tail: 'log of id-of-web\n' },
  ]);
});

test('of several containers of a service the one that tells the most speaks for it', async () => {
  const containers = [
    container({ id: 'a', state: 'exited', exitCode: 1 }),
    container({ id: 'b', state: 'exited', exitCode: 137, oomKilled: true }),
  ];
  const [only, ...others] = await gatherEvidence(containers, ACTIVATING, async (id) => id);
  assert.deepEqual([only?.log_tail, only?.exit_code, only?.oom_killed, others.length], ['b', 137, true, 0]);
});

test('a container that crashed in its soak and runs again has the exit code of its last crash', async () => {
  const crashes = { 'id-of-web': { early: 0, late: 1, lastAt: at(40), lastExitCode: 9 } };
  const evidence = await gatherEvidence(
    [container({ restartCount: 1 })],
    rollout(soaking({ crashes })),
    async () => '',
  );
  assert.deepEqual(evidence, [{ service: 'web', exit_code: 9, oom_killed: false, log_tail: '' }]);
});

test('logs share what an event may carry, and one that cannot be read costs nothing but itself', async () => {
  const containers = ['api', 'web'].map((service) => container({ service, state: 'exited', exitCode: 1 }));
  const evidence = await gatherEvidence(containers, ACTIVATING, async (id) => {
    if (id === 'id-of-api') throw new Error('the log driver keeps nothing');
    return `${'x'.repeat(9_000)}the end`;
  });
  assert.deepEqual(
    evidence.map(({ service, log_tail: tail }) => [service, tail.length, tail.slice(-7)]),
    [
      ['api', 0, ''],
      ['web', 4_096, 'the end'],
    ],
  );
});
