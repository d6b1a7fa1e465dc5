/** What a soak comes to by the telemetry of its stack, and without it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rolloutPlanBodySchema } from '../../src/wire/rollout.ts';
import { containerBody, type JsonObject } from '../wire/telemetry-body.ts';
import { eventOf, RolloutFleet } from './rollout-fleet.ts';

const SOAK_SECONDS = 30;
const WAVES = { waves: [{ count: 1 }, { percent: 100 }] };
const LABELS = { 'com.docker.compose.project': 'web' };

/** One tick of the host, whose clock is so many seconds ahead of the server's. */
async function report(
  fleet: RolloutFleet,
  name: string,
  containers: readonly object[],
  aheadSeconds = 0,
): Promise<void> {
  const recordedAt = new Date(fleet.server.clock.nowMs() + aheadSeconds * 1000).toISOString();
  const body = { recorded_at: recordedAt, host: { metrics: { memory_total_mb: 4_000 } }, containers };
  assert.equal(await fleet.server.report(fleet.tokenOf(name), body), 204);
}

function using(memoryMb: number): JsonObject[] {
  return [containerBody({ labels: LABELS, metrics: { cpu_percent: 5, memory_usage_mb: Math.round(memoryMb) } })];
}

/** Ticks of 5 s, over so many seconds. */
async function reportFor(
  fleet: RolloutFleet,
  seconds: number,
  memoryMb: (second: number) => number,
  { hosts = ['web-1'], aheadSeconds = 0 }: { readonly hosts?: readonly string[]; readonly aheadSeconds?: number } = {},
): Promise<void> {
  for (let second = 0; second < seconds; second += 5) {
    for (const name of hosts) await report(fleet, name, using(memoryMb(second)), aheadSeconds);
    fleet.server.clock.advance(5);
    await fleet.server.tick();
  }
}

const LEAK_MB_PER_SECOND = 2;

/** Brings a second release to web-1, whose first one was flat at 50 MiB for two minutes. */
async function replaceFlat(fleet: RolloutFleet, hosts: readonly string[] = ['web-1']): Promise<string> {
  const first = await fleet.addRelease('1', { soak_seconds: 0, telemetry: 'off' });
  const { id: before } = await fleet.createRollout(first, ['web-1']);
  await fleet.bring('web-1', before, first, 'converged');
  await reportFor(fleet, 120, () => 50);
  const second = await fleet.addRelease('2', { soak_seconds: 60, sustained_failure_seconds: 15 });
  const { id } = await fleet.createRollout(second, hosts, { waves: [{ count: 1 }, { percent: 100 }] });
  await fleet.server.tick();
  const acknowledged = { ...eventOf('dispatch_ack', second), current_release: first };
  assert.equal((await fleet.send('web-1', id, 1, acknowledged)).status, 204);
  assert.equal((await fleet.send('web-1', id, 2, eventOf('activation_completed', second))).status, 204);
  return id;
}

async function verdictOn(fleet: RolloutFleet, id: string) {
  const { hosts } = await fleet.rollout(id);
  return hosts.find(({ name }) => name === 'web-1')?.telemetry;
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
    /the release requires telemetry, and the soak is not judged: no telemetry of the stack arrived in the soak/,
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
  await reportFor(fleet, 10, () => 50);
  const tooFew = await fleet.send('web-1', id, seq, eventOf('converged', release));
  assert.equal(tooFew.status, 409);
  assert.match(tooFew.body, /the soak is not judged: too few samples yet to judge its memory and CPU/);
  await reportFor(fleet, 15, () => 50);
  const judged = await fleet.send('web-1', id, seq, eventOf('converged', release));
  assert.equal(judged.status, 204, judged.body);
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
  assert.equal(host?.telemetry?.reason, 'not judged: too few samples yet to judge its memory and CPU');
});

test('a host with a stack in its soak may report every 5 s, however low the limit is', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1', 'web-2'], { agentRateLimit: 3 });
  const release = await fleet.addRelease('1', { soak_seconds: 60 });
  const { id } = await fleet.createRollout(release, ['web-1']);
  await fleet.bring('web-1', id, release, 'soaking');
  const statusesOf = async (name: string): Promise<number[]> => {
    const statuses: number[] = [];
    for (let count = 0; count < 20; count += 1) {
      fleet.server.clock.advance(1);
      const body = { recorded_at: new Date(fleet.server.clock.nowMs()).toISOString(), host: { metrics: {} } };
      statuses.push(await fleet.server.report(fleet.tokenOf(name), body));
    }
    return statuses;
  };
  // One tick each has brought them online.
  assert.deepEqual(await statusesOf('web-1'), [...Array(17).fill(204), ...Array(3).fill(429)]);
  assert.deepEqual(await statusesOf('web-2'), [...Array(2).fill(204), ...Array(18).fill(429)]);
});

for (const { policy, notes } of [
  {
    policy: { soak_seconds: 44 },
    notes: ['A soak of 44 s is too short to judge memory, which takes 45 s: hosts converge without that.'],
  },
  {
    policy: { soak_seconds: 2, telemetry: 'required' },
    notes: [
      'A soak of 2 s is too short to judge memory, which takes 45 s: hosts soak until then, as the release requires it.',
    ],
  },
  { policy: { soak_seconds: 2, telemetry: 'off' }, notes: [] },
  { policy: { soak_seconds: 45 }, notes: [] },
]) {
  test(`a plan of a soak of ${policy.soak_seconds} s has ${notes.length} notes with telemetry ${policy.telemetry ?? 'judged'}`, async (context) => {
    const fleet = await RolloutFleet.start(context, ['web-1']);
    const release = await fleet.addRelease('1', policy);
    const reply = await fleet.server.operator.send('POST', '/v1/rollouts/plan', { release, hosts: ['web-1'] });
    const plan = rolloutPlanBodySchema.parse(JSON.parse(reply.body));
    // Its image is named by a tag, which is noted too.
    assert.deepEqual(
      plan.notes.filter((note) => note.includes('soak')),
      notes,
    );
  });
}

for (const { given, aheadSeconds } of [
  { given: 'that is right', aheadSeconds: 0 },
  { given: 'that is set back by four minutes in the soak', aheadSeconds: -240 },
  { given: 'that is set back by most of an hour in the soak', aheadSeconds: -3_500 },
  { given: 'that is set ahead by four minutes in the soak', aheadSeconds: 240 },
]) {
  test(`a leak is a regression on a host with a clock ${given}`, async (context) => {
    const fleet = await RolloutFleet.start(context, ['web-1']);
    const id = await replaceFlat(fleet);
    await reportFor(fleet, 20, (second) => 50 + LEAK_MB_PER_SECOND * second);
    await reportFor(fleet, 40, (second) => 90 + LEAK_MB_PER_SECOND * second, { aheadSeconds });
    const verdict = await verdictOn(fleet, id);
    assert.deepEqual(
      [verdict?.status, verdict?.reason],
      ['regressed', 'memory grows by 120 MiB/min, usual is 0, at most 16 more is allowed'],
    );
  });
}

test('a leak after a step of the clock is a regression although the server is started anew', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1']);
  const id = await replaceFlat(fleet);
  await reportFor(fleet, 20, (second) => 50 + LEAK_MB_PER_SECOND * second);
  await reportFor(fleet, 10, (second) => 90 + LEAK_MB_PER_SECOND * second, { aheadSeconds: -240 });
  await fleet.server.restart();
  await reportFor(fleet, 50, (second) => 110 + LEAK_MB_PER_SECOND * second, { aheadSeconds: -240 });
  assert.equal((await verdictOn(fleet, id))?.status, 'regressed');
});

test('ticks that were kept and sent later stand where they were taken, also after a step of the clock', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1']);
  const id = await replaceFlat(fleet);
  const kept: JsonObject[] = [];
  for (let second = 0; second < 60; second += 5) {
    const recordedAt = new Date(fleet.server.clock.nowMs()).toISOString();
    const containers = using(50 + LEAK_MB_PER_SECOND * second);
    kept.push({ recorded_at: recordedAt, host: { metrics: {} }, containers });
    fleet.server.clock.advance(5);
  }
  await report(fleet, 'web-1', using(170));
  assert.equal(await fleet.server.backFill(fleet.tokenOf('web-1'), kept), 204);
  await fleet.server.tick();
  const verdict = await verdictOn(fleet, id);
  assert.equal(verdict?.figures['memory_growth_mb_per_minute'], 120);
});

test('a leak that was rolled back does not excuse the next one, although nothing was reported in between', async (context) => {
  const fleet = await RolloutFleet.start(context, ['web-1']);
  const leak = (second: number): number => 50 + LEAK_MB_PER_SECOND * second;
  const first = await replaceFlat(fleet);
  await reportFor(fleet, 60, leak);
  assert.equal((await verdictOn(fleet, first))?.status, 'regressed');
  const { release } = await fleet.rollout(first);
  const failed = { ...eventOf('failed', release), failing_probes: ['telemetry'] };
  assert.equal((await fleet.send('web-1', first, 3, failed)).status, 204);
  assert.equal((await fleet.send('web-1', first, 4, eventOf('rollback_completed', release))).status, 204);
  const again = await fleet.addRelease('3', { soak_seconds: 60, sustained_failure_seconds: 15 });
  const { id } = await fleet.createRollout(again, ['web-1']);
  await fleet.server.tick();
  const acknowledged = { ...eventOf('dispatch_ack', again), current_release: release };
  assert.equal((await fleet.send('web-1', id, 1, acknowledged)).status, 204);
  assert.equal((await fleet.send('web-1', id, 2, eventOf('activation_completed', again))).status, 204);
  await reportFor(fleet, 60, leak);
  const verdict = await verdictOn(fleet, id);
  assert.deepEqual([verdict?.status, verdict?.figures['baseline_memory_growth_mb_per_minute']], ['regressed', 0]);
});

for (const { given, liars } of [
  { given: 'more memory than they have', liars: (second: number) => 100_000 + 500 * second },
  { given: 'a leak of their own', liars: (second: number) => 50 + 2.5 * second },
]) {
  test(`five hosts that report ${given} excuse no leak of another one`, async (context) => {
    const others = ['a-1', 'a-2', 'a-3', 'a-4', 'a-5'];
    const fleet = await RolloutFleet.start(context, ['web-1', ...others]);
    await reportFor(fleet, 110, liars, { hosts: others });
    await report(fleet, 'web-1', []);
    const id = await replaceFlat(fleet, ['web-1', ...others]);
    for (let second = 0; second < 60; second += 5) {
      for (const name of others) await report(fleet, name, using(liars(240 + second)));
      await reportFor(fleet, 5, () => 50 + LEAK_MB_PER_SECOND * second);
    }
    const verdict = await verdictOn(fleet, id);
    assert.deepEqual([verdict?.status, verdict?.figures['memory_growth_mb_per_minute']], ['regressed', 120]);
  });
}

for (const { by, agent, status } of [
  { by: 'an agent that counts crashes itself', agent: { version: '1.2.0' }, status: 'ok' },
  { by: 'an older agent', agent: null, status: 'regressed' },
]) {
  test(`a container that restarts all the time under ${by} is ${status}`, async (context) => {
    const fleet = await RolloutFleet.start(context, ['web-1']);
    const release = await fleet.addRelease('1', { soak_seconds: 60, sustained_failure_seconds: 15 });
    const { id } = await fleet.createRollout(release, ['web-1']);
    await fleet.bring('web-1', id, release, 'soaking');
    for (let second = 0; second < 50; second += 5) {
      const startedAt = new Date(fleet.server.clock.nowMs()).toISOString();
      const [container] = using(50);
      await fleet.report('web-1', { agent, containers: [{ ...container, started_at: startedAt }] });
      fleet.server.clock.advance(5);
      await fleet.server.tick();
    }
    const verdict = await verdictOn(fleet, id);
    assert.equal(verdict?.status, status, verdict?.reason);
    assert.ok((verdict?.figures['restarts'] ?? 0) > 2, 'more restarts than the release allows');
  });
}
