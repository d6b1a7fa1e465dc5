/** Waves by label, budgets across rollouts, and hosts that a release cuts off. */
import assert from 'node:assert/strict';
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';

const NEW_WEB = { runs: WELL, environment: { VERSION: '2' } };

export const fleetToolRows: readonly FieldRow[] = [
  {
    stack: 'selectorwaves',
    promise: 'a wave can be a selector with a soak of its own',
    hosts: 2,
    story: async (site) => {
      await site.nexus('host', 'label', site.second.name, 'role=canary');
      const v1 = await site.release('1', { web: WELL });
      const hosts = site.hosts.map(({ name }) => name);
      const flags = ['--host', ...hosts, '--waves', 'role=canary:8s,100%'];
      const id = await site.nexus('rollout', 'create', v1.digest, ...flags);
      const rollout = await site.known(id, v1);
      const canary = await site.hostReaches(rollout, site.second, 'soaking');
      assert.equal(canary.wave, 0, 'the second host comes first');
      const soakMs = Date.parse(canary.soak_due_at ?? '') - Date.parse(canary.state_since);
      assert.equal(Math.round(soakMs / 1000), 8);
      await site.expectConverged(rollout);
    },
  },
  {
    stack: 'confirm',
    promise: 'a host that a release has cut off from the server goes back by itself',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: NEW_WEB }, { policy: { confirm_seconds: 8, soak_seconds: 3600 } });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.until('release 2 to run', () => site.requireRuns(site.host, v2).then(() => true));
      site.host.link.pause();
      await site.until('release 1 to run again', () => site.requireRuns(site.host, v1).then(() => true));
      site.host.link.resume();
      await site.expectBack(rollout, v1, { quarantine: /could not reach the server/ });
    },
  },
  {
    stack: 'confirmed',
    promise: 'a host that reaches the server again in time keeps the release',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL }, { policy: { confirm_seconds: 30, soak_seconds: 10 } });
      const rollout = await site.begin(v1);
      await site.hostReaches(rollout, site.host, 'soaking');
      site.host.link.pause();
      await new Promise((resolve) => setTimeout(resolve, 4_000));
      site.host.link.resume();
      await site.expectConverged(rollout);
    },
  },
];
