/** Hosts that a release cuts off from the server. */
import { shell, WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';

export const cutOffRows: readonly FieldRow[] = [
  {
    stack: 'confirm',
    promise: 'a host that a release has cut off from the server goes back by itself',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const policy = { confirm_seconds: 8, soak_seconds: 3600 };
      const v2 = await site.release(
        '2',
        { web: { runs: shell('sleep 6', 'touch /ok', 'sleep 3600 & wait') } },
        { policy },
      );
      await site.deploy(v1);
      const before = await site.host.container('web');
      const rollout = await site.begin(v2);
      await site.until('release 2 to start', async () => {
        const [web] = await site.host.containers();
        return web !== undefined && web.imageId !== before.imageId && web.state === 'running';
      });
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
