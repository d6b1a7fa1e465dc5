/** Orders in the middle of a rollout, and servers that know less than their agents. */
import assert from 'node:assert/strict';
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';
import type { Site } from '../site.ts';

const NEW_WEB = { runs: WELL, environment: { VERSION: '2' } };
const VERY_LONG_SOAK = { soak_seconds: 3600 };
const UNKNOWN_RELEASE = `sha256:${'ab'.repeat(32)}`;

/** The first host runs a release that this server has never heard of: of another server, or of one that was lost. */
async function runsUnknown(site: Site): Promise<void> {
  const { body } = await site.manifest('0', { web: { runs: WELL, labels: { 'nexus.release': UNKNOWN_RELEASE } } });
  await site.host.composeUp(body.compose);
}

export const orderRows: readonly FieldRow[] = [
  {
    stack: 'abortnow',
    promise: "'abort --rollback' acts at once, whatever is left of the soak",
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: NEW_WEB }, { policy: VERY_LONG_SOAK });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'soaking');
      await site.nexus('rollout', 'abort', rollout.id, '--rollback', '--reason', 'wrong colour');
      await site.until('release 1 to run', () => site.requireRuns(site.host, v1).then(() => true));
      await site.requireQuarantine(v2, false);
      await site.requireExplained(rollout, /wrong colour/);
    },
  },
  {
    stack: 'fixnow',
    promise: 'a fixed release takes over at once, whatever is left of the soak before',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: NEW_WEB }, { policy: VERY_LONG_SOAK });
      const v3 = await site.release('3', { web: { runs: WELL, environment: { VERSION: '3' } } });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'soaking');
      await site.deploy(v3);
      await site.requireQuarantine(v2, false);
    },
  },
  {
    stack: 'foreigndigest',
    promise: 'a host that ran what the server does not know is named, and keeps no other from going back',
    hosts: 2,
    story: async (site) => {
      await runsUnknown(site);
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: NEW_WEB });
      await site.deploy(v1, { hosts: [site.second] });
      const rollout = await site.deploy(v2);
      const aborting = await site.begin(await site.release('3', { web: WELL }, { policy: VERY_LONG_SOAK }), {
        waves: [{ percent: 100 }],
      });
      for (const host of site.hosts) await site.hostReaches(aborting, host, 'soaking');
      const aborted: unknown = JSON.parse(await site.nexus('rollout', 'abort', aborting.id, '--rollback', '--json'));
      assert.ok(typeof aborted === 'object' && aborted !== null && 'not_rolled_back' in aborted);
      assert.deepEqual(aborted.not_rolled_back, []);
      for (const host of site.hosts) {
        await site.until(`${host.name} to run release 2`, () => site.requireRuns(host, v2).then(() => true));
      }
      await site.requireExplained(rollout, /foreigndigest-2 converged/);
    },
  },
  {
    stack: 'unknownbefore',
    promise: 'a host whose first release replaced something unknown is listed as one that cannot be rolled back',
    hosts: 2,
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      await site.deploy(v1, { hosts: [site.second] });
      await runsUnknown(site);
      const v2 = await site.release('2', { web: NEW_WEB }, { policy: VERY_LONG_SOAK });
      const rollout = await site.begin(v2, { waves: [{ percent: 100 }] });
      for (const host of site.hosts) await site.hostReaches(rollout, host, 'soaking');
      const aborted: unknown = JSON.parse(await site.nexus('rollout', 'abort', rollout.id, '--rollback', '--json'));
      assert.ok(typeof aborted === 'object' && aborted !== null && 'not_rolled_back' in aborted);
      assert.match(JSON.stringify(aborted.not_rolled_back), /unknownbefore-1.*does not know/);
      await site.until('the other host to run release 1', () => site.requireRuns(site.second, v1).then(() => true));
    },
  },
  {
    stack: 'restored',
    promise: 'after a backup was restored rollouts go on: the server goes beyond the epochs that agents know',
    server: 'own',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: NEW_WEB });
      await site.deploy(v1);
      const backup = await site.backUp();
      await site.deploy(v2);
      await site.deploy(v1);
      site.forgetRollouts();
      await site.restoreServer(backup);
      const v3 = await site.release('3', { web: { runs: WELL, environment: { VERSION: '3' } } });
      await site.deploy(v3);
    },
  },
];
