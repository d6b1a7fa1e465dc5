/**
 * Releases on their way to real engines: three hosts, each with its own network, engine and agent, one server, one
 * registry. What happened is asked of the engines themselves.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import * as z from 'zod';
import { skipWithoutLab } from '../../scripts/lab/engine.ts';
import { replayBodySchema } from '../../src/wire/rollout.ts';
import { readStack, sicken } from './support/deployed-stack.ts';
import { type EngineEvent, EngineWitness } from './support/engine-witness.ts';
import { type FleetHost, LiveFleet, type ReleaseTraits, requireWhole } from './support/live-fleet.ts';
import { scratchDirectory } from './support/nexus-server.ts';
import { type PushedImage, pushImage } from './support/push-image.ts';
import { type RolloutLab, startRolloutLab } from './support/rollout-lab.ts';
import { composeFile, LEAKING, SICK, WELL } from './support/sample-stack.ts';

const skip = await skipWithoutLab();
const SUSTAINED_SECONDS = 4;
const TO_ALL = ['--selector', 'fleet=host', '--waves', '1,100%'];

interface Stage {
  readonly lab: RolloutLab;
  readonly fleet: LiveFleet;
  /** By host. */
  readonly witnesses: ReadonlyMap<string, EngineWitness>;
}

interface Cast {
  readonly canary: FleetHost;
  readonly others: readonly [FleetHost, FleetHost];
}

function castOf({ hosts }: LiveFleet): Cast {
  const [canary, second, third] = hosts;
  assert.ok(canary !== undefined && second !== undefined && third !== undefined);
  return { canary, others: [second, third] };
}

async function createRelease(
  t: TestContext,
  fleet: LiveFleet,
  {
    stack,
    version,
    images,
    flags,
  }: { stack: string; version: string; images: Record<string, PushedImage>; flags: string[] },
): Promise<ReleaseTraits> {
  const file = path.join(scratchDirectory(t), 'compose.yaml');
  const references = Object.entries(images).map(([service, { reference }]) => [service, reference]);
  writeFileSync(file, composeFile(Object.fromEntries(references)));
  const what = ['--stack', stack, '--version', version, '--compose', file];
  const digest = await fleet.nexus('release', 'create', ...what, ...flags);
  const ids = Object.entries(images).map(([service, { id }]) => [service, id]);
  return { name: `${stack} ${version}`, digest, images: Object.fromEntries(ids) };
}

async function requireReplayEqual(fleet: LiveFleet, id: string): Promise<void> {
  const replay = replayBodySchema.parse(JSON.parse(await fleet.nexus('rollout', 'replay', id, '--json')));
  assert.deepEqual([replay.equal, replay.differences, replay.hosts], [true, [], 3]);
}

async function imageIds({ engine }: FleetHost): Promise<string[]> {
  const { body } = await engine.call({ path: '/images/json?all=true' });
  return z
    .array(z.object({ Id: z.string() }))
    .parse(body)
    .map(({ Id }) => Id);
}

function eventsOf({ witnesses }: Stage, host: FleetHost): readonly EngineEvent[] {
  const witness = witnesses.get(host.name);
  assert.ok(witness !== undefined, `${host.name} has a witness`);
  return witness.events;
}

/** Neither its images nor a container of it have ever been on the host: by the engine's own history and inventory. */
async function requireUnseen(stage: Stage, host: FleetHost, release: ReleaseTraits, images: readonly PushedImage[]) {
  const seen = eventsOf(stage, host).filter(
    (event) => event.release === release.digest || images.some(({ reference }) => event.image === reference),
  );
  assert.deepEqual(seen, [], `the engine of ${host.name} has never had to do with ${release.name}`);
  const present = await imageIds(host);
  assert.deepEqual(
    images.filter(({ id }) => present.includes(id)),
    [],
    `no image of ${release.name} is on ${host.name}`,
  );
}

/** The same history does show them on a host that has had them: what {@link requireUnseen} relies on. */
function requireSeen(stage: Stage, host: FleetHost, release: ReleaseTraits, images: readonly PushedImage[]): void {
  const events = eventsOf(stage, host);
  for (const { reference } of images) {
    assert.ok(
      events.some(({ action, image }) => action === 'pull' && image === reference),
      `the engine of ${host.name} has told that it pulled ${reference}`,
    );
  }
  assert.ok(
    events.some((event) => event.action === 'create' && event.release === release.digest),
    `the engine of ${host.name} has told that it created containers of ${release.name}`,
  );
}

/** When this first happened on the host with a container of the release; not before `fromMs`. */
function momentOf(stage: Stage, host: FleetHost, release: ReleaseTraits, action: string, fromMs = 0): number {
  const event = eventsOf(stage, host).find(
    (one) => one.release === release.digest && one.action === action && one.atMs >= fromMs,
  );
  assert.ok(event !== undefined, `the engine of ${host.name} has told of '${action}' with ${release.name}`);
  return event.atMs;
}

async function catchABadRelease(t: TestContext, stage: Stage): Promise<void> {
  const { fleet, lab } = stage;
  const { canary, others } = castOf(fleet);
  const push = (version: string, command: readonly string[]) => pushImage(lab.registry, `shop/web:${version}`, command);
  const cache = await pushImage(lab.registry, 'shop/cache:7', WELL);
  const web = { v1: await push('1', WELL), v2: await push('2', WELL), v3: await push('3', WELL) };
  const flags = ['--soak', '3s', '--sustained-failure', `${SUSTAINED_SECONDS}s`];
  const release = (version: string, image: PushedImage, soak = flags): Promise<ReleaseTraits> =>
    createRelease(t, fleet, { stack: 'shop', version, images: { cache, web: image }, flags: soak });
  const requireEverywhere = async (expected: ReleaseTraits): Promise<void> => {
    for (const host of fleet.hosts) assert.equal(await requireWhole(host, 'shop', all), expected.name);
  };

  const v1 = await release('1', web.v1);
  const v2 = await release('2', web.v2, ['--soak', '60s', ...flags.slice(2)]);
  const v3 = await release('3', web.v3);
  const all = [v1, v2, v3];

  const first = await fleet.nexus('rollout', 'create', 'shop@1', ...TO_ALL);
  const converged = await fleet.reaches(first, 'converged');
  assert.deepEqual(
    converged.waves.map(({ hosts }) => hosts),
    [[canary.name], others.map(({ name }) => name)],
  );
  await requireEverywhere(v1);
  const canaryHealthyMs = momentOf(stage, canary, v1, 'health_status: healthy');
  for (const other of others) {
    assert.ok(
      momentOf(stage, other, v1, 'create') > canaryHealthyMs + 3_000,
      `${other.name} began only after the soak of the canary`,
    );
  }
  await requireReplayEqual(fleet, first);

  const second = await fleet.nexus('rollout', 'create', 'shop@2', ...TO_ALL);
  const watch = fleet.command('rollout', 'watch', second);
  await fleet.hostReaches(second, canary, 'soaking');
  await sicken(canary.engine, 'shop-web-1');
  await fleet.hostReaches(second, canary, 'reverted');
  const halted = await fleet.reaches(second, 'halted');
  assert.deepEqual(
    halted.hosts.map(({ name, state }) => [name, state]),
    [[canary.name, 'reverted'], ...others.map(({ name }) => [name, 'pending'])],
  );
  assert.deepEqual(halted.hosts[0]?.failure?.failing_probes, ['health:web']);
  await requireEverywhere(v1);
  requireSeen(stage, canary, v2, [web.v2]);
  for (const other of others) await requireUnseen(stage, other, v2, [web.v2]);
  const unhealthyMs = momentOf(stage, canary, v2, 'health_status: unhealthy');
  const backMs = momentOf(stage, canary, v1, 'health_status: healthy', unhealthyMs);
  const tookSeconds = (backMs - unhealthyMs) / 1000;
  t.diagnostic(
    `unhealthy to the release before, healthy again: ${tookSeconds.toFixed(1)} s, ${SUSTAINED_SECONDS} s of them sustained failure`,
  );
  assert.ok(tookSeconds >= SUSTAINED_SECONDS, `the failure lasted, but only ${tookSeconds} s went by`);
  const { code, stdout } = await watch;
  assert.equal(code, 1, 'a rollout that was halted is no success');
  assert.match(stdout, new RegExp(`${canary.name} +failed: probe 'health:web' failing for `));
  assert.match(stdout, new RegExp(`${canary.name} +rolled back to shop 1 \\(${v1.digest.slice(7, 19)}\\)\\n$`));
  assert.match(
    await fleet.nexus('rollout', 'explain', second, canary.name),
    /^host-1 failed on shop 2 \([0-9a-f]{12}\) because probe 'health:web' failed \(container shop-web-1 is unhealthy.*\), and was rolled back to shop 1/,
  );
  await requireReplayEqual(fleet, second);

  assert.match(
    await fleet.nexus('release', 'show', 'shop@2'),
    /^Quarantined .*: probe 'health:web' failed on host-1 in rollout/m,
  );
  const refused = await fleet.command('rollout', 'create', 'shop@2', ...TO_ALL);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /shop 2 \([0-9a-f]{12}\) is quarantined: probe 'health:web' failed on host-1/);
  const held = await fleet.begin(v2.digest);
  const holding = await fleet.rolloutUntil('every host to be held', held, ({ hosts }) =>
    hosts.every(({ held_by: hold }) => hold !== null),
  );
  assert.deepEqual(
    holding.hosts.map(({ state, held_by: hold }) => [state, hold?.gate]),
    fleet.hosts.map(() => ['pending', 'quarantine']),
  );
  assert.match(
    await fleet.nexus('rollout', 'explain', held, canary.name),
    /held by the 'quarantine' gate: .*'host-1' failed/,
  );

  const third = await fleet.nexus('rollout', 'create', 'shop@3', ...TO_ALL);
  await fleet.reaches(third, 'converged');
  await requireEverywhere(v3);
  for (const other of others) await requireUnseen(stage, other, v2, [web.v2]);
  assert.equal((await fleet.operator.getRollout(held)).state, 'superseded');
  for (const id of [held, third]) await requireReplayEqual(fleet, id);
}

async function failTheFirstDeploy(t: TestContext, stage: Stage): Promise<void> {
  const { fleet, lab } = stage;
  const { canary, others } = castOf(fleet);
  const images = {
    api: await pushImage(lab.registry, 'fresh/api:1', WELL),
    web: await pushImage(lab.registry, 'fresh/web:1', SICK),
  };
  const flags = ['--soak', '3s', '--sustained-failure', '3s', '--activation-timeout', '60s'];
  const release = await createRelease(t, fleet, { stack: 'fresh', version: '1', images, flags });
  const id = await fleet.nexus('rollout', 'create', 'fresh@1', ...TO_ALL);
  await fleet.hostReaches(id, canary, 'reverted');
  await fleet.reaches(id, 'halted');
  for (const host of fleet.hosts) {
    assert.deepEqual(await readStack(host.engine, 'fresh'), [], `nothing is left on ${host.name}`);
  }
  const networks = await canary.engine.docker(['network', 'ls', '--format', '{{.Name}}']);
  assert.doesNotMatch(networks.stdout, /fresh/);
  requireSeen(stage, canary, release, [images.api, images.web]);
  for (const other of others) await requireUnseen(stage, other, release, [images.api, images.web]);
  assert.match(
    await fleet.nexus('rollout', 'explain', id, canary.name),
    /^host-1 failed on fresh 1 \([0-9a-f]{12}\) because the activation failed: .*it runs nothing now, because this was its first deploy/,
  );
  await requireReplayEqual(fleet, id);
}

async function stopALeak(t: TestContext, stage: Stage): Promise<void> {
  const { fleet, lab } = stage;
  const { canary, others } = castOf(fleet);
  const images = {
    v1: await pushImage(lab.registry, 'leaky/web:1', WELL),
    v2: await pushImage(lab.registry, 'leaky/web:2', LEAKING),
  };
  const release = (version: string, web: PushedImage, soak: string): Promise<ReleaseTraits> =>
    createRelease(t, fleet, {
      stack: 'leaky',
      version,
      images: { web },
      flags: ['--soak', soak, '--sustained-failure', `${SUSTAINED_SECONDS}s`],
    });
  const v1 = await release('1', images.v1, '3s');
  const v2 = await release('2', images.v2, '90s');
  await fleet.reaches(await fleet.nexus('rollout', 'create', 'leaky@1', ...TO_ALL), 'converged');

  const id = await fleet.nexus('rollout', 'create', 'leaky@2', ...TO_ALL);
  await fleet.hostReaches(id, canary, 'soaking');
  const { telemetry } = await fleet.hostReaches(id, canary, 'reverted');
  const halted = await fleet.reaches(id, 'halted');
  assert.deepEqual(halted.hosts[0]?.failure?.failing_probes, ['telemetry']);
  assert.deepEqual(
    halted.hosts.map(({ probes }) => probes.map(({ name, status }) => [name, status])),
    [[['health:web', 'pass']], [], []],
    'no healthcheck has seen anything',
  );
  const growth = telemetry?.figures['memory_growth_mb_per_minute'] ?? 0;
  t.diagnostic(`a leak of 60 MiB/min was measured at ${growth} MiB/min`);
  assert.ok(growth > 30 && growth < 120, `a leak of 60 MiB/min was measured at ${growth} MiB/min`);
  const explained = await fleet.nexus('rollout', 'explain', id, canary.name);
  assert.match(
    explained,
    /its telemetry regressed \(memory grows by \d+(?:\.\d+)? MiB\/min beyond the \d+ MiB of before\)/,
  );
  assert.match(explained, /^ +memory growth mb per minute +\d/m);
  for (const host of fleet.hosts) assert.equal(await requireWhole(host, 'leaky', [v1, v2]), v1.name);
  requireSeen(stage, canary, v2, [images.v2]);
  for (const other of others) await requireUnseen(stage, other, v2, [images.v2]);
  const startedMs = momentOf(stage, canary, v2, 'start');
  const backMs = momentOf(stage, canary, v1, 'health_status: healthy', startedMs);
  t.diagnostic(`from the start of the leak to the release before: ${((backMs - startedMs) / 1000).toFixed(1)} s`);
  await requireReplayEqual(fleet, id);
}

test('releases reach a fleet of real engines safely, or not at all', {
  skip,
  concurrency: 3,
}, async (t) => {
  const lab = await startRolloutLab(t, 3);
  const fleet = await LiveFleet.start(t, lab, 'host');
  const witnesses = new Map<string, EngineWitness>();
  for (const { name, engine } of fleet.hosts) witnesses.set(name, await EngineWitness.start(t, engine));
  const stage: Stage = { lab, fleet, witnesses };
  await Promise.all([
    t.test('a bad release is caught at the canary, undone there and seen nowhere else', (story) =>
      catchABadRelease(story, stage),
    ),
    t.test('a first deploy that fails leaves nothing behind', (story) => failTheFirstDeploy(story, stage)),
    t.test('a leak that no healthcheck sees is stopped at the canary by its telemetry', (story) =>
      stopALeak(story, stage),
    ),
  ]);
});
