/** What runs where: stacks as operators read them, drift, and undoing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stackBodySchema } from '../../src/wire/stack.ts';
import { containerBody } from '../wire/telemetry-body.ts';
import { eventOf, RolloutFleet } from './rollout-fleet.ts';

const POLICY = { soak_seconds: 0, telemetry: 'off' };

async function ask(fleet: RolloutFleet, method: string, path: string): Promise<[number, unknown]> {
  const reply = await fleet.server.operator.send(method, path);
  return [reply.status, JSON.parse(reply.body)];
}

async function stackOf(fleet: RolloutFleet) {
  return stackBodySchema.parse((await ask(fleet, 'GET', '/v1/stacks/web'))[1]);
}

/** What each host is to run, does run, and how it has drifted, in a line. */
async function linesOf(fleet: RolloutFleet): Promise<string[]> {
  const { hosts } = await stackOf(fleet);
  return hosts.map(({ host, desired, observed, watched, drift }) => {
    const versions = [desired, observed].map((release) => release?.version ?? 'nothing').join(', runs ');
    return `${host} is to run ${versions}${watched ? ', watched' : ''}${drift === null ? '' : `: ${drift.findings.join('; ')}`}`;
  });
}

/** Reports containers of the stack, by service and state, and lets some seconds pass. */
async function report(fleet: RolloutFleet, name: string, services: Readonly<Record<string, string>>): Promise<void> {
  fleet.server.clock.advance(10);
  const containers = Object.entries(services).map(([service, state]) =>
    containerBody({
      container_id: `${name}-${service}`,
      name: `web-${service}-1`,
      image: `example/${service}`,
      image_tag: '1',
      state,
      status: state,
      labels: { 'com.docker.compose.project': 'web', 'com.docker.compose.service': service },
    }),
  );
  await fleet.report(name, { containers });
}

async function bring(fleet: RolloutFleet, release: string, names: readonly string[], before: string | null = null) {
  const { id } = await fleet.createRollout(release, names);
  for (const name of names) {
    const acknowledged = { ...eventOf('dispatch_ack', release), current_release: before };
    const events = [acknowledged, eventOf('activation_completed', release), eventOf('converged', release)];
    for (const [index, event] of events.entries()) {
      const reply = await fleet.send(name, id, index + 1, event);
      assert.equal(reply.status, 204, reply.body);
    }
  }
  return id;
}

async function eventsOf(fleet: RolloutFleet, ...kinds: readonly string[]) {
  const [, { events }] = (await ask(fleet, 'GET', '/v1/events?limit=1000')) as [
    number,
    { events: ReadonlyArray<{ kind: string; host: string; data: Record<string, unknown> }> },
  ];
  return events.filter(({ kind }) => kinds.includes(kind)).map(({ kind, host, data }) => [kind, host, data]);
}

test('a stack shows what each host is to run and does run, and since when', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1', 'web-2', 'web-3']);
  const [v1, v2] = [await fleet.addRelease('1', POLICY), await fleet.addRelease('2', POLICY)];
  const missing = await ask(fleet, 'GET', '/v1/stacks/web');
  assert.deepEqual(
    [missing[0], (missing[1] as { detail: string }).detail],
    [404, "there is no stack 'web': no rollout has brought it to a host yet: 'nexus rollout create' does that"],
  );
  const first = await bring(fleet, v1, ['web-1', 'web-2']);
  const reached = new Date(fleet.server.clock.nowMs()).toISOString();
  const second = await fleet.createRollout(v2, ['web-2', 'web-3']);
  assert.deepEqual(await linesOf(fleet), [
    'web-1 is to run 1, runs 1',
    'web-2 is to run 2, runs 1',
    'web-3 is to run 2, runs nothing',
  ]);
  assert.deepEqual(
    (await stackOf(fleet)).hosts.map(({ rollout_id, since }) => [rollout_id, since]),
    [
      [first, reached],
      [second.id, reached],
      [second.id, null],
    ],
  );
  const releases = [
    { release: v1, version: '1', hosts: 2 },
    { release: null, version: null, hosts: 1 },
  ];
  assert.deepEqual(await ask(fleet, 'GET', '/v1/stacks'), [
    200,
    { stacks: [{ stack: 'web', releases, hosts: 3, behind: 2, drifted: 0 }] },
  ]);
  const [, onHost] = await ask(fleet, 'GET', '/v1/hosts/web-2/stacks');
  assert.deepEqual(onHost, { stacks: (await stackOf(fleet)).hosts.filter(({ host }) => host === 'web-2') });
  await fleet.steer(second.id, 'abort', {});
  assert.deepEqual(await linesOf(fleet), ['web-1 is to run 1, runs 1', 'web-2 is to run 1, runs 1']);
});

test('a service that stops is drift until it runs again, also across a restart of the server', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1']);
  const v1 = await fleet.addRelease('1', POLICY);
  await report(fleet, 'web-1', { front: 'running' });
  const id = await bring(fleet, v1, ['web-1']);
  assert.deepEqual(await linesOf(fleet), ['web-1 is to run 1, runs 1']);
  await report(fleet, 'web-1', { front: 'running', db: 'running' });
  assert.deepEqual(await linesOf(fleet), ['web-1 is to run 1, runs 1, watched']);
  await report(fleet, 'web-1', { front: 'running', db: 'exited' });
  const finding = "service 'db' runs 0 containers instead of 1: 1 container stopped";
  assert.deepEqual(await linesOf(fleet), [`web-1 is to run 1, runs 1, watched: ${finding}`]);
  await fleet.server.restart();
  await report(fleet, 'web-1', { front: 'running', db: 'exited' });
  assert.deepEqual(await linesOf(fleet), [`web-1 is to run 1, runs 1, watched: ${finding}`]);
  await report(fleet, 'web-1', { front: 'running', db: 'running' });
  assert.deepEqual(await linesOf(fleet), ['web-1 is to run 1, runs 1, watched']);
  assert.deepEqual(await eventsOf(fleet, 'drift_detected', 'drift_resolved'), [
    ['drift_detected', 'web-1', { stack: 'web', release: v1, findings: [finding] }],
    ['drift_resolved', 'web-1', { stack: 'web', release: v1 }],
  ]);
  assert.deepEqual((await fleet.replay(id)).differences, [], 'drift is no entry of the rollout');
});

test('a stack whose last container is taken away by hand runs nothing, until it is back', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1']);
  const v1 = await fleet.addRelease('1', POLICY);
  await bring(fleet, v1, ['web-1']);
  const [since] = (await stackOf(fleet)).hosts.map((host) => host.since);
  await report(fleet, 'web-1', { front: 'running' });
  await report(fleet, 'web-1', {});
  assert.deepEqual(await linesOf(fleet), [
    "web-1 is to run 1, runs nothing, watched: service 'front' has no container any more",
  ]);
  assert.equal((await stackOf(fleet)).hosts[0]?.since, null);
  const releases = [{ release: null, version: null, hosts: 1 }];
  assert.deepEqual(await ask(fleet, 'GET', '/v1/stacks'), [
    200,
    { stacks: [{ stack: 'web', releases, hosts: 1, behind: 1, drifted: 1 }] },
  ]);
  await report(fleet, 'web-1', { front: 'running' });
  assert.deepEqual(await linesOf(fleet), ['web-1 is to run 1, runs 1, watched']);
  assert.equal((await stackOf(fleet)).hosts[0]?.since, since);
});

test('what a rollout changes is no drift, and it ends the drift of what it replaces', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1']);
  const [v1, v2] = [await fleet.addRelease('1', POLICY), await fleet.addRelease('2', POLICY)];
  await bring(fleet, v1, ['web-1']);
  await report(fleet, 'web-1', { front: 'running', db: 'running' });
  await report(fleet, 'web-1', { front: 'running' });
  const { id } = await fleet.createRollout(v2, ['web-1']);
  const acknowledged = { ...eventOf('dispatch_ack', v2), current_release: v1 };
  assert.equal((await fleet.send('web-1', id, 1, acknowledged)).status, 204);
  await report(fleet, 'web-1', { front: 'exited' });
  assert.equal((await fleet.send('web-1', id, 2, eventOf('activation_completed', v2))).status, 204);
  assert.equal((await fleet.send('web-1', id, 3, eventOf('converged', v2))).status, 204);
  await report(fleet, 'web-1', { front: 'running' });
  assert.deepEqual(await linesOf(fleet), ['web-1 is to run 2, runs 2, watched']);
  assert.deepEqual(await eventsOf(fleet, 'drift_detected', 'drift_resolved'), [
    ['drift_detected', 'web-1', { stack: 'web', release: v1, findings: ["service 'db' has no container any more"] }],
    ['drift_resolved', 'web-1', { stack: 'web', release: v1, replaced_by: v2 }],
  ]);
});

test('undo brings back what ran before the newest rollout, on the hosts that had something', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1', 'web-2', 'web-3', 'web-4']);
  const [v1, v2] = [await fleet.addRelease('1', POLICY), await fleet.addRelease('2', POLICY)];
  assert.equal((await ask(fleet, 'POST', '/v1/stacks/web/undo'))[0], 404);
  await bring(fleet, v1, ['web-1', 'web-2', 'web-4']);
  fleet.server.clock.advance(1);
  await bring(fleet, v2, ['web-1', 'web-2'], v1);
  fleet.server.clock.advance(1);
  const newest = await fleet.createRollout(v2, ['web-3']);
  const acknowledged = { ...eventOf('dispatch_ack', v2), current_release: null };
  assert.equal((await fleet.send('web-3', newest.id, 1, acknowledged)).status, 204);
  assert.equal((await fleet.send('web-3', newest.id, 2, eventOf('activation_completed', v2))).status, 204);
  const [open, refusal] = await ask(fleet, 'POST', '/v1/stacks/web/undo');
  assert.equal(open, 409);
  assert.match((refusal as { detail: string }).detail, new RegExp(`nexus rollout abort ${newest.id} --rollback`));
  assert.equal((await fleet.send('web-3', newest.id, 3, eventOf('converged', v2))).status, 204);
  const nothing = [{ host: 'web-3', reason: 'ran nothing of this stack before' }];
  const [status, answer] = await ask(fleet, 'POST', '/v1/stacks/web/undo');
  assert.deepEqual([status, answer], [201, { stack: 'web', rollouts: [], not_undone: nothing }]);
  fleet.server.clock.advance(1);
  await bring(fleet, v1, ['web-3'], v2);
  fleet.server.clock.advance(1);
  await bring(fleet, v2, ['web-1', 'web-2'], v1);
  const [, undone] = (await ask(fleet, 'POST', '/v1/stacks/web/undo')) as [number, { rollouts: [string] }];
  const back = await fleet.rollout(undone.rollouts[0]);
  assert.deepEqual([back.release, back.waves.map(({ hosts }) => hosts)], [v1, [['web-1', 'web-2']]]);
});

test('a release that takes its stack away leaves nothing, and undo brings it back', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1']);
  const v1 = await fleet.addRelease('1', POLICY);
  await bring(fleet, v1, ['web-1']);
  const removal = { kind: 'nexus.release/1', stack: 'web', version: 'removed', removes_stack: true, policy: POLICY };
  const refused = await fleet.server.operator.send('POST', '/v1/releases', {
    ...removal,
    compose: 'services: {a: {}}',
  });
  assert.equal(refused.status, 422);
  const empty = { ...removal, removes_stack: undefined, compose: 'services: {}\n' };
  assert.equal((await fleet.server.operator.send('POST', '/v1/releases', empty)).status, 422);
  const added = await fleet.server.operator.send('POST', '/v1/releases', { ...removal, compose: 'services: {}\n' });
  assert.equal(added.status, 201, added.body);
  const { digest } = JSON.parse(added.body) as { digest: string };
  fleet.server.clock.advance(1);
  await bring(fleet, digest, ['web-1'], v1);
  assert.deepEqual(await linesOf(fleet), ['web-1 is to run nothing, runs nothing']);
  await fleet.server.restart();
  const [status, undone] = (await ask(fleet, 'POST', '/v1/stacks/web/undo')) as [number, { rollouts: [string] }];
  assert.equal(status, 201);
  assert.equal((await fleet.rollout(undone.rollouts[0])).release, v1);
});
