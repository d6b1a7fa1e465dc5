/** The agent's half of a rollout against a real engine and a real Compose; only the server is made up, to fail at will. */
import assert from 'node:assert/strict';
import { after, before, suite, type TestContext, test } from 'node:test';
import {
  createNetworkNamespaces,
  type Engine,
  importBusybox,
  type LabNetwork,
  type LabRegistry,
  removeNetworkNamespaces,
  skipWithoutLab,
  startEngine,
  startRegistry,
} from '../../scripts/lab/engine.ts';
import type { ManifestBody } from '../../src/wire/release.ts';
import { type FakeRollout, FakeServer } from '../agent/rollouts/fake-server.ts';
import { waitUntil } from '../runtime/wait-until.ts';
import { explainFailure } from './support/afterwards.ts';
import { describeStack, readStack, sicken } from './support/deployed-stack.ts';
import { startPausableProxy } from './support/pausable-proxy.ts';
import { RolloutAgent } from './support/rollout-agent.ts';

const skip = await skipWithoutLab();
const IMAGE = 'nexus-lab/busybox:1';

const POLICY = {
  activation_timeout_seconds: 60,
  soak_seconds: 2,
  sustained_failure_seconds: 2,
  on_health_failure: 'rollback-and-halt',
} as const;

/** Healthy for as long as /ok is there. */
const HEALTHCHECK = '{test: ["CMD", "test", "-f", "/ok"], interval: 300ms, timeout: 20s, retries: 1}';

interface ServiceOptions {
  readonly image?: string;
  readonly graceSeconds?: number;
  readonly replicas?: number;
  readonly extra?: readonly string[];
}

/** A service that is healthy until `sicken`. */
function service(name: string, options: ServiceOptions = {}): string {
  const { image = IMAGE, graceSeconds = 0, replicas = 1, extra = [] } = options;
  return [
    `  ${name}:`,
    `    image: ${image}`,
    `    command: [sh, -c, "touch /ok; sleep 3600"]`,
    `    stop_grace_period: ${graceSeconds}s`,
    `    healthcheck: ${HEALTHCHECK}`,
    `    deploy: {replicas: ${replicas}}`,
    ...extra.map((line) => `    ${line}`),
    '',
  ].join('\n');
}

function manifest(stack: string, version: string, services: string, changes: Partial<ManifestBody> = {}): ManifestBody {
  return { kind: 'nexus.release/1', stack, version, compose: `services:\n${services}`, policy: POLICY, ...changes };
}

suite('an agent with --rollouts', { skip, concurrency: 3 }, () => {
  let network: LabNetwork;
  let engine: Engine;
  let registry: LabRegistry;
  let epoch = 0;

  before(async () => {
    network = await createNetworkNamespaces(1);
    const [host] = network.hosts;
    assert.ok(host !== undefined);
    [engine, registry] = await Promise.all([startEngine({ netns: host.namespace }), startRegistry(network)]);
    await importBusybox(engine);
  });

  after(async () => {
    await engine?.stop();
    await registry?.stop();
    await removeNetworkNamespaces(network);
  });

  function offer(server: FakeServer, stack: string, release: string, soakSeconds = 2): FakeRollout {
    epoch += 1;
    return server.offer({ id: `${stack}-${epoch}`, stack, release, soakSeconds, epoch });
  }

  function until(what: string, holds: () => boolean | Promise<boolean>): Promise<true> {
    return waitUntil(what, async () => (await holds()) && true);
  }

  function reaches(rollout: FakeRollout, state: FakeRollout['state']): Promise<true> {
    return until(`${rollout.id} to be ${state}; it is ${rollout.state}`, () => rollout.state === state);
  }

  /** Why the activation is put off, once it is. */
  async function deferralOf(rollout: FakeRollout): Promise<string> {
    await until('the activation to be put off', () => typesOf(rollout).includes('activation_deferred'));
    const deferred = rollout.events.find((event) => event.type === 'activation_deferred');
    return deferred?.reason ?? '';
  }

  function typesOf(rollout: FakeRollout): string[] {
    return rollout.events.map(({ type }) => type);
  }

  /** Without the events of probes. */
  function stepsOf(rollout: FakeRollout): string[] {
    return typesOf(rollout).filter((type) => !type.startsWith('probe_'));
  }

  async function bench(t: TestContext, env: Record<string, string> = {}) {
    const server = await FakeServer.start(t);
    const agent = await RolloutAgent.start(t, engine, server.url, { env });
    explainFailure(t, () => agent.log);
    return { server, agent };
  }

  test('goes back to the release that it had, image and all, while the server cannot be reached', async (t) => {
    const { server } = await bench(t);
    await importBusybox(engine, 'nexus-lab/moving:stable');
    const v1 = server.publish(manifest('moving', '1', service('web', { image: 'nexus-lab/moving:stable' })));
    const first = offer(server, 'moving', v1);
    await reaches(first, 'converged');
    const [before] = await readStack(engine, 'moving');
    assert.deepEqual(stepsOf(first), ['dispatch_ack', 'activation_started', 'activation_completed', 'converged']);

    // The same name means another image from here on.
    await importBusybox(engine, 'nexus-lab/moving:stable');
    const v2 = server.publish(manifest('moving', '2', service('web', { image: 'nexus-lab/moving:stable' })));
    const second = offer(server, 'moving', v2, 30);
    await reaches(second, 'soaking');
    server.cut();
    const [moved] = await readStack(engine, 'moving');
    assert.equal(moved?.release, v2);
    assert.notEqual(moved?.imageId, before?.imageId);
    await sicken(engine, 'moving-web-1');
    await until('v1 to run again', async () => {
      const [now] = await readStack(engine, 'moving');
      return now?.release === v1 && now.imageId === before?.imageId && now.state === 'running';
    });
    assert.equal(second.state, 'soaking', 'the server has heard nothing of it');

    server.weather = 'up';
    await reaches(second, 'reverted');
    const failed = second.events.find((event) => event.type === 'failed');
    assert.deepEqual(failed?.failing_probes, ['health:web']);
    assert.equal(failed?.policy_applied, 'rollback-and-halt');
    const reverted = second.events.at(-1);
    assert.ok(reverted?.type === 'rollback_completed');
    assert.equal(reverted.reverted_to_release, v1);
    assert.equal(reverted.exit_code, 0);
    assert.deepEqual(server.refused, []);
    const firstFailure = second.events.find((event) => event.type === 'probe_failure_first');
    const tookMs = Date.parse(reverted.completed_at) - Date.parse(firstFailure?.first_failed_at ?? '');
    t.diagnostic(
      `from the failing probe to the release that ran before: ${tookMs} ms, 2000 ms of them sustained failure`,
    );
  });

  test('a first deploy that fails leaves nothing but its volumes', async (t) => {
    const { server } = await bench(t);
    const compose = `services:\n${service('web', { extra: ['volumes: ["data:/data"]'] })}  sick:\n    image: ${IMAGE}\n    stop_grace_period: 0s\n    healthcheck: {test: ["CMD", "sh", "-c", "echo no database; exit 1"], interval: 300ms, retries: 1}\nvolumes: {data: {}}\n`;
    const release = server.publish({ ...manifest('fresh', '1', ''), compose });
    const rollout = offer(server, 'fresh', release);
    await reaches(rollout, 'reverted');
    assert.deepEqual(stepsOf(rollout), [
      'dispatch_ack',
      'activation_started',
      'activation_failed',
      'rollback_completed',
    ]);
    const failed = rollout.events.find((event) => event.type === 'activation_failed');
    assert.equal(failed?.exit_code, 1);
    assert.match(failed?.stderr_tail ?? '', /container fresh-sick-1 is unhealthy/);
    const reverted = rollout.events.at(-1);
    assert.ok(reverted?.type === 'rollback_completed');
    assert.equal(reverted.reverted_to_release, null);
    assert.deepEqual(await readStack(engine, 'fresh'), []);
    const networks = await engine.docker(['network', 'ls', '--format', '{{.Name}}']);
    assert.doesNotMatch(networks.stdout, /fresh/);
    const volumes = await engine.docker(['volume', 'ls', '--format', '{{.Name}}']);
    assert.match(volumes.stdout, /^fresh_data$/m);
  });

  test('killed during the pull: what ran is not touched, and the next start goes on', async (t) => {
    const { server, agent } = await bench(t);
    const proxy = await startPausableProxy(t, network.serverAddress, registry.address);
    const image = `${proxy.address}/pulled:2`;
    await engine.docker(['tag', IMAGE, image]);
    await engine.docker(['push', '--quiet', image]);
    await engine.docker(['rmi', image]);
    const v1 = server.publish(manifest('pulled', '1', service('web')));
    await reaches(offer(server, 'pulled', v1), 'converged');
    const before = await readStack(engine, 'pulled');

    proxy.pause();
    const v2 = server.publish(manifest('pulled', '2', service('web', { image })));
    const rollout = offer(server, 'pulled', v2);
    await until('the pull to hang', () => proxy.held > 0);
    await agent.kill();
    assert.deepEqual(await readStack(engine, 'pulled'), before);
    await agent.start();
    await until('the pull that was left to be ended', () =>
      /commands of an earlier agent are still running/.test(agent.log),
    );
    proxy.resume();
    await reaches(rollout, 'converged');
    assert.deepEqual(await describeStack(engine, 'pulled', { v1, v2 }), [`pulled-web-1 v2 ${image} running`]);
    assert.deepEqual(stepsOf(rollout), ['dispatch_ack', 'activation_started', 'activation_completed', 'converged']);
    assert.deepEqual(server.refused, []);
  });

  test('a pull that hangs ends with its budget, and what ran is not touched', async (t) => {
    const { server } = await bench(t);
    const proxy = await startPausableProxy(t, network.serverAddress, registry.address);
    proxy.pause();
    const v1 = server.publish(manifest('late', '1', service('web')));
    await reaches(offer(server, 'late', v1), 'converged');
    const before = await readStack(engine, 'late');
    const policy = { ...POLICY, pull_budget_seconds: 8 };
    const v2 = manifest('late', '2', service('web', { image: `${proxy.address}/late:2` }), { policy });
    const rollout = offer(server, 'late', server.publish(v2));
    await reaches(rollout, 'reverted');
    const failed = rollout.events.find((event) => event.type === 'activation_failed');
    assert.match(failed?.stderr_tail ?? '', /8 s \(pull_budget_seconds\)/);
    assert.equal(failed?.trouble, 'registry');
    const reverted = rollout.events.at(-1);
    assert.equal(reverted?.type === 'rollback_completed' && reverted.reverted_to_release, v1);
    assert.deepEqual(await readStack(engine, 'late'), before);
    assert.deepEqual(server.refused, []);
  });

  test('killed during up and during the way back: one release or the other, never both', async (t) => {
    const { server, agent } = await bench(t);
    const services = (options: ServiceOptions): string =>
      service('api', options) + service('web', { ...options, replicas: 2 });
    const v1 = server.publish(manifest('cut', '1', services({ graceSeconds: 3 })));
    await reaches(offer(server, 'cut', v1), 'converged');

    const changed = { graceSeconds: 3, extra: ['environment: {VERSION: "2"}'] };
    const v2 = server.publish(manifest('cut', '2', services(changed)));
    const rollout = offer(server, 'cut', v2, 60);
    const begun = async (release: string): Promise<boolean> =>
      (await readStack(engine, 'cut')).some(
        (container) => container.release === release && container.state === 'created',
      );
    await until('up to have begun', () => begun(v2));
    await agent.kill();
    await agent.start();
    await reaches(rollout, 'soaking');
    assert.deepEqual(await describeStack(engine, 'cut', { v1, v2 }), [
      `cut-api-1 v2 ${IMAGE} running`,
      `cut-web-1 v2 ${IMAGE} running`,
      `cut-web-2 v2 ${IMAGE} running`,
    ]);

    await sicken(engine, 'cut-api-1', 'cut-web-1', 'cut-web-2');
    await reaches(rollout, 'failed');
    await until('the way back to have begun', () => begun(v1));
    await agent.kill();
    await agent.start();
    await reaches(rollout, 'reverted');
    assert.deepEqual(await describeStack(engine, 'cut', { v1, v2 }), [
      `cut-api-1 v1 ${IMAGE} running`,
      `cut-web-1 v1 ${IMAGE} running`,
      `cut-web-2 v1 ${IMAGE} running`,
    ]);
    assert.deepEqual(stepsOf(rollout), [
      'dispatch_ack',
      'activation_started',
      'activation_completed',
      'failed',
      'rollback_completed',
    ]);
    assert.deepEqual(server.refused, []);
  });

  test('killed in the soak it goes on; with its disk wiped it goes on by what the server knows', async (t) => {
    const { server, agent } = await bench(t);
    const v1 = server.publish(manifest('wiped', '1', service('web')));
    const first = offer(server, 'wiped', v1, 3);
    await reaches(first, 'soaking');
    await agent.kill();
    await agent.start();
    await reaches(first, 'converged');
    assert.equal(typesOf(first).filter((type) => type === 'probe_topology_declared').length, 1);
    assert.deepEqual(
      first.events.map(({ seq }) => seq),
      first.events.map((_, index) => index + 1),
    );

    const v2 = server.publish(manifest('wiped', '2', service('web', { extra: ['environment: {VERSION: "2"}'] })));
    const second = offer(server, 'wiped', v2, 60);
    await reaches(second, 'soaking');
    await until('the probes to be told', () => typesOf(second).includes('probe_result'));
    await agent.kill();
    agent.wipe();
    await agent.start();
    const declarations = (): number => typesOf(second).filter((type) => type === 'probe_topology_declared').length;
    await until('the probes to be declared again', () => declarations() === 2);
    await sicken(engine, 'wiped-web-1');
    await reaches(second, 'reverted');
    assert.deepEqual(await describeStack(engine, 'wiped', { v1, v2 }), [`wiped-web-1 v1 ${IMAGE} running`]);
    assert.equal(declarations(), 2);
    assert.deepEqual(
      second.events.map(({ seq }) => seq),
      second.events.map((_, index) => index + 1),
    );
    assert.equal(
      server.releaseRequests.filter((digest) => digest === v1).length,
      2,
      'v1 was fetched again to go back to',
    );
    assert.deepEqual(server.refused, []);
  });

  test('the engine crashes in the middle of a soak: what cannot be seen is neither good nor bad', async (t) => {
    const own = await startEngine();
    t.after(() => own.stop());
    await importBusybox(own);
    const server = await FakeServer.start(t);
    const agent = await RolloutAgent.start(t, own, server.url);
    const release = server.publish(manifest('crashed', '1', service('web', { extra: ['restart: always'] })));
    const rollout = offer(server, 'crashed', release, 8);
    await reaches(rollout, 'soaking');
    await own.kill();
    await until('the agent to see it', () => /cannot be seen/.test(agent.log));
    assert.equal(rollout.state, 'soaking');
    await own.restart();
    await reaches(rollout, 'converged');
    assert.deepEqual(await describeStack(own, 'crashed', { release }), [`crashed-web-1 release ${IMAGE} running`]);
    assert.deepEqual(server.refused, []);
  });

  test('leaves a project alone that somebody else has deployed', async (t) => {
    const { server, agent } = await bench(t);
    await engine.docker(['run', '--detach', '--name', 'theirs', '--label', 'com.docker.compose.project=taken', IMAGE]);
    const before = await readStack(engine, 'taken');
    const rollout = offer(server, 'taken', server.publish(manifest('taken', '1', service('web'))));
    const deferred = await deferralOf(rollout);
    assert.match(deferred, /^foreign_project: .*that Nexus has not deployed \(theirs\), and they are left alone/);
    assert.deepEqual(await readStack(engine, 'taken'), before);
    assert.equal(before[0]?.state, 'running');
    assert.deepEqual(server.refused, [], agent.log);
  });

  test('fails by the server’s look at its telemetry, and by probes of the release’s own', async (t) => {
    const { server } = await bench(t);
    const web = service('web', { extra: ['ports: ["18080:80"]'] }).replace(
      'sleep 3600',
      'echo fine > /index.html; httpd -f -p 80 -h /',
    );
    const address = network.hosts[0]?.address ?? '';
    const probe = { mode: 'enforce', interval_seconds: 0.5, timeout_seconds: 2 } as const;
    const v1 = server.publish(
      manifest('probed', '1', web, {
        probes: [
          { ...probe, name: 'page', http: { url: `http://${address}:18080/index.html`, status: 200 } },
          { ...probe, name: 'port', tcp: { address: `${address}:18080` } },
          { ...probe, name: 'file', exec: { service: 'web', command: ['test', '-f', '/index.html'] } },
        ],
      }),
    );
    const first = offer(server, 'probed', v1);
    await reaches(first, 'converged');
    const declared = first.events.find((event) => event.type === 'probe_topology_declared');
    assert.deepEqual(
      declared?.probes.map(({ name }) => name),
      ['health:web', 'page', 'port', 'file'],
    );

    const v2 = server.publish(manifest('probed', '2', web));
    const second = offer(server, 'probed', v2, 60);
    await reaches(second, 'soaking');
    second.regressed = 'memory grows by 90 MiB a minute';
    server.wake();
    await reaches(second, 'reverted');
    assert.deepEqual(second.events.find((event) => event.type === 'failed')?.failing_probes, ['telemetry']);

    const missing = { ...probe, name: 'page', http: { url: `http://${address}:18080/gone.html` } };
    const v3 = server.publish(manifest('probed', '3', web, { probes: [missing] }));
    const third = offer(server, 'probed', v3, 60);
    await reaches(third, 'reverted');
    assert.deepEqual(third.events.find((event) => event.type === 'failed')?.failing_probes, ['page']);
    assert.deepEqual(await describeStack(engine, 'probed', { v1, v2, v3 }), [`probed-web-1 v1 ${IMAGE} running`]);
    assert.deepEqual(server.refused, []);
  });

  test('says so where there is no Compose, and changes nothing', async (t) => {
    const { server } = await bench(t, { NEXUS_AGENT_DOCKER_CLI: '/nowhere/docker' });
    const rollout = offer(server, 'bare', server.publish(manifest('bare', '1', service('web'))));
    const deferred = await deferralOf(rollout);
    assert.match(deferred, /^compose: .*the program \/nowhere\/docker is not found: install the Docker CLI/);
    assert.deepEqual(await readStack(engine, 'bare'), []);
  });

  test('two stacks at once, with a server that stumbles and loses answers', async (t) => {
    const { server } = await bench(t);
    let count = 0;
    server.intercept = (_method, path) => {
      if (path !== '/v1/agent/events') return undefined;
      count += 1;
      return count % 3 === 0 ? 503 : count % 5 === 0 ? 'drop' : undefined;
    };
    const rollouts = ['left', 'right'].map((stack) => {
      const release = server.publish(manifest(stack, '1', service('web')));
      return offer(server, stack, release, 1);
    });
    await Promise.all(rollouts.map((rollout) => reaches(rollout, 'converged')));
    for (const rollout of rollouts) {
      assert.deepEqual(stepsOf(rollout), ['dispatch_ack', 'activation_started', 'activation_completed', 'converged']);
    }
    assert.deepEqual(server.refused, []);
  });
});
