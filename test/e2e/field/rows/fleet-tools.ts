/** Budgets across rollouts, waves by label, and hosts that a release cuts off. */
import assert from 'node:assert/strict';
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';

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
    stack: 'budget',
    promise: 'never more hosts of a label change at once than their budget says, whatever the rollouts',
    hosts: 2,
    story: async (site) => {
      for (const { name } of site.hosts) await site.nexus('host', 'label', name, 'rack=budget-a');
      await site.nexus('budget', 'set', 'rack=budget-a', '--max-in-flight', '1');
      const a = await site.release('1', { web: WELL }, { stack: 'budget-a', policy: { soak_seconds: 6 } });
      const b = await site.release('1', { web: WELL }, { stack: 'budget-b' });
      const first = await site.begin(a, { hosts: [site.host] });
      await site.hostReaches(first, site.host, 'activating', 'soaking');
      const second = await site.begin(b, { hosts: [site.second] });
      const held = await site.rolloutUntil(
        'the second host to be held',
        second,
        ({ hosts }) => hosts[0]?.held_by != null,
      );
      assert.equal(held.hosts[0]?.held_by?.gate, 'budget');
      await site.requireExplained(second, /budget-2 has been pending for .*'budget'.*rack=budget-a/);
      await site.reaches(first, 'converged');
      await site.reaches(second, 'converged');
    },
  },
];
