/** What a soak without telemetry of its stack comes to, by the policy of its release. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerBody } from '../wire/telemetry-body.ts';
import { eventOf, RolloutFleet } from './rollout-fleet.ts';

const SOAK_SECONDS = 30;
const WAVES = { waves: [{ count: 1 }, { percent: 100 }] };
const LABELS = { 'com.docker.compose.project': 'web' };

/** One tick of the host, with a container of the stack or with none. */
async function report(fleet: RolloutFleet, name: string, containers: readonly object[]): Promise<void> {
  const recordedAt = new Date(fleet.server.clock.nowMs()).toISOString();
  const body = { recorded_at: recordedAt, host: { metrics: {} }, containers };
  assert.equal(await fleet.server.report(fleet.tokenOf(name), body), 204);
}

test('a release that requires telemetry is held until its soak has some', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1', 'web-2']);
  const { clock } = fleet.server;
  const release = await fleet.addRelease('1', { soak_seconds: SOAK_SECONDS, telemetry: 'required' });
  const { id } = await fleet.createRollout(release, ['web-1', 'web-2'], WAVES);
  let seq = await fleet.bring('web-1', id, release, 'soaking');
  clock.advance(SOAK_SECONDS + 1);
  // The host is well and says so, but says nothing of the stack.
  await report(fleet, 'web-1', []);
  await fleet.server.tick();

  seq += 1;
  const refused = await fleet.send('web-1', id, seq, eventOf('converged', release));
  assert.equal(refused.status, 409);
  assert.match(
    refused.body,
    /the release requires telemetry, and no telemetry of its stack has been judged during this soak/,
  );
  await fleet.server.tick();
  const held = await fleet.rollout(id);
  assert.deepEqual(
    held.hosts.map(({ state, telemetry, held_by: hold }) => [state, telemetry?.status, hold?.gate]),
    [
      ['soaking', 'not_judged', undefined],
      ['pending', undefined, 'wave'],
    ],
  );

  clock.advance(5);
  await report(fleet, 'web-1', [containerBody({ labels: LABELS })]);
  await fleet.server.tick();
  assert.equal((await fleet.send('web-1', id, seq, eventOf('converged', release))).status, 204);
  const promoted = await fleet.rollout(id);
  assert.deepEqual([promoted.hosts[0]?.state, promoted.hosts[0]?.telemetry?.status], ['converged', 'ok']);
  assert.equal(promoted.current_wave, 1);
  assert.deepEqual((await fleet.replay(id)).differences, []);
});

test('a soak without telemetry is told as not judged, and holds nothing', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1']);
  const release = await fleet.addRelease('1', { soak_seconds: SOAK_SECONDS });
  const { id } = await fleet.createRollout(release, ['web-1']);
  const seq = await fleet.bring('web-1', id, release, 'soaking');
  fleet.server.clock.advance(SOAK_SECONDS + 1);
  await report(fleet, 'web-1', []);
  await fleet.server.tick();
  assert.equal((await fleet.send('web-1', id, seq + 1, eventOf('converged', release))).status, 204);
  const [host] = (await fleet.rollout(id)).hosts;
  assert.deepEqual(
    [host?.state, host?.telemetry?.reason],
    ['converged', 'not judged: no telemetry of the stack arrived in the soak'],
  );
});

test('a soak is judged although most of the hosts before it say nothing of the stack', async (context) => {
  const names = Array.from({ length: 21 }, (_, index) => `web-${String(index + 1).padStart(2, '0')}`);
  const fleet = await RolloutFleet.start(context, names);
  const release = await fleet.addRelease('1', { soak_seconds: SOAK_SECONDS });
  const { id } = await fleet.createRollout(release, names, WAVES);
  await fleet.bring('web-01', id, release, 'soaking');
  fleet.server.clock.advance(5);
  // Four of the twenty that still wait can stand for the others, one fewer than are wanted.
  for (const name of names.slice(0, 5)) await report(fleet, name, [containerBody({ labels: LABELS })]);
  for (const name of names.slice(5)) await report(fleet, name, [containerBody({ labels: {} })]);
  await fleet.server.tick();
  const [host] = (await fleet.rollout(id)).hosts;
  assert.equal(host?.telemetry?.status, 'ok');
});
