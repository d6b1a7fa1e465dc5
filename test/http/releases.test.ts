/** Releases are removed only when nothing runs them and nothing may still bring them anywhere. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventOf, RolloutFleet } from './rollout-fleet.ts';

async function remove({ server }: RolloutFleet, digest: string): Promise<[status: number, words: string]> {
  const reply = await server.operator.send('DELETE', `/v1/releases/${digest}`);
  const { detail = '', version = '' } = JSON.parse(reply.body) as { detail?: string; version?: string };
  return [reply.status, `${version}${detail}`];
}

test('a release that runs, or that a rollout may still bring to a host, is not removed', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1', 'web-2', 'web-3']);
  const [one, two] = [await fleet.addRelease('1'), await fleet.addRelease('2')];
  const first = await fleet.createRollout(one, ['web-1', 'web-2', 'web-3']);
  assert.match((await remove(fleet, one)).join(' '), new RegExp(`^409 rollout ${first.id} may still bring web 1 `));
  for (const name of ['web-1', 'web-2', 'web-3']) {
    assert.equal((await fleet.poll(name))?.release, one);
    await fleet.bring(name, first.id, one, 'soaking');
  }
  await fleet.steer(first.id, 'abort');
  assert.match(
    (await remove(fleet, one)).join(' '),
    /^409 web 1 \([0-9a-f]{12}\) runs on 'web-1' and 2 other hosts: roll/,
  );
  assert.deepEqual(await remove(fleet, two), [200, '2']);
  assert.equal((await remove(fleet, two))[0], 404);
});

test('what a host goes back to is needed until it is there, and runs from then on', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1']);
  const [one, two] = [await fleet.addRelease('1'), await fleet.addRelease('2')];
  const rollout = await fleet.createRollout(two, ['web-1']);
  await fleet.poll('web-1');
  const events = [
    { ...eventOf('dispatch_ack', two), current_release: one },
    eventOf('activation_completed', two),
    eventOf('failed', two),
  ];
  for (const [index, event] of events.entries()) {
    assert.equal((await fleet.send('web-1', rollout.id, index + 1, event)).status, 204);
  }
  assert.equal((await fleet.rollout(rollout.id)).state, 'halted');
  assert.match((await remove(fleet, one))[1], /may still bring web 1/);
  assert.match((await remove(fleet, two))[1], /runs on 'web-1':/);
  const back = { ...eventOf('rollback_completed', two), reverted_to_release: one };
  assert.equal((await fleet.send('web-1', rollout.id, 4, back)).status, 204);
  assert.match((await remove(fleet, one))[1], /runs on 'web-1':/);
  assert.deepEqual(await remove(fleet, two), [200, '2']);
  assert.equal((await fleet.replay(rollout.id)).equal, true);
});

test('the version of a removed release is free, and its quarantine outlives it', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1']);
  const one = await fleet.addRelease('1');
  const rollout = await fleet.createRollout(one, ['web-1']);
  await fleet.poll('web-1');
  await fleet.bring('web-1', rollout.id, one, 'reverted');
  assert.deepEqual(await remove(fleet, one), [200, '1']);
  const other = await fleet.addRelease('1', { soak_seconds: 1 });
  const list = await fleet.server.operator.send('GET', '/v1/releases');
  const { releases } = JSON.parse(list.body) as { releases: Array<{ digest: string }> };
  assert.deepEqual(
    releases.map(({ digest }) => digest),
    [other],
  );
  assert.equal((await fleet.rollout(rollout.id)).release, one);
  assert.equal(await fleet.addRelease('1'), one);
  const again = await fleet.server.operator.send('GET', `/v1/releases/${one}/quarantine`);
  assert.equal(again.status, 200);
});
