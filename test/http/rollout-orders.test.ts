/** Orders in the middle of a rollout: they act at once, and say for which hosts they cannot. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { abortedRolloutBodySchema, rolloutPlanBodySchema } from '../../src/wire/rollout.ts';
import { eventOf, RolloutFleet } from './rollout-fleet.ts';

const LONG = { soak_seconds: 3600 };
const UNKNOWN = `sha256:${'ab'.repeat(32)}`;

interface Soak {
  readonly fleet: RolloutFleet;
  readonly id: string;
  readonly lastSeq: number;
}

/** `web-1` soaks on `release`, having run `before`. */
async function soak(fleet: RolloutFleet, release: string, before: string | null, name = 'web-1'): Promise<Soak> {
  const { id } = await fleet.createRollout(release, [name]);
  const ack = { ...eventOf('dispatch_ack', release), current_release: before };
  for (const [index, event] of [ack, eventOf('activation_completed', release)].entries()) {
    const reply = await fleet.send(name, id, index + 1, event);
    assert.equal(reply.status, 204, reply.body);
  }
  return { fleet, id, lastSeq: 2 };
}

async function abort(fleet: RolloutFleet, id: string, body: object) {
  const reply = await fleet.server.operator.send('POST', `/v1/rollouts/${id}/abort`, body);
  assert.equal(reply.status, 200, reply.body);
  return abortedRolloutBodySchema.parse(JSON.parse(reply.body));
}

async function startWithTwo(context: TestContext) {
  const fleet = await RolloutFleet.start(context, ['web-1', 'web-2']);
  const [first, second] = [await fleet.addRelease('1', LONG), await fleet.addRelease('2', LONG)];
  return { fleet, first, second };
}

test('an abort with rollback offers the release before at once, and takes the host over with its acknowledgement', async (context) => {
  const { fleet, first, second } = await startWithTwo(context);
  const { id } = await soak(fleet, second, first);
  const { rollbacks, not_rolled_back: notRolledBack } = await abort(fleet, id, { rollback: true });
  assert.deepEqual(notRolledBack, []);
  const offer = await fleet.poll('web-1');
  assert.deepEqual([offer?.rollout_id, offer?.release], [rollbacks[0], first]);
  assert.equal((await fleet.rollout(id)).hosts[0]?.state, 'soaking');
  const ack = { ...eventOf('dispatch_ack', first), current_release: second };
  assert.equal((await fleet.send('web-1', rollbacks[0] ?? '', 1, ack)).status, 204);
  const { left, dropped } = (await fleet.rollout(id)).hosts[0] ?? {};
  assert.deepEqual([left, dropped], [true, `rollout ${rollbacks[0]} has taken it over`]);
  const late = await fleet.send('web-1', id, 3, eventOf('probe_result', second));
  assert.equal(late.status, 409);
  assert.match(late.body, /'web-1' was dropped \(rollout \S+ has taken it over\)/);
  assert.equal((await fleet.replay(id)).equal, true);
});

test('a fixed release is offered while the one before still soaks', async (context) => {
  const { fleet, first, second } = await startWithTwo(context);
  const { id: soaking } = await soak(fleet, second, first);
  const fixed = await fleet.addRelease('3');
  const plan = await fleet.server.operator.send('POST', '/v1/rollouts/plan', { release: fixed, hosts: ['web-1'] });
  const { waves, supersedes } = rolloutPlanBodySchema.parse(JSON.parse(plan.body));
  const holds = waves[0]?.hosts[0]?.findings.filter(({ severity }) => severity === 'hold');
  assert.deepEqual([supersedes, holds], [[soaking], []]);
  const { id } = await fleet.createRollout(fixed, ['web-1']);
  assert.equal((await fleet.poll('web-1'))?.rollout_id, id);
});

test('an activation that is under way is finished first', async (context) => {
  const { fleet, second } = await startWithTwo(context);
  const { id } = await fleet.createRollout(second, ['web-1']);
  assert.equal((await fleet.send('web-1', id, 1, eventOf('dispatch_ack', second))).status, 204);
  const fixed = await fleet.addRelease('3');
  const later = await fleet.createRollout(fixed, ['web-1']);
  assert.equal(later.hosts[0]?.held_by?.gate, 'other_rollout');
  assert.equal(await fleet.poll('web-1'), null);
  assert.equal((await fleet.send('web-1', id, 2, eventOf('activation_completed', second))).status, 204);
  assert.equal((await fleet.poll('web-1'))?.rollout_id, later.id);
});

for (const { given, before, reason } of [
  { given: 'nothing', before: () => null, reason: /^ran nothing of this stack before$/ },
  {
    given: 'what the server does not know',
    before: () => UNKNOWN,
    reason: /^ran release abababababab before, which this server does not know$/,
  },
  {
    given: 'a release of another stack',
    before: (fleet: RolloutFleet) => fleet.addRelease('7', {}, 'mail'),
    reason: /^ran mail 7 \(\w{12}\) before, which belongs to another stack$/,
  },
] as const) {
  test(`a host that ran ${given} is named, and keeps no other from going back`, async (context) => {
    const { fleet, first, second } = await startWithTwo(context);
    const { id } = await fleet.createRollout(second, ['web-1', 'web-2']);
    const known = { 'web-1': await before(fleet), 'web-2': first };
    for (const [name, release] of Object.entries(known)) {
      const ack = { ...eventOf('dispatch_ack', second), current_release: release };
      assert.equal((await fleet.send(name, id, 1, ack)).status, 204);
      assert.equal((await fleet.send(name, id, 2, eventOf('activation_completed', second))).status, 204);
    }
    const aborted = await abort(fleet, id, { rollback: true });
    assert.deepEqual(
      aborted.not_rolled_back.map(({ host }) => host),
      ['web-1'],
    );
    assert.match(aborted.not_rolled_back[0]?.reason ?? '', reason);
    assert.equal((await fleet.poll('web-2'))?.release, first);
    assert.equal(await fleet.poll('web-1'), null);
  });
}

async function getStuck(fleet: RolloutFleet, first: string, second: string): Promise<string> {
  const { id } = await soak(fleet, second, first);
  assert.equal((await fleet.send('web-1', id, 3, eventOf('failed', second))).status, 204);
  const fixed = await fleet.addRelease('3');
  const { id: later } = await fleet.createRollout(fixed, ['web-1']);
  assert.equal((await fleet.rollout(later)).hosts[0]?.held_by?.gate, 'other_rollout');
  await fleet.steer(later, 'abort', {});
  assert.equal((await fleet.send('web-1', id, 4, eventOf('rollback_failed', second))).status, 204);
  return id;
}

test('a newer release takes over a host whose rollback fails', async (context) => {
  const { fleet, first, second } = await startWithTwo(context);
  const id = await getStuck(fleet, first, second);
  const { rollback_failure: stuck } = (await fleet.rollout(id)).hosts[0] ?? {};
  assert.deepEqual([stuck?.exit_code, stuck?.output], [1, 'no such image']);
  const fixed = await fleet.addRelease('4');
  const { id: later } = await fleet.createRollout(fixed, ['web-1']);
  assert.equal((await fleet.poll('web-1'))?.rollout_id, later);
  // Until its agent takes the newer release up, it may still succeed.
  assert.equal((await fleet.rollout(id)).hosts[0]?.left, false);
  assert.equal((await fleet.send('web-1', later, 1, eventOf('dispatch_ack', fixed))).status, 204);
  assert.equal((await fleet.rollout(id)).hosts[0]?.dropped, `rollout ${later} has taken it over`);
});

test('an operator can give up a host, and nothing else of the rollout changes', async (context) => {
  const { fleet, first, second } = await startWithTwo(context);
  const id = await getStuck(fleet, first, second);
  const order = { force: true, host: 'web-1', reason: 'moved away' };
  const given = await abort(fleet, id, order);
  assert.deepEqual([given.state, given.hosts[0]?.dropped, given.hosts[0]?.state], ['halted', 'moved away', 'failed']);
  const again = await fleet.server.operator.send('POST', `/v1/rollouts/${id}/abort`, order);
  assert.equal(again.status, 409);
  assert.match(again.body, /'web-1' has left the rollout, so nothing is expected of it that could be given up/);
  const stranger = await fleet.server.operator.send('POST', `/v1/rollouts/${id}/abort`, { ...order, host: 'db-9' });
  assert.equal(stranger.status, 404);
  for (const body of [{ host: 'web-1' }, { force: true }, { ...order, rollback: true }]) {
    assert.equal((await fleet.server.operator.send('POST', `/v1/rollouts/${id}/abort`, body)).status, 422);
  }
});

test('an offer that is refused for its epoch is made again at once, beyond the epoch of the agent', async (context) => {
  const { fleet, second } = await startWithTwo(context);
  const { id } = await fleet.createRollout(second, ['web-1']);
  assert.equal((await fleet.poll('web-1'))?.epoch, 1);
  assert.equal((await fleet.send('web-1', id, 1, eventOf('dispatch_refused', second))).status, 204);
  const again = await fleet.poll('web-1');
  assert.deepEqual([again?.epoch, again?.last_event_seq], [8, 1]);
  // A second refusal in a row is not worth an offer at once.
  assert.equal((await fleet.send('web-1', id, 2, eventOf('dispatch_refused', second))).status, 204);
  assert.equal(await fleet.poll('web-1'), null);
  const { hosts } = await fleet.rollout(id);
  assert.equal(hosts[0]?.held_by?.gate, 'refused');
  assert.equal(
    hosts[0]?.held_by?.reason,
    "the agent of 'web-1' did not accept the release: its epoch 1 is lower than 7; it is offered again at 2026-03-01T12:01:00.000Z",
  );
});
