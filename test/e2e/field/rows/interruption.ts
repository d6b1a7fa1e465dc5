/** Agents, engines, servers and links that go away in the middle, and come back. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';

export const interruptionRows: readonly FieldRow[] = [
  {
    stack: 'agentdies',
    promise: 'an agent that dies in the soak goes on with it, and still sees what goes bad',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: WELL }, { policy: { soak_seconds: 600 } });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'soaking');
      await site.host.agent.kill();
      await site.host.agent.start();
      await site.host.sicken('web');
      await site.expectBack(rollout, v1, { quarantine: ['health:web'] });
    },
  },
  {
    stack: 'cutoff',
    promise: 'a host that cannot reach the server goes back by itself, and reports that later',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: WELL }, { policy: { soak_seconds: 600 } });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'soaking');
      site.host.link.pause();
      await site.host.sicken('web');
      await site.until('the host to go back', () => site.requireRuns(site.host, v1).then(() => true));
      site.host.link.resume();
      await site.expectBack(rollout, v1, { quarantine: ['health:web'] });
    },
  },
  {
    stack: 'enginerestart',
    promise: 'an engine that is restarted in the soak is neither good nor bad news',
    engines: 'own',
    story: async (site) => {
      const policy = { soak_seconds: 8, sustained_failure_seconds: 30 };
      const v1 = await site.release('1', { web: WELL }, { policy });
      const rollout = await site.begin(v1);
      await site.hostReaches(rollout, site.host, 'soaking');
      await site.host.engine.restart();
      await site.expectConverged(rollout);
    },
  },
  {
    stack: 'enginehangs',
    promise: 'an engine that hangs in the soak is waited for',
    engines: 'own',
    story: async (site) => {
      const policy = { soak_seconds: 6, sustained_failure_seconds: 30 };
      const v1 = await site.release('1', { web: WELL }, { policy });
      const rollout = await site.begin(v1);
      await site.hostReaches(rollout, site.host, 'soaking');
      await site.host.engine.kill('SIGSTOP');
      await sleep(8_000);
      await site.host.engine.kill('SIGCONT');
      await site.expectConverged(rollout);
    },
  },
  {
    stack: 'reboot',
    promise: 'a host that goes down in the soak, engine and agent at once, goes on with it afterwards',
    engines: 'own',
    story: async (site) => {
      const policy = { soak_seconds: 8, sustained_failure_seconds: 30 };
      const v1 = await site.release('1', { web: WELL }, { policy });
      const rollout = await site.begin(v1);
      await site.hostReaches(rollout, site.host, 'soaking');
      await Promise.all([site.host.agent.kill(), site.host.engine.kill()]);
      await site.host.engine.restart();
      await site.host.agent.start();
      await site.expectConverged(rollout);
    },
  },
  {
    stack: 'unplugged',
    promise: 'a host that loses its network in a pull goes on with it once it is back',
    engines: 'own',
    story: async (site) => {
      const image = await site.image('web:heavy', WELL, { freshLayerBytes: 1_000_000 });
      const v1 = await site.release('1', { web: { image } });
      await site.registry.fail({ kind: 'drips', bytesPerSecond: 200_000 });
      const rollout = await site.begin(v1);
      await site.until('the pull to have begun', async () => site.registry.wasAskedFor('/blobs/'));
      await site.host.unplug();
      await sleep(5_000);
      await site.host.plugIn();
      await site.expectConverged(rollout);
    },
  },
  {
    stack: 'serverdies',
    promise: 'a server that dies in a soak knows afterwards all that it knew',
    server: 'own',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: WELL }, { policy: { soak_seconds: 600 } });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'soaking');
      await site.restartServer();
      await site.host.sicken('web');
      await site.expectBack(rollout, v1, { quarantine: ['health:web'] });
    },
  },
  {
    stack: 'clockstep',
    promise: 'a host whose clock is set back in the soak still converges and still reports',
    clock: 'steppable',
    intervalSeconds: 2,
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL }, { policy: { soak_seconds: 8 } });
      const rollout = await site.begin(v1);
      await site.hostReaches(rollout, site.host, 'soaking');
      site.host.setClock(-240);
      await site.expectConverged(rollout);
    },
  },
];
