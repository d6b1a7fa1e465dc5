/** A release passes over no change. */
import assert from 'node:assert/strict';
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';

export const unappliedChangeRows: readonly FieldRow[] = [
  {
    stack: 'volumechanged',
    promise: 'a volume whose definition has changed keeps its data, and the plan says that it is not applied',
    story: async (site) => {
      const db = { runs: WELL, volumes: ['data:/data'] };
      const top = (size: string) => ({
        volumes: { data: { driver_opts: { type: 'tmpfs', device: 'tmpfs', o: `size=${size}` } } },
      });
      const v1 = await site.release('1', { db }, { top: top('1m') });
      const v2 = await site.release('2', { db }, { top: top('2m') });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.rolloutUntil('the rollout to end', rollout, ({ state }) => state !== 'active');
      await site.requireExplained(rollout, /volume .*data/);
      assert.match(await site.host.docker('volume', 'inspect', 'volumechanged_data'), /size=1m/);
    },
  },
];
