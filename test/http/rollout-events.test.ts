/** The table of legal transitions over HTTP: 7 states × 14 events, and every number that an event can come with. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AGENT_EVENT_TYPES, type AgentEventType, HOST_STATES, type HostState } from '../../src/domain/rollout.ts';
import { eventOf, RolloutFleet } from './rollout-fleet.ts';

/** What each state accepts, and where that leads; every other pair is refused. */
const LEGAL: Record<HostState, Partial<Record<AgentEventType, HostState>>> = {
  pending: { dispatch_ack: 'activating', dispatch_refused: 'pending' },
  activating: {
    activation_started: 'activating',
    activation_completed: 'soaking',
    activation_deferred: 'deferred',
    activation_failed: 'failed',
  },
  deferred: { activation_started: 'deferred', activation_completed: 'soaking', activation_failed: 'failed' },
  soaking: {
    probe_topology_declared: 'soaking',
    probe_observed_first: 'soaking',
    probe_result: 'soaking',
    probe_failure_first: 'soaking',
    failed: 'failed',
    converged: 'converged',
  },
  failed: { rollback_completed: 'reverted', rollback_failed: 'failed' },
  converged: {},
  reverted: {},
};

interface Row {
  readonly host: string;
  readonly state: HostState;
  readonly type: AgentEventType;
}

const ROWS: readonly Row[] = HOST_STATES.flatMap((state) =>
  AGENT_EVENT_TYPES.map((type, index) => ({ host: `${state}-${index}`, state, type })),
);

test('the table of transitions over HTTP', async (context) => {
  const names = ROWS.map((row) => row.host);
  const fleet = await RolloutFleet.start(context, names);
  const release = await fleet.addRelease('1', { soak_seconds: 0 });
  const { id } = await fleet.createRollout(release, names, { failure_threshold: names.length });
  const lastSeq = new Map<string, number>();
  for (const { host, state } of ROWS) lastSeq.set(host, await fleet.bring(host, id, release, state));
  const stateOf = async (name: string) => (await fleet.rollout(id)).hosts.find((host) => host.name === name)?.state;

  for (const { host, state, type } of ROWS) {
    const next = LEGAL[state][type];
    await context.test(`${state} ${next === undefined ? 'refuses' : `becomes ${next} by`} ${type}`, async () => {
      const seq = (lastSeq.get(host) ?? 0) + 1;
      const event = eventOf(type, release);

      const reply = await fleet.send(host, id, seq, event);
      if (next === undefined) {
        assert.equal(reply.status, 409, reply.body);
        const problem: Record<string, unknown> = JSON.parse(reply.body);
        assert.equal(problem['current_state'], state);
        assert.equal(problem['last_event_seq'], seq - 1);
        assert.equal(await stateOf(host), state);
      } else {
        assert.equal(reply.status, 204, reply.body);
        assert.equal(await stateOf(host), next);
        assert.equal((await fleet.send(host, id, seq, event)).status, 204, 'the same again is a duplicate');
        const altered = { ...event, extra: 'another body' };
        assert.equal((await fleet.send(host, id, seq, altered)).status, 409, 'the same number with another body');
        assert.equal(await stateOf(host), next);
      }

      const first = HOST_STATES.indexOf(state) > 0 ? eventOf('dispatch_ack', release) : null;
      if (first === null) return;
      const after = await stateOf(host);
      assert.equal(
        (await fleet.send(host, id, 1, first)).status,
        204,
        'an old number with its own body is a duplicate',
      );
      const regressed = await fleet.send(host, id, 1, { ...event, extra: 'another body' });
      assert.equal(regressed.status, 409, 'an old number with another body is refused');
      assert.equal(await stateOf(host), after);
    });
  }

  await context.test('the order of keys is no other body, and the numbers 0, -1 and 1.5 are none', async () => {
    const host = 'activating-1';
    const { seq: _seq, ...event } = { seq: 0, ...eventOf('dispatch_ack', release) };
    const reversed = Object.fromEntries(Object.entries(event).reverse());
    assert.equal((await fleet.send(host, id, 1, reversed)).status, 204);
    for (const seq of [0, -1, 1.5]) assert.equal((await fleet.send(host, id, seq, event)).status, 422);
  });

  await context.test('what is folded from the log equals what is stored, byte for byte', async () => {
    const report = await fleet.replay(id);
    assert.deepEqual(
      { equal: report.equal, differences: report.differences, hosts: report.hosts },
      {
        equal: true,
        differences: [],
        hosts: 98,
      },
    );
  });
});

test('an event for another host, another rollout, or without a right shape is refused', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1', 'web-2']);
  const release = await fleet.addRelease('1');
  const { id } = await fleet.createRollout(release, ['web-1']);
  const ack = eventOf('dispatch_ack', release);
  const post = async (hostname: string, rolloutId: string, event: unknown, as = 'web-1') =>
    (await fleet.server.post('/v1/agent/events', fleet.tokenOf(as), { hostname, rollout_id: rolloutId, event })).status;

  assert.equal(await post('web-2', id, { ...ack, seq: 1 }), 403);
  assert.equal(await post('web-1', 'ro_nothing', { ...ack, seq: 1 }), 404);
  assert.equal(await post('web-2', id, { ...ack, seq: 1 }, 'web-2'), 404);
  assert.equal(await post('web-1', id, { ...ack, seq: 1, type: 'nonsense' }), 422);
  assert.equal(await post('web-1', id, { type: 'dispatch_ack', seq: 1 }), 422);
  const tail = { ...eventOf('activation_failed', release), stderr_tail: 'x'.repeat(8193), seq: 2 };
  assert.equal(await post('web-1', id, tail), 422);
  const unknown = await fleet.server.post('/v1/agent/events', 'nxa_nobody', { hostname: 'web-1', rollout_id: id });
  assert.deepEqual([unknown.status, unknown.body], [401, '']);
  assert.equal((await fleet.rollout(id)).hosts[0]?.last_event_seq, 0);
});

test('a host converges on the target only, after its soak only, and with no enforced probe failing', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1']);
  const release = await fleet.addRelease('1', { soak_seconds: 60 });
  const { id } = await fleet.createRollout(release, ['web-1']);
  const status = async (seq: number, event: Record<string, unknown>) =>
    (await fleet.send('web-1', id, seq, event)).status;
  const other = `sha256:${'0'.repeat(64)}`;

  await fleet.bring('web-1', id, release, 'activating');
  assert.equal(await status(2, eventOf('activation_completed', other)), 409);
  assert.equal(await status(2, eventOf('activation_completed', release)), 204);
  assert.equal(await status(3, eventOf('converged', release)), 409, 'the soak is not over');
  fleet.server.clock.advance(60);
  assert.equal(await status(3, eventOf('converged', other)), 409, 'not the target');
  assert.equal(await status(3, { ...eventOf('probe_result', release), status: 'fail', failure_reason: '503' }), 204);
  assert.equal(await status(4, eventOf('converged', release)), 409, 'an enforced probe is failing');
  assert.equal(await status(4, eventOf('probe_result', release)), 204);
  assert.equal(await status(5, eventOf('converged', release)), 204);
  assert.equal((await fleet.rollout(id)).state, 'converged');
});
