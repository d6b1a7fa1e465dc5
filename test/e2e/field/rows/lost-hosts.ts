/** Hosts that fall silent in the middle of a rollout, and never come back, or do. */
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
    isLong: true,
    story: async (site) => {
      const { v1, rollout } = await losesItsCanary(site, {});
      await site.requireExplained(rollout, [
        /canarydies-1 is offline since .*, in its activation/,
        /canarydies-2 .*'wave'.*'canarydies-1' is offline since/,
      ]);
      await site.until('the stall to be logged', async () => (await site.log(rollout)).includes('"rollout_stalled"'));
      const token = await site.nexus('token', 'create', '--admin', '--scope', 'metrics');
      const headers = { authorization: `Bearer ${token}` };
      const metrics = await (await fetch(`${site.server.url}/metrics`, { headers })).text();
      assert.match(metrics, /^nexus_rollouts_stalled [1-9]/m);
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
    isLong: true,
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
    stack: 'soakdies',
    promise: 'a host that falls silent in its soak is named with it, and converges once it is back',
    offlineAfterSeconds: 10,
    intervalSeconds: 2,
    isLong: true,
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL }, { policy: { soak_seconds: 4 } });
      const rollout = await site.begin(v1);
      await site.hostReaches(rollout, site.host, 'soaking');
      await site.host.agent.kill();
      await site.until('explain to name it', async () =>
        /soakdies-1 is offline since .*, in its soak/.test(await site.explain(rollout)),
      );
      await site.host.agent.start();
      await site.expectConverged(rollout);
    },
  },
  {
    stack: 'cutofflost',
    promise: 'a lost host whose agent has gone on all the while goes back as soon as it reaches the server again',
    hosts: 2,
    offlineAfterSeconds: 10,
    intervalSeconds: 2,
    isLong: true,
    story: async (site) => {
      const policy = { activation_timeout_seconds: 20, soak_seconds: 3600, on_lost_host: 'fail' };
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: ALSO_WELL }, { policy });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'soaking');
      site.host.link.pause();
      await site.reaches(rollout, 'halted');
      await site.requireRuns(site.host, v2);
      site.host.link.resume();
      await site.expectBack(rollout, v1, { quarantine: false, explain: /cutofflost-1 .*lost/ });
    },
  },
];
