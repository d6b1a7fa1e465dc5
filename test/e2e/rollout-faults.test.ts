/**
 * Rollouts while servers and agents are killed, hosts are cut off, engines restart and disks are lost. Whatever happens,
 * every host ends on one release, the old one or the new one, and the log explains it: replayed, it gives what is stored.
 *
 * Each story has a server, agents and a stack of its own; those whose faults would be felt by others also have hosts of
 * their own. So they run side by side.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setLink, skipWithoutLab } from '../../scripts/lab/engine.ts';
import type { ManifestBody } from '../../src/wire/release.ts';
import { waitUntil } from '../runtime/wait-until.ts';
import { readStack, sicken } from './support/deployed-stack.ts';
import { type FleetHost, LiveFleet, type ReleaseTraits, requireWhole } from './support/live-fleet.ts';
import { startPausableProxy } from './support/pausable-proxy.ts';
import { pushImage } from './support/push-image.ts';
import { type LabPlace, type RolloutLab, startRolloutLab } from './support/rollout-lab.ts';
import { composeFile, manifestOf, STUBBORN, WELL } from './support/sample-stack.ts';

const skip = await skipWithoutLab();
/** Of containers that do not end when they are asked to. */
const GRACE = 'stop_grace_period: 3s';

interface ReleaseOptions {
  readonly policy?: ManifestBody['policy'];
  /** What a host pulls through; the registry itself by default. */
  readonly through?: { readonly address: string };
}

/** One fleet, one stack of two services, and the releases that it has been given. */
class Story {
  readonly fleet: LiveFleet;
  readonly stack: string;
  readonly #lab: RolloutLab;
  readonly #releases: ReleaseTraits[] = [];

  private constructor(fleet: LiveFleet, stack: string, lab: RolloutLab) {
    this.fleet = fleet;
    this.stack = stack;
    this.#lab = lab;
  }

  static async begin(t: TestContext, lab: RolloutLab, stack: string, places: readonly LabPlace[]): Promise<Story> {
    return new Story(await LiveFleet.start(t, lab, stack, places), stack, lab);
  }

  /** Both services have images of their own in every release. */
  async release(command: readonly string[], options: ReleaseOptions = {}): Promise<ReleaseTraits> {
    const version = String(this.#releases.length + 1);
    const { registry } = this.#lab;
    const api = await pushImage(registry, `${this.stack}/api:${version}`, command);
    const web = await pushImage(registry, `${this.stack}/web:${version}`, command);
    const pulled = (reference: string): string =>
      reference.replace(registry.address, options.through?.address ?? registry.address);
    const compose = composeFile({ api: pulled(api.reference), web: pulled(web.reference) }, GRACE);
    const digest = await this.fleet.createRelease(manifestOf(this.stack, version, compose, options.policy));
    const traits = { name: `v${version}`, digest, images: { api: api.id, web: web.id } };
    this.#releases.push(traits);
    return traits;
  }

  async rollOut(release: ReleaseTraits): Promise<string> {
    const id = await this.fleet.begin(release.digest);
    await this.fleet.reaches(id, 'converged');
    await this.requireRuns(...this.fleet.hosts.map(() => release));
    return id;
  }

  /** What each host runs, in the order of the hosts: whole, and nothing else. */
  async requireRuns(...expected: readonly ReleaseTraits[]): Promise<void> {
    const found = await Promise.all(this.fleet.hosts.map((host) => this.whatRuns(host)));
    assert.deepEqual(
      found,
      expected.map(({ name }) => name),
    );
  }

  whatRuns(host: FleetHost): Promise<string | null> {
    return requireWhole(host, this.stack, this.#releases);
  }

  /** Until the engine has begun to replace containers by those of the release, and has not come to the end. */
  async halfWayTo(host: FleetHost, release: ReleaseTraits): Promise<void> {
    await waitUntil(`${host.name} to be half-way to ${release.name}`, async () =>
      (await readStack(host.engine, this.stack)).some(
        (container) => container.release === release.digest && container.state === 'created',
      ),
    );
  }

  /** Both services at once. */
  sicken({ engine }: FleetHost): Promise<void> {
    return sicken(engine, `${this.stack}-api-1`, `${this.stack}-web-1`);
  }

  async restartServer(): Promise<void> {
    await this.fleet.killServer();
    await this.fleet.startServer();
    await this.fleet.requireReplayEqual();
  }
}

/** The server's life ends while the host is pending, activating, soaking, converged, failed and reverted. */
async function killTheServer(t: TestContext, lab: RolloutLab, places: readonly LabPlace[]): Promise<void> {
  const story = await Story.begin(t, lab, 'served', places);
  const { fleet } = story;
  const [canary, second] = [fleet.host(0), fleet.host(1)];
  const proxy = await startPausableProxy(t, lab.network.serverAddress, lab.registry.address);
  const v1 = await story.release(WELL);
  await story.rollOut(v1);

  const v2 = await story.release(WELL, { through: proxy });
  proxy.pause();
  await canary.agent.stop();
  const id = await fleet.begin(v2.digest);
  await fleet.rolloutUntil('the canary to be offered it', id, ({ hosts }) => hosts[0]?.epoch !== null);
  await story.restartServer();
  assert.equal((await fleet.operator.getRollout(id)).hosts[0]?.state, 'pending');

  await canary.agent.start();
  await fleet.hostReaches(id, canary, 'activating');
  await waitUntil('the pull to hang', () => proxy.held > 0);
  await fleet.killServer();
  await story.requireRuns(v1, v1);
  // The host goes on without it, and what it has to tell waits.
  proxy.resume();
  await waitUntil('the canary to run v2', async () => (await story.whatRuns(canary)) === v2.name);
  await fleet.startServer();

  await fleet.hostReaches(id, canary, 'soaking');
  await story.restartServer();
  await fleet.hostReaches(id, canary, 'converged');
  await story.restartServer();
  await fleet.hostReaches(id, second, 'activating', 'soaking', 'converged');
  await story.restartServer();
  await fleet.reaches(id, 'converged');
  await story.restartServer();
  await story.requireRuns(v2, v2);

  const v3 = await story.release(STUBBORN, { policy: { soak_seconds: 60 } });
  const bad = await fleet.begin(v3.digest);
  await fleet.hostReaches(bad, canary, 'soaking');
  await story.sicken(canary);
  await fleet.hostReaches(bad, canary, 'failed');
  await fleet.killServer();
  // It goes back without anybody to tell.
  await waitUntil('the canary to run v2 again', async () => (await story.whatRuns(canary)) === v2.name);
  await fleet.startServer();
  await fleet.hostReaches(bad, canary, 'reverted');
  await story.restartServer();
  assert.equal((await fleet.operator.getRollout(bad)).state, 'halted');
  await story.requireRuns(v2, v2);
  await fleet.requireReplayEqual();
}

/** The agent's life ends during its pull, during `up`, in the soak and on the way back. */
async function killTheAgent(t: TestContext, lab: RolloutLab, places: readonly LabPlace[]): Promise<void> {
  const story = await Story.begin(t, lab, 'tended', places);
  const { fleet } = story;
  const canary = fleet.host(0);
  const proxy = await startPausableProxy(t, lab.network.serverAddress, lab.registry.address);
  const v1 = await story.release(STUBBORN);
  await story.rollOut(v1);

  const v2 = await story.release(STUBBORN, { through: proxy });
  proxy.pause();
  const id = await fleet.begin(v2.digest);
  await waitUntil('the pull to hang', () => proxy.held > 0);
  await canary.agent.kill();
  await story.requireRuns(v1, v1);
  proxy.resume();
  await canary.agent.start();

  await story.halfWayTo(canary, v2);
  await canary.agent.kill();
  await canary.agent.start();

  await fleet.hostReaches(id, canary, 'soaking');
  await canary.agent.kill();
  await canary.agent.start();
  await fleet.reaches(id, 'converged');
  await story.requireRuns(v2, v2);

  const v3 = await story.release(STUBBORN, { policy: { soak_seconds: 60 } });
  const bad = await fleet.begin(v3.digest);
  await fleet.hostReaches(bad, canary, 'soaking');
  await story.sicken(canary);
  await story.halfWayTo(canary, v2);
  await canary.agent.kill();
  await canary.agent.start();
  await fleet.hostReaches(bad, canary, 'reverted');
  await fleet.reaches(bad, 'halted');
  await story.requireRuns(v2, v2);
  await fleet.requireReplayEqual();
}

/** A host is cut off before, during and after its wave, and in the soak of a release that turns bad. */
async function cutOffAHost(t: TestContext, lab: RolloutLab, places: readonly LabPlace[]): Promise<void> {
  const story = await Story.begin(t, lab, 'cutoff', places);
  const { fleet } = story;
  const [canary, second] = [fleet.host(0), fleet.host(1)];
  const isOffline = async ({ name }: FleetHost): Promise<boolean> => {
    const { hosts } = await fleet.operator.listHosts();
    return hosts.find((host) => host.name === name)?.status === 'offline';
  };
  const v1 = await story.release(WELL);
  await story.rollOut(v1);

  // Before its wave: it is left as it is, and the rollout waits for it.
  const v2 = await story.release(WELL, { policy: { soak_seconds: 6 } });
  await setLink(second.host, 'down');
  await fleet.until(`${second.name} to be offline`, () => isOffline(second));
  const id = await fleet.begin(v2.digest);
  await fleet.hostReaches(id, canary, 'converged');
  // After its wave: nobody waits for it any more.
  await setLink(canary.host, 'down');
  const held = await fleet.rolloutUntil(
    `${second.name} to be held for being offline`,
    id,
    ({ hosts }) => hosts[1]?.held_by?.gate === 'host',
  );
  assert.equal(held.state, 'active');
  await story.requireRuns(v2, v1);
  // During its wave, while it pulls and starts: it goes on when it can.
  await setLink(second.host, 'up');
  await fleet.hostReaches(id, second, 'activating', 'soaking');
  await setLink(second.host, 'down');
  await sleep(3_000);
  await setLink(second.host, 'up');
  // And in its soak: that passes without anybody to tell.
  const { soak_due_at: dueAt } = await fleet.hostReaches(id, second, 'soaking');
  await setLink(second.host, 'down');
  assert.ok(dueAt !== null, 'a soak has an end');
  await sleep(Math.max(0, Date.parse(dueAt) - Date.now()) + 2_000);
  assert.equal((await fleet.operator.getRollout(id)).hosts[1]?.state, 'soaking');
  await setLink(second.host, 'up');
  await fleet.reaches(id, 'converged');
  await setLink(canary.host, 'up');
  await story.requireRuns(v2, v2);
  await fleet.requireReplayEqual();

  const v3 = await story.release(WELL, { policy: { soak_seconds: 60 } });
  await fleet.until(`${canary.name} to be back`, async () => !(await isOffline(canary)));
  const bad = await fleet.begin(v3.digest);
  await fleet.hostReaches(bad, canary, 'soaking');
  await setLink(canary.host, 'down');
  await story.sicken(canary);
  await waitUntil(`${canary.name} to go back by itself`, async () => (await story.whatRuns(canary)) === v2.name);
  const unheard = await fleet.operator.getRollout(bad);
  assert.deepEqual([unheard.state, unheard.hosts[0]?.state], ['active', 'soaking']);
  await setLink(canary.host, 'up');
  await fleet.hostReaches(bad, canary, 'reverted');
  await fleet.reaches(bad, 'halted');
  await story.requireRuns(v2, v2);
  await fleet.requireReplayEqual();
}

/** The engine restarts in the soak, crashes during `up`, and the agent's disk is lost in the soak. */
async function breakTheHost(t: TestContext, lab: RolloutLab, places: readonly LabPlace[]): Promise<void> {
  const story = await Story.begin(t, lab, 'broken', places);
  const { fleet } = story;
  const host = fleet.host(0);
  const v1 = await story.release(STUBBORN);
  await story.rollOut(v1);

  const patient = { soak_seconds: 10, sustained_failure_seconds: 60 };
  const v2 = await story.release(STUBBORN, { policy: patient });
  const restarted = await fleet.begin(v2.digest);
  await fleet.hostReaches(restarted, host, 'soaking');
  await host.engine.restart();
  await fleet.reaches(restarted, 'converged');
  await story.requireRuns(v2);

  const v3 = await story.release(STUBBORN);
  const crashed = await fleet.begin(v3.digest);
  await story.halfWayTo(host, v3);
  await host.engine.kill();
  await host.engine.restart();
  const { state } = await fleet.rolloutUntil(
    'the rollout to end',
    crashed,
    ({ state: now, hosts }) =>
      now !== 'active' && hosts.every((part) => part.state === 'converged' || part.state === 'reverted'),
  );
  const now = state === 'converged' ? v3 : v2;
  t.diagnostic(`a crash of the engine during 'up' ended in ${state}`);
  await story.requireRuns(now);

  const v4 = await story.release(WELL, { policy: { soak_seconds: 60 } });
  const wiped = await fleet.begin(v4.digest);
  await fleet.hostReaches(wiped, host, 'soaking');
  await host.agent.kill();
  host.agent.wipe();
  await host.agent.start();
  await story.sicken(host);
  await fleet.hostReaches(wiped, host, 'reverted');
  await fleet.reaches(wiped, 'halted');
  await story.requireRuns(now);

  const v5 = await story.release(WELL, { policy: { soak_seconds: 6 } });
  const wipedAgain = await fleet.begin(v5.digest);
  await fleet.hostReaches(wipedAgain, host, 'soaking');
  await host.agent.kill();
  host.agent.wipe();
  await host.agent.start();
  await fleet.reaches(wipedAgain, 'converged');
  await story.requireRuns(v5);
  await fleet.requireReplayEqual();
}

test('rollouts under faults end on one release everywhere', { skip, concurrency: 4 }, async (t) => {
  const lab = await startRolloutLab(t, 5);
  const { places } = lab;
  await Promise.all([
    t.test('a server that is killed at every state of a host', (story) =>
      killTheServer(story, lab, places.slice(0, 2)),
    ),
    t.test('an agent that is killed at every step of its work', (story) =>
      killTheAgent(story, lab, places.slice(0, 2)),
    ),
    t.test('a host that is cut off before, during and after its wave', (story) =>
      cutOffAHost(story, lab, places.slice(2, 4)),
    ),
    t.test('an engine that restarts and crashes, and a disk that is lost', (story) =>
      breakTheHost(story, lab, places.slice(4, 5)),
    ),
  ]);
});
