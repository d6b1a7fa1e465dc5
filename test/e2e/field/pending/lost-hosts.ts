/** Hosts that fall silent in the middle of their activation, and never come back, or do. */
import assert from 'node:assert/strict';
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';
import { ALSO_WELL } from '../services.ts';
import type { Site, SiteRollout } from '../site.ts';
import type { SiteRelease } from '../site-releases.ts';

/** The canary takes release 2 up, hangs in its pull, and dies. */
async function losesItsCanary(
  site: Site,
  policy: Readonly<Record<string, unknown>>,
): Promise<{ v1: SiteRelease; v2: SiteRelease; rollout: SiteRollout }> {
  const v1 = await site.release('1', { web: WELL });
  await site.deploy(v1);
  const v2 = await site.release('2', { web: ALSO_WELL }, { policy: { activation_timeout_seconds: 20, ...policy } });
  await site.registry.fail({ kind: 'hangs' });
  const rollout = await site.begin(v2);
  await site.hostReaches(rollout, site.host, 'activating');
  await site.until('the pull to hang', async () => site.registry.requests.some(({ status }) => status === null));
  await site.host.agent.kill();
  await site.until(
    `${site.host.name} to be offline`,
    async () => (await site.operator.getHost(site.host.name)).status === 'offline',
  );
  return { v1, v2, rollout };
}

export const lostHostRows: readonly FieldRow[] = [
  {
    stack: 'canarydies',
    promise:
      'a canary that falls silent in its activation is named everywhere, and what waits for it waits by its name',
    hosts: 2,
    offlineAfterSeconds: 10,
    intervalSeconds: 2,
    story: async (site) => {
      const { v1, rollout } = await losesItsCanary(site, {});
      await site.requireExplained(rollout, [
        /canarydies-1 is offline since .*, in its activation/,
        /canarydies-2 .*'wave'.*canarydies-1 is offline/,
      ]);
      await site.until('the stall to be logged', async () => (await site.log(rollout)).includes('"rollout_stalled"'));
      const metrics = await (await fetch(`${site.server.url}/metrics`)).text();
      assert.match(metrics, /stalled/);
      const { state } = await site.operator.getRollout(rollout.id);
      assert.equal(state, 'active', 'by default a lost host holds');
      await site.requireRuns(site.second, v1);
      await site.registry.recover();
      await site.host.agent.start();
      await site.expectConverged(rollout);
    },
  },
  {
    stack: 'lostfails',
    promise: "with the policy 'fail' a lost host counts as failed, and goes back by itself when it is there again",
    hosts: 2,
    offlineAfterSeconds: 10,
    intervalSeconds: 2,
    story: async (site) => {
      const { v1, v2, rollout } = await losesItsCanary(site, { on_lost_host: 'fail' });
      const halted = await site.reaches(rollout, 'halted');
      assert.equal(halted.hosts[0]?.state, 'failed');
      await site.requireExplained(rollout, /lostfails-1 .*lost/);
      await site.requireQuarantine(v2, false);
      await site.registry.recover();
      await site.host.agent.start();
      await site.expectBack(rollout, v1, { quarantine: false });
    },
  },
  {
    stack: 'enginedies',
    promise: 'an engine that dies in the activation is said, and the host ends whole once it is back',
    engines: 'own',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      await site.deploy(v1);
      const v2 = await site.release('2', { web: ALSO_WELL });
      await site.registry.fail({ kind: 'hangs' });
      const rollout = await site.begin(v2);
      await site.until('the pull to hang', async () => site.registry.requests.some(({ status }) => status === null));
      await site.host.engine.kill();
      await site.until('explain to name the engine', async () => /Docker Engine/.test(await site.explain(rollout)));
      await site.registry.recover();
      await site.host.engine.restart();
      await site.expectConverged(rollout);
    },
  },
];
