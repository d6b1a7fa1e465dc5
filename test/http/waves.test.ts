/** Waves by label, each with a soak of its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RolloutFleet } from './rollout-fleet.ts';

test('a wave by label comes first, and its hosts soak for its own time', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1', 'web-2']);
  await fleet.addHost('web-3', { labels: { stage: 'canary' } });
  const release = await fleet.addRelease('1', { soak_seconds: 60, telemetry: 'off' });
  const waves = [{ selector: { stage: 'canary' }, soak_seconds: 3600 }, { percent: 100 }];
  const { id, waves: laidOut } = await fleet.createRollout(release, ['web-1', 'web-2', 'web-3'], { waves });
  assert.deepEqual(laidOut, [
    { hosts: ['web-3'], soak_seconds: 3600 },
    { hosts: ['web-1', 'web-2'], soak_seconds: 60 },
  ]);
  assert.equal(await fleet.poll('web-1'), null);
  assert.equal((await fleet.poll('web-3'))?.soak_seconds, 3600);
  const soaking = await fleet.bring('web-3', id, release, 'soaking');
  const canary = (await fleet.rollout(id)).hosts.find(({ name }) => name === 'web-3');
  assert.equal(Date.parse(canary?.soak_due_at ?? '') - Date.parse(canary?.state_since ?? ''), 3_600_000);
  const converged = { type: 'converged', converged_at: '2026-03-01T13:00:00Z', current_release: release };
  assert.equal((await fleet.send('web-3', id, soaking + 1, converged)).status, 409, 'its soak is not over');
  await fleet.server.restart();
  fleet.server.clock.advance(3_600);
  for (const name of ['web-1', 'web-2', 'web-3']) await fleet.report(name);
  assert.equal((await fleet.send('web-3', id, soaking + 1, converged)).status, 204);
  assert.equal((await fleet.poll('web-1'))?.soak_seconds, 60);
  assert.deepEqual((await fleet.replay(id)).differences, []);
});

test('a wave by a label that no host of the rollout carries is refused', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1']);
  const release = await fleet.addRelease('1');
  const waves = [{ selector: { stage: 'canary' } }, { percent: 100 }];
  const reply = await fleet.server.operator.send('POST', '/v1/rollouts', { release, hosts: ['web-1'], waves });
  assert.deepEqual(
    [reply.status, (JSON.parse(reply.body) as { detail: string }).detail],
    [
      422,
      'no host of the rollout has the labels stage=canary, which one of its waves selects: label the hosts, or leave that wave out',
    ],
  );
});
