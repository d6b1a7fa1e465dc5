/** Somebody sets the server's wall clock in the middle of rollouts, or the machine sleeps. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventOf, RolloutFleet } from './rollout-fleet.ts';

const HOUR = 3_600;

/** web-1 soaks for a minute, half of which is over; web-2 waits for it. Both were heard just now. */
async function halfSoaked(context: Parameters<typeof RolloutFleet.start>[0]) {
  const fleet = await RolloutFleet.start(context, ['web-1', 'web-2']);
  const release = await fleet.addRelease('1', { soak_seconds: 60, telemetry: 'off' });
  const { id } = await fleet.createRollout(release, ['web-1', 'web-2'], { waves: [{ count: 1 }, { percent: 100 }] });
  const seq = await fleet.bring('web-1', id, release, 'soaking');
  const converge = async (next: number): Promise<number> =>
    (await fleet.send('web-1', id, seq + next, eventOf('converged', release))).status;
  await pass(fleet, 30, ['web-1', 'web-2']);
  return { fleet, id, converge };
}

/** Time passes on all clocks; only `alive` is heard at its end. */
async function pass(fleet: RolloutFleet, seconds: number, alive: readonly string[]): Promise<void> {
  fleet.server.clock.advance(seconds);
  for (const name of alive) await fleet.report(name);
  await fleet.server.tick();
}

async function statusOf(fleet: RolloutFleet, name: string): Promise<string> {
  return (await fleet.server.operator.host(name)).status;
}

async function stepsOf(fleet: RolloutFleet): Promise<unknown[]> {
  const reply = await fleet.server.operator.send('GET', '/v1/events?limit=1000');
  const { events } = JSON.parse(reply.body) as { events: Array<{ kind: string; host: string | null; data: unknown }> };
  return events
    .filter(({ kind }) => kind === 'clock_stepped' || kind === 'soak_restarted' || kind === 'host_offline')
    .map(({ kind, host, data }) => [kind, host, data]);
}

for (const [given, stepSeconds] of [
  ['two hours ahead', 2 * HOUR],
  ['two hours back', -2 * HOUR],
  ['three years ahead', 3 * 8766 * HOUR],
  ['ten seconds back', -10],
] as const) {
  test(`a clock that is set ${given} neither ends a soak early nor holds it, and no host is silent by it`, async (context) => {
    const { fleet, id, converge } = await halfSoaked(context);
    fleet.server.clock.stepWall(stepSeconds);
    await fleet.server.tick();
    const byMs = stepSeconds * 1000;
    assert.deepEqual(await stepsOf(fleet), [
      ['clock_stepped', null, { by_ms: byMs }],
      ['soak_restarted', 'web-1', { by_ms: byMs }],
    ]);
    assert.deepEqual([await statusOf(fleet, 'web-1'), await statusOf(fleet, 'web-2')], ['online', 'online']);
    await pass(fleet, 59, ['web-1', 'web-2']);
    assert.equal(await converge(1), 409, 'a second of it is left');
    await pass(fleet, 1, ['web-1', 'web-2']);
    assert.equal(await converge(2), 204);
    assert.equal((await fleet.poll('web-2'))?.rollout_id, id);
    assert.deepEqual((await fleet.replay(id)).differences, []);
  });

  test(`a host that dies after a clock was set ${given} is offline two minutes later`, async (context) => {
    const { fleet } = await halfSoaked(context);
    fleet.server.clock.stepWall(stepSeconds);
    await pass(fleet, 119, ['web-1']);
    assert.equal(await statusOf(fleet, 'web-2'), 'online');
    await pass(fleet, 2, ['web-1']);
    assert.equal(await statusOf(fleet, 'web-2'), 'offline');
  });
}

test('what a time server corrects is no step', async (context) => {
  const { fleet, converge } = await halfSoaked(context);
  fleet.server.clock.stepWall(0.9);
  await pass(fleet, 30, ['web-1', 'web-2']);
  assert.deepEqual(await stepsOf(fleet), []);
  assert.equal(await converge(1), 204);
});

test('a clock that is set back while no server runs leaves neither a dead host online nor a soak without an end', async (context) => {
  const { fleet, id, converge } = await halfSoaked(context);
  await fleet.server.stop();
  fleet.server.clock.stepWall(-2 * HOUR);
  await fleet.server.restart();
  await pass(fleet, 1, ['web-1']);
  assert.deepEqual(await stepsOf(fleet), [['soak_restarted', 'web-1', { by_ms: null }]]);
  await pass(fleet, 60, ['web-1']);
  assert.equal(await converge(1), 204);
  await pass(fleet, 60, ['web-1']);
  assert.equal(await statusOf(fleet, 'web-2'), 'offline');
  assert.deepEqual((await fleet.replay(id)).differences, []);
});
