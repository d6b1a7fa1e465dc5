/** Hosts that fall silent in the middle of a rollout: held for, or failed, and back again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventOf, RolloutFleet } from './rollout-fleet.ts';

const TIMEOUT_SECONDS = 60;
/** Two minutes of silence make a host offline; the activation timeout is shorter, so it is lost at the same time. */
const OFFLINE_SECONDS = 121;

async function start(context: Parameters<typeof RolloutFleet.start>[0], policy: Record<string, unknown> = {}) {
  const fleet = await RolloutFleet.start(context, ['web-1', 'web-2']);
  const release = await fleet.addRelease('1', {
    soak_seconds: 0,
    telemetry: 'off',
    activation_timeout_seconds: TIMEOUT_SECONDS,
    ...policy,
  });
  const { id } = await fleet.createRollout(release, ['web-1', 'web-2'], { waves: [{ count: 1 }, { percent: 100 }] });
  return { fleet, release, id };
}

/** Time passes, and only `alive` is heard. */
async function pass(fleet: RolloutFleet, seconds: number, alive = 'web-2'): Promise<void> {
  for (let left = seconds; left > 0; left -= 60) {
    fleet.server.clock.advance(Math.min(left, 60));
    await fleet.report(alive);
    await fleet.server.tick();
  }
}

async function logOf(fleet: RolloutFleet, id: string): Promise<unknown[]> {
  const reply = await fleet.server.operator.send('GET', `/v1/rollouts/${id}/events`);
  const { events } = JSON.parse(reply.body) as { events: Array<{ kind: string; host: string | null; data: unknown }> };
  const wanted = ['rollout_stalled', 'host_returned', 'host_lost', 'rollout_halted'];
  return events.filter(({ kind }) => wanted.includes(kind)).map(({ kind, host, data }) => [kind, host, data]);
}

async function stalledRollouts(fleet: RolloutFleet): Promise<string | undefined> {
  const metrics = (await fleet.server.operator.send('GET', '/metrics')).body;
  return /^nexus_rollouts_stalled (\d+)$/m.exec(metrics)?.[1];
}

const SINCE = '2026-03-01T12:00:00.000Z';

test('a canary that dies in its activation is said at once, stalls the rollout in time, and goes on when it is back', async (context) => {
  const { fleet, release, id } = await start(context, { activation_timeout_seconds: 300 });
  await fleet.bring('web-1', id, release, 'activating');
  await pass(fleet, OFFLINE_SECONDS);
  const offline = await fleet.rollout(id);
  assert.deepEqual(
    offline.hosts.map(({ offline_since, lost_at, held_by }) => [offline_since, lost_at, held_by?.reason]),
    [
      [SINCE, null, undefined],
      [
        null,
        null,
        `wave 2 of 2 has not begun: wave 1 of 2 has not finished: 'web-1' is offline since ${SINCE}, in its activation`,
      ],
    ],
  );
  assert.deepEqual([await logOf(fleet, id), await stalledRollouts(fleet)], [[], '0']);

  await pass(fleet, 180);
  const stalled = await fleet.rollout(id);
  assert.deepEqual([stalled.state, stalled.hosts[0]?.state], ['active', 'activating']);
  assert.equal(stalled.hosts[0]?.lost_at, '2026-03-01T12:05:01.000Z');
  assert.deepEqual(await logOf(fleet, id), [['rollout_stalled', 'web-1', { since: SINCE }]]);
  assert.equal(await stalledRollouts(fleet), '1');
  await fleet.server.restart();
  await pass(fleet, 600);
  assert.equal((await logOf(fleet, id)).length, 1, 'it is said once');
  assert.equal(await stalledRollouts(fleet), '1');

  await fleet.report('web-1');
  assert.deepEqual((await logOf(fleet, id)).at(-1), ['host_returned', 'web-1', {}]);
  assert.equal(await stalledRollouts(fleet), '0');
  assert.equal((await fleet.send('web-1', id, 2, eventOf('activation_completed', release))).status, 204);
  assert.equal((await fleet.send('web-1', id, 3, eventOf('converged', release))).status, 204);
  assert.equal((await fleet.poll('web-2'))?.rollout_id, id);
  assert.deepEqual((await fleet.replay(id)).differences, []);
});

test('with the policy to fail, a lost host halts the rollout, quarantines nothing, and goes back when it is there again', async (context) => {
  const { fleet, release, id } = await start(context, { on_lost_host: 'fail' });
  await fleet.bring('web-1', id, release, 'soaking');
  await pass(fleet, OFFLINE_SECONDS);
  const halted = await fleet.rollout(id);
  const [lost] = halted.hosts;
  assert.deepEqual(
    [halted.state, halted.reason, lost?.state, lost?.failure?.trouble],
    ['halted', "'web-1' failed (it is lost): 1 host failed, and failure_threshold is 0", 'failed', 'lost'],
  );
  assert.deepEqual(
    (await logOf(fleet, id)).map((entry) => (entry as unknown[])[0]),
    ['host_lost', 'rollout_halted'],
  );
  const { body } = await fleet.server.operator.send('GET', '/v1/releases');
  assert.equal((JSON.parse(body) as { releases: Array<{ quarantine: unknown }> }).releases[0]?.quarantine, null);

  await fleet.report('web-1');
  assert.match((await fleet.poll('web-1'))?.regressed?.reason ?? '', /^offline since /, 'its poll tells it to go back');
  const headers = { authorization: `Bearer ${fleet.tokenOf('web-1')}` };
  const state = await fleet.server.agents.send({ method: 'GET', path: '/v1/agent/state', headers });
  const { rollouts } = JSON.parse(state.body) as { rollouts: Array<{ state: string; last_event_seq: number }> };
  assert.deepEqual(
    rollouts.map((view) => [view.state, view.last_event_seq]),
    [['failed', 3]],
    'what its agent asks for tells it to go back',
  );
  assert.equal((await fleet.send('web-1', id, 4, eventOf('converged', release))).status, 409);
  assert.equal((await fleet.send('web-1', id, 5, eventOf('rollback_completed', release))).status, 204);
  assert.equal(await fleet.poll('web-1'), null);
  assert.equal((await fleet.rollout(id)).hosts[0]?.state, 'reverted');
  assert.deepEqual((await fleet.replay(id)).differences, []);
});

test('a rollout whose threshold bears a lost host goes on without it', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1', 'web-2', 'web-3']);
  const policy = { soak_seconds: 0, telemetry: 'off', activation_timeout_seconds: 60, on_lost_host: 'fail' };
  const release = await fleet.addRelease('1', policy);
  const more = { waves: [{ count: 2 }, { percent: 100 }], failure_threshold: 1 };
  const { id } = await fleet.createRollout(release, ['web-1', 'web-2', 'web-3'], more);
  await fleet.bring('web-1', id, release, 'activating');
  await fleet.bring('web-2', id, release, 'converged');
  assert.equal(await fleet.poll('web-3'), null);
  await pass(fleet, OFFLINE_SECONDS, 'web-3');
  assert.equal((await fleet.poll('web-3'))?.rollout_id, id);
});

test('a server that was away does not take its own absence for silence', async (context) => {
  const { fleet, release, id } = await start(context, { activation_timeout_seconds: 130 });
  await fleet.bring('web-1', id, release, 'activating');
  await pass(fleet, OFFLINE_SECONDS);
  await fleet.server.stop();
  fleet.server.clock.advance(3600);
  await fleet.server.restart();
  await fleet.report('web-2');
  await fleet.server.tick();
  assert.deepEqual(await logOf(fleet, id), []);
  await pass(fleet, 130);
  assert.deepEqual(await logOf(fleet, id), [['rollout_stalled', 'web-1', { since: SINCE }]]);
});
