/** Budgets: what operators set and see, and that no rollout breaks them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RolloutFleet } from './rollout-fleet.ts';

type Answered = [status: number, body: unknown];

async function ask({ server }: RolloutFleet, method: string, path: string, body?: unknown): Promise<Answered> {
  const reply = await server.operator.send(method, path, body);
  return [reply.status, JSON.parse(reply.body)];
}

async function detailOf(fleet: RolloutFleet, method: string, path: string, body?: unknown): Promise<Answered> {
  const [status, problem] = await ask(fleet, method, path, body);
  return [status, (problem as { detail: string }).detail];
}

test('a budget is set, shown, changed, logged and removed', async (context) => {
  const fleet = await RolloutFleet.start(context, []);
  const rack = { label: 'rack', value: 'a=1', max_in_flight: 1, changing: [] };
  assert.deepEqual(await ask(fleet, 'PUT', '/v1/budgets/rack=a=1', { max_in_flight: 1 }), [200, rack]);
  const two = { ...rack, max_in_flight: 2 };
  assert.deepEqual(await ask(fleet, 'PUT', '/v1/budgets/rack%3Da%3D1', { max_in_flight: 2 }), [200, two]);
  assert.deepEqual(await ask(fleet, 'PUT', '/v1/budgets/rack=a=1', { max_in_flight: 2 }), [200, two]);
  assert.deepEqual(await ask(fleet, 'GET', '/v1/budgets/rack=a=1'), [200, two]);
  assert.deepEqual(await ask(fleet, 'GET', '/v1/budgets'), [200, { budgets: [two] }]);
  assert.deepEqual(await ask(fleet, 'DELETE', '/v1/budgets/rack=a=1'), [200, two]);
  assert.deepEqual(await ask(fleet, 'GET', '/v1/budgets'), [200, { budgets: [] }]);
  const missing = "there is no budget 'rack=a=1': 'nexus budget list' lists those there are";
  assert.deepEqual(await detailOf(fleet, 'DELETE', '/v1/budgets/rack=a=1'), [404, missing]);
  assert.deepEqual(await detailOf(fleet, 'GET', '/v1/budgets/rack=a=1'), [404, missing]);
  assert.equal((await ask(fleet, 'PUT', '/v1/budgets/rack', { max_in_flight: 1 }))[0], 422);
  const [, { events }] = (await ask(fleet, 'GET', '/v1/events')) as [
    number,
    { events: Array<Record<string, unknown>> },
  ];
  assert.deepEqual(
    events.map(({ kind, data }) => [kind, data]),
    [
      ['budget_set', { label: 'rack', value: 'a=1', max_in_flight: 1 }],
      ['budget_set', { label: 'rack', value: 'a=1', max_in_flight: 2 }],
      ['budget_removed', { label: 'rack', value: 'a=1' }],
    ],
  );
});

test('one budget more than there can be is refused', async (context) => {
  const fleet = await RolloutFleet.start(context, []);
  for (let index = 0; index < 128; index += 1) {
    assert.equal((await ask(fleet, 'PUT', `/v1/budgets/rack=${index}`, { max_in_flight: 1 }))[0], 200);
  }
  assert.deepEqual(await detailOf(fleet, 'PUT', '/v1/budgets/rack=more', { max_in_flight: 1 }), [
    422,
    'there can be at most 128 budgets: remove one first',
  ]);
  assert.equal((await ask(fleet, 'PUT', '/v1/budgets/rack=0', { max_in_flight: 2 }))[0], 200);
});

/** Two stacks are rolled out at once to hosts of one rack, and one host may change at a time. */
async function startBoth(context: Parameters<typeof RolloutFleet.start>[0]) {
  const fleet = await RolloutFleet.start(context, []);
  for (const name of ['a-1', 'a-2', 'b-1']) {
    await fleet.addHost(name, { labels: { rack: name.charAt(0) } });
  }
  await ask(fleet, 'PUT', '/v1/budgets/rack=a', { max_in_flight: 1 });
  const web = await fleet.addRelease('1', { soak_seconds: 0, telemetry: 'off' });
  const db = await fleet.addRelease('1', { soak_seconds: 0, telemetry: 'off' }, 'db');
  const first = await fleet.createRollout(web, ['a-1']);
  const second = await fleet.createRollout(db, ['a-2', 'b-1']);
  return { fleet, web, db, first: first.id, second: second.id };
}

const HELD = {
  gate: 'budget',
  reason: "the budget 'rack=a' lets at most 1 host change at once, and 'a-1' is changing",
};

test('a host waits for a place in its budget, and is dispatched as soon as another rollout leaves one', async (context) => {
  const { fleet, web, db, first, second } = await startBoth(context);
  assert.deepEqual(
    (await fleet.rollout(second)).hosts.map(({ held_by }) => held_by),
    [HELD, null],
  );
  assert.equal(await fleet.poll('a-2'), null);
  assert.equal((await fleet.poll('b-1'))?.rollout_id, second, 'a host of another rack passes by');
  assert.deepEqual(await ask(fleet, 'GET', '/v1/budgets/rack=a'), [
    200,
    { label: 'rack', value: 'a', max_in_flight: 1, changing: ['a-1'] },
  ]);
  await fleet.bring('a-1', first, web, 'converged');
  assert.equal((await fleet.poll('a-2'))?.rollout_id, second);
  await fleet.bring('a-2', second, db, 'converged');
});

test('a failed host takes up its place until it is rolled back', async (context) => {
  const { fleet, web, first, second } = await startBoth(context);
  await fleet.bring('a-1', first, web, 'failed');
  assert.deepEqual((await fleet.rollout(second)).hosts[0]?.held_by, HELD);
  const back = {
    type: 'rollback_completed',
    reverted_to_release: null,
    exit_code: 0,
    completed_at: '2026-03-01T12:00:00Z',
  };
  assert.equal((await fleet.send('a-1', first, 5, back)).status, 204);
  assert.equal((await fleet.poll('a-2'))?.rollout_id, second);
});

for (const { given, change } of [
  { given: 'when the budget is raised', change: ['PUT', '/v1/budgets/rack=a', { max_in_flight: 2 }] },
  { given: 'when the budget is removed', change: ['DELETE', '/v1/budgets/rack=a'] },
  { given: 'when it moves to another rack', change: ['PATCH', '/v1/hosts/a-2', { labels: { rack: 'b' } }] },
  { given: 'when what changes moves to another rack', change: ['PATCH', '/v1/hosts/a-1', { labels: { rack: 'b' } }] },
  { given: 'when what changes is archived', change: ['DELETE', '/v1/hosts/a-1'] },
] as const) {
  test(`a host that waits for a place is dispatched ${given}`, async (context) => {
    const { fleet, second } = await startBoth(context);
    assert.equal(await fleet.poll('a-2'), null);
    const [method, path, body] = change;
    assert.equal((await ask(fleet, method, path, body))[0], 200);
    assert.equal((await fleet.poll('a-2'))?.rollout_id, second);
  });
}

test('budgets survive a restart of the server', async (context) => {
  const { fleet, second } = await startBoth(context);
  await fleet.server.restart();
  assert.deepEqual((await fleet.rollout(second)).hosts[0]?.held_by, HELD);
  assert.equal(await fleet.poll('a-2'), null);
});
