/** Budgets across rollouts, waves by label, and hosts that a release cuts off. */
import assert from 'node:assert/strict';
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';

export const fleetToolRows: readonly FieldRow[] = [
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
