/** Agents, engines, servers and links that go away in the middle, and come back. */
import { setTimeout as sleep } from 'node:timers/promises';
import { sicken } from '../../support/deployed-stack.ts';
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';

export const interruptionRows: readonly FieldRow[] = [
  {
    stack: 'agentdies',
    promise: 'an agent that dies in the soak goes on with it, and still sees what goes bad',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: WELL }, { policy: { soak_seconds: 60 } });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'soaking');
      await site.host.agent.kill();
      await site.host.agent.start();
      await sicken(site.host.engine, 'agentdies-web-1');
      await site.expect(rollout, {
        rollout: 'halted',
        hosts: ['reverted'],
        runs: v1,
        quarantine: ['health:web'],
      });
    },
  },
  {
    stack: 'cutoff',
    promise: 'a host that cannot reach the server goes back by itself, and reports that later',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: WELL }, { policy: { soak_seconds: 60 } });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'soaking');
      site.host.link.pause();
      await sicken(site.host.engine, 'cutoff-web-1');
      await site.until('the host to go back', () => site.requireRuns(site.host, v1).then(() => true));
      site.host.link.resume();
      await site.expect(rollout, {
        rollout: 'halted',
        hosts: ['reverted'],
        runs: v1,
        quarantine: ['health:web'],
      });
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
      await site.expect(rollout, {
        rollout: 'converged',
        hosts: ['converged'],
        runs: v1,
        quarantine: false,
      });
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
      await site.expect(rollout, {
        rollout: 'converged',
        hosts: ['converged'],
        runs: v1,
        quarantine: false,
      });
    },
  },
  {
    stack: 'serverdies',
    promise: 'a server that dies in a soak knows afterwards all that it knew',
    server: 'own',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: WELL }, { policy: { soak_seconds: 60 } });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'soaking');
      await site.restartServer();
      await sicken(site.host.engine, 'serverdies-web-1');
      await site.expect(rollout, {
        rollout: 'halted',
        hosts: ['reverted'],
        runs: v1,
        quarantine: ['health:web'],
      });
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
      await site.expect(rollout, {
        rollout: 'converged',
        hosts: ['converged'],
        runs: v1,
        quarantine: false,
      });
    },
  },
];
