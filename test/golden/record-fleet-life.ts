/**
 * Writes a golden log: a server and the agents of a dozen hosts live through everything that a rollout can meet, over
 * HTTP, and what the server stores of it is kept. It uses only what the fixtures of every version offer, so that it runs
 * in a checkout of the version whose log is wanted; README.md says how.
 *
 *     node test/golden/record-fleet-life.ts DIRECTORY
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { eventOf, RolloutFleet } from '../http/rollout-fleet.ts';

type Fields = Readonly<Record<string, unknown>>;
type EventType = Parameters<typeof eventOf>[0];

const [directory] = process.argv.slice(2);
assert(directory !== undefined, 'usage: node test/golden/record-fleet-life.ts DIRECTORY');
mkdirSync(directory, { recursive: true });

const HOSTS = Array.from({ length: 12 }, (_, index) => `web-${index + 1}`);
/** The directory is what is wanted: it outlives the server. */
const keeping = { after: () => {} };
const fleet = await RolloutFleet.start(keeping, HOSTS, { dataDir: directory });
const { server } = fleet;
/** The last number that each host used in each rollout. */
const numbers = new Map<string, number>();
/** Hosts whose agents report; the others have fallen silent or are archived. */
const reporting = new Set(HOSTS);

/** One event of an agent, which the server is to take unless `expected` says otherwise. */
async function send(
  host: string,
  rollout: string,
  type: EventType,
  release: string,
  more: Fields = {},
  expected = 204,
) {
  const key = `${rollout} ${host}`;
  const seq = (numbers.get(key) ?? 0) + 1;
  const reply = await fleet.send(host, rollout, seq, { ...eventOf(type, release), ...more });
  assert.equal(reply.status, expected, `${host}: ${type}: ${reply.body}`);
  if (reply.status === 204) numbers.set(key, seq);
}

/** Several events, each as it usually is. */
async function sendAll(host: string, rollout: string, release: string, ...types: EventType[]) {
  for (const type of types) await send(host, rollout, type, release);
}

/** A tick of the host, with one container of the stack when its memory is given. */
async function report(host: string, memoryMb?: number): Promise<void> {
  const container = {
    container_id: `c0ffee${host}`,
    name: 'web-web-1',
    image: 'example',
    image_tag: '1',
    status: 'Up 2 hours',
    state: 'running',
    health_status: 'healthy',
    started_at: null,
    finished_at: null,
    ports: [],
    labels: { 'com.docker.compose.project': 'web' },
    metrics: { cpu_percent: 12.5, memory_usage_mb: memoryMb },
  };
  const body = {
    recorded_at: new Date(server.clock.nowMs()).toISOString(),
    host: { metrics: memoryMb === undefined ? {} : { memory_used_mb: 3_000, memory_total_mb: 4_000 } },
    ...(memoryMb === undefined ? {} : { containers: [container] }),
  };
  assert.equal(await server.report(fleet.tokenOf(host), body), 204);
}

/** Time passes, every agent that is there reports (with its stack's memory where given), and the server looks at its clock. */
async function pass(seconds: number, memoryMb: Readonly<Record<string, number>> = {}): Promise<void> {
  server.clock.advance(seconds);
  for (const host of reporting) await report(host, memoryMb[host]);
  await server.tick();
}

/** As {@link pass}, long enough for a silent host to count as offline; it reports again the next time. */
async function passWithout(silent: string): Promise<void> {
  reporting.delete(silent);
  await pass(200);
  reporting.add(silent);
}

async function stateOf(rollout: string): Promise<string> {
  return (await fleet.rollout(rollout)).state;
}

async function lift(release: string): Promise<void> {
  const reply = await server.operator.send('POST', `/v1/releases/${release}/lift`, { reason: 'the cause is known' });
  assert.equal(reply.status, 200, reply.body);
}

const probed: readonly EventType[] = ['probe_topology_declared', 'probe_observed_first', 'probe_result'];
const first = await fleet.addRelease('1', { soak_seconds: 30 });
const second = await fleet.addRelease('2', { soak_seconds: 30, sustained_failure_seconds: 10 });
const third = await fleet.addRelease('3', { soak_seconds: 20, on_health_failure: 'halt', telemetry: 'off' });
const judged = await fleet.addRelease('4', {
  soak_seconds: 120,
  sustained_failure_seconds: 10,
  telemetry: 'required',
  telemetry_limits: { max_memory_growth_mb_per_minute: 10 },
});

// Three waves come through; events come twice, late and under numbers that are taken.
const waves = [{ count: 1 }, { percent: 50 }, { percent: 100 }];
const converging = await fleet.createRollout(first, HOSTS.slice(0, 6), { waves, max_in_flight: 2 });
for (const host of HOSTS.slice(0, 6)) {
  assert.notEqual(await fleet.poll(host), null, `${host} is offered the release`);
  await sendAll(host, converging.id, first, 'dispatch_ack', 'activation_started');
  if (host === 'web-2') await sendAll(host, converging.id, first, 'activation_deferred', 'activation_started');
  await sendAll(host, converging.id, first, 'activation_completed', ...probed, 'probe_failure_first');
  const failing = { status: 'fail', failure_reason: 'connexion refusée ☠' };
  await send(host, converging.id, 'probe_result', first, failing);
  await send(host, converging.id, 'converged', first, {}, 409);
  await pass(31);
  await send(host, converging.id, 'converged', first, {}, 409);
  await send(host, converging.id, 'probe_result', first);
  if (host === 'web-3') numbers.set(`${converging.id} ${host}`, 40);
  await send(host, converging.id, 'converged', first);
  assert.equal((await fleet.send(host, converging.id, 1, eventOf('dispatch_ack', first))).status, 204);
  assert.equal((await fleet.send(host, converging.id, 1, eventOf('converged', first))).status, 409);
  await pass(1);
}
assert.equal(await stateOf(converging.id), 'converged');

// The first host fails: the rollout halts, the release is quarantined, and the host goes back.
const failing = await fleet.createRollout(second, HOSTS.slice(0, 6), { waves });
await send('web-1', failing.id, 'dispatch_ack', second, { current_release: first });
await sendAll('web-1', failing.id, second, 'activation_started', 'activation_completed', ...probed);
await send('web-1', failing.id, 'probe_result', second, { status: 'fail', failure_reason: 'HTTP 503 “no backend”' });
await pass(12);
await send('web-1', failing.id, 'failed', second);
assert.equal(await stateOf(failing.id), 'halted');
await send('web-1', failing.id, 'rollback_completed', second, { reverted_to_release: first });

// Quarantined, it is held; lifted, it goes on, and failures within the threshold are borne.
const tolerant = await fleet.createRollout(second, HOSTS.slice(0, 6), {
  waves: [{ count: 4 }, { percent: 100 }],
  failure_threshold: 2,
});
await pass(5);
assert.equal(await fleet.poll('web-1'), null);
await lift(second);
await pass(1);
const tail = `${'é'.repeat(4_090)} and the end`;
await sendAll('web-1', tolerant.id, second, 'dispatch_ack', 'activation_started');
await send('web-1', tolerant.id, 'activation_failed', second, { stderr_tail: tail });
await sendAll('web-2', tolerant.id, second, 'dispatch_ack', 'activation_deferred', 'activation_failed');
await sendAll('web-3', tolerant.id, second, 'dispatch_ack', 'activation_completed');
await pass(31);
await send('web-3', tolerant.id, 'converged', second);
await sendAll('web-1', tolerant.id, second, 'rollback_completed');

// An offer is withdrawn by a pause, and made again with the next epoch.
assert.notEqual(await fleet.poll('web-4'), null);
await fleet.steer(tolerant.id, 'pause');
assert.equal(await fleet.poll('web-4'), null);
await send('web-4', tolerant.id, 'dispatch_ack', second, {}, 409);
await pass(5);
await fleet.steer(tolerant.id, 'resume');
await pass(1);
// An offline host's offer is withdrawn as well; it converges when it is back.
await passWithout('web-4');
assert.equal(await fleet.poll('web-4'), null);
await pass(1);
await sendAll('web-4', tolerant.id, second, 'dispatch_ack', 'activation_completed');
await pass(31);
await send('web-4', tolerant.id, 'converged', second);
await pass(1);
// The rest of it is replaced by a newer rollout, while one host is under way in it.
await sendAll('web-5', tolerant.id, second, 'dispatch_ack', 'activation_started');
const newer = await fleet.createRollout(third, ['web-6', 'web-5', 'web-7', 'web-8', 'web-9'], {
  waves: [{ count: 2 }, { percent: 100 }],
  max_in_flight: 3,
});
assert.equal(await stateOf(tolerant.id), 'superseded');
await sendAll('web-5', tolerant.id, second, 'activation_completed');
await pass(31);
await send('web-5', tolerant.id, 'converged', second);

// A wave is promoted without its offline host; hosts are archived before and during their turn.
await passWithout('web-5');
reporting.delete('web-5');
await sendAll('web-6', newer.id, third, 'dispatch_ack', 'activation_completed', 'probe_topology_declared');
await pass(21);
await send('web-6', newer.id, 'converged', third);
await pass(1);
assert.equal((await fleet.rollout(newer.id)).current_wave, 1);
await sendAll('web-7', newer.id, third, 'dispatch_ack', 'activation_completed');
reporting.delete('web-7');
reporting.delete('web-9');
await server.operator.archiveHost('web-7');
await server.operator.archiveHost('web-9');
await sendAll('web-8', newer.id, third, 'dispatch_ack', 'activation_completed');
await pass(21);
await send('web-8', newer.id, 'converged', third);
reporting.add('web-5');
await pass(1);
await sendAll('web-5', newer.id, third, 'dispatch_ack', 'activation_completed');
await pass(21);
await send('web-5', newer.id, 'converged', third);
await pass(1);
assert.equal(await stateOf(newer.id), 'converged');

// Aborted with a rollback: what was touched goes back, as rollouts of their own. A failure after the end quarantines.
const aborted = await fleet.createRollout(second, ['web-6', 'web-8', 'web-10', 'web-3'], { max_in_flight: 4 });
await send('web-6', aborted.id, 'dispatch_ack', second, { current_release: third });
await send('web-8', aborted.id, 'dispatch_ack', second, { current_release: third });
await send('web-3', aborted.id, 'dispatch_ack', second, { current_release: first });
await sendAll('web-6', aborted.id, second, 'activation_started', 'activation_completed');
await pass(31);
await send('web-6', aborted.id, 'converged', second);
await fleet.steer(aborted.id, 'abort', { reason: 'wrong day', rollback: true });
await sendAll('web-8', aborted.id, second, 'activation_started', 'activation_failed', 'rollback_completed');
await sendAll('web-3', aborted.id, second, 'activation_deferred');
await pass(2);
const offer = await fleet.poll('web-6');
assert.equal(offer?.release, third);
await sendAll('web-6', offer.rollout_id, third, 'dispatch_ack', 'activation_completed');
await pass(21);
await send('web-6', offer.rollout_id, 'converged', third);
await pass(1);

// What the server sees of a soak: nothing, too little, well, growing, growing for too long.
const watched = await fleet.createRollout(judged, ['web-10', 'web-11', 'web-12'], {
  waves: [{ count: 1 }, { percent: 100 }],
  failure_threshold: 0,
});
await sendAll('web-10', watched.id, judged, 'dispatch_ack', 'activation_completed');
await pass(121);
await send('web-10', watched.id, 'converged', judged, {}, 409);
for (const memoryMb of [100, 101, 100, 101, 100, 101]) await pass(10, { 'web-10': memoryMb });
await send('web-10', watched.id, 'converged', judged);
await pass(1);
await sendAll('web-11', watched.id, judged, 'dispatch_ack', 'activation_completed');
for (let grown = 0; grown < 14; grown += 1) await pass(10, { 'web-11': 100 + 20 * grown });
await send('web-11', watched.id, 'failed', judged, { failing_probes: ['telemetry'], sustained_seconds: 0 });
assert.equal(await stateOf(watched.id), 'halted');
await send('web-11', watched.id, 'rollback_completed', judged);

// Nobody of the only wave comes through, though failures are borne: that ends the rollout too.
const hopeless = await fleet.createRollout(third, ['web-10', 'web-12'], { failure_threshold: 5 });
for (const host of ['web-10', 'web-12']) await sendAll(host, hopeless.id, third, 'dispatch_ack', 'activation_failed');
await pass(1);
assert.equal(await stateOf(hopeless.id), 'halted');
await lift(third);

// Left open: one host soaks, one is offered the release, the others wait for labels, windows and their wave.
await server.operator.patchHost('web-3', { labels: { after: 'web-1' } });
await server.operator.patchHost('web-4', { labels: { 'maintenance-window': 'Mon 03:00-04:00' } });
const open = await fleet.createRollout(first, ['web-1', 'web-2', 'web-3', 'web-4', 'web-12'], {
  waves: [{ count: 4 }, { percent: 100 }],
});
await sendAll('web-1', open.id, first, 'dispatch_ack', 'activation_completed', 'probe_topology_declared');
await pass(1);
const pausedOne = await fleet.createRollout(third, ['web-11'], {});
await fleet.steer(pausedOne.id, 'pause');
await pass(1);

const { rollouts } = JSON.parse((await server.operator.send('GET', '/v1/rollouts?limit=100')).body) as {
  rollouts: ReadonlyArray<{ id: string; state: string }>;
};
for (const { id, state } of rollouts) {
  const replayed = await fleet.replay(id);
  process.stdout.write(`${id} ${state}: ${replayed.entries} entries, ${replayed.hosts} hosts\n`);
  assert.deepEqual(replayed.differences, []);
}
await server.stop();
