/** Several hosts: what a failure on one means for the others, and what an operator does about it. */
import assert from 'node:assert/strict';
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';
import { FLAGGED, SOON_SICK } from '../services.ts';
import type { Site } from '../site.ts';
import type { SiteHost } from '../site-host.ts';

/** A volume that the release counts on and does not own, with or without the file that its service wants. */
async function provideFlags(site: Site, host: SiteHost, hasFlag: boolean): Promise<void> {
  const name = `${site.stack}-flags`;
  await host.docker('volume', 'create', '--label', `field.row=${site.stack}`, name);
  const command = hasFlag ? 'touch /flags/flag' : 'true';
  await host.docker('run', '--rm', '--volume', `${name}:/flags`, 'nexus-lab/busybox:1', 'sh', '-c', command);
}

function flagsOf(site: Site): { volumes: object } {
  return { volumes: { flags: { external: true, name: `${site.stack}-flags` } } };
}

export const fleetRows: readonly FieldRow[] = [
  {
    stack: 'canary',
    promise: 'a release that fails on its canary is seen on no other host',
    hosts: 3,
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: SOON_SICK });
      await site.deploy(v1);
      const others = await Promise.all([site.second, site.third].map((host) => host.containers()));
      const rollout = await site.begin(v2);
      await site.expectBack(rollout, v1, {
        quarantine: /canary-web-1 is unhealthy/,
        explain: /2 hosts were not touched \(canary-2, canary-3\)/,
      });
      const now = await Promise.all([site.second, site.third].map((host) => host.containers()));
      assert.deepEqual(now, others, 'the others have the containers that they had');
      const [image] = Object.values(v2.services);
      for (const host of [site.second, site.third]) {
        const ids = await host.docker('image', 'ls', '--all', '--no-trunc', '--quiet');
        assert.ok(image?.imageId != null && !ids.includes(image.imageId), `${host.name} has never pulled it`);
      }
    },
  },
  {
    stack: 'tolerated',
    promise: 'as many failures as are tolerated neither halt the rollout nor quarantine the release',
    hosts: 2,
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: FLAGGED }, { top: flagsOf(site) });
      await provideFlags(site, site.host, false);
      await provideFlags(site, site.second, true);
      await site.deploy(v1);
      const rollout = await site.begin(v2, { waves: [{ percent: 100 }], failure_threshold: 1 });
      await site.expect(rollout, {
        rollout: 'converged',
        hosts: ['reverted', 'converged'],
        runs: [v1, v2],
        quarantine: false,
      });
    },
  },
  {
    stack: 'oneword',
    promise: 'the word of one host of several halts the rollout, and does not quarantine the release',
    hosts: 2,
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const flagged = { runs: WELL, volumes: ['flags:/flags'], environment: { VERSION: '2' } };
      const exec = { service: 'web', command: ['test', '-f', '/flags/flag'] };
      const probes = [{ name: 'flagged', mode: 'enforce' as const, interval_seconds: 1, exec }];
      const v2 = await site.release('2', { web: flagged }, { top: flagsOf(site), probes });
      await provideFlags(site, site.host, false);
      await provideFlags(site, site.second, true);
      await site.deploy(v1);
      const rollout = await site.begin(v2, { waves: [{ percent: 100 }] });
      await site.expect(rollout, {
        rollout: 'halted',
        hosts: ['reverted', 'converged'],
        runs: [v1, v2],
        quarantine: false,
        explain: /'oneword-1' failed \('flagged'\).*no other host and no telemetry speaks against the release so far/,
      });
    },
  },
  {
    stack: 'lifted',
    promise: 'a quarantined release is held everywhere until an operator lifts that, and goes on then',
    hosts: 2,
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: FLAGGED }, { top: flagsOf(site) });
      await provideFlags(site, site.host, false);
      await provideFlags(site, site.second, true);
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, { quarantine: /lifted-web-1 is unhealthy/ });
      assert.match(await site.plan(v2), /lifted-2 +hold +.*quarantined since/);
      const held = await site.begin(v2);
      await site.rolloutUntil('both hosts to be held', held, ({ hosts }) =>
        hosts.every(({ held_by: hold }) => hold?.gate === 'quarantine'),
      );
      await site.requireExplained(held, /lifted-2 has been pending for .*'quarantine'.*'lifted-1' failed on it/);
      await provideFlags(site, site.host, true);
      await site.nexus('release', 'lift', v2.digest, '--reason', 'the flag was missing, not the release');
      await site.expectConverged(held);
    },
  },
  {
    stack: 'superseded',
    promise: 'a newer release takes over from a rollout that waits for its second wave',
    hosts: 2,
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: { runs: WELL, environment: { VERSION: '2' } } });
      const v3 = await site.release('3', { web: { runs: WELL, environment: { VERSION: '3' } } });
      await site.deploy(v1);
      const second = await site.begin(v2);
      await site.hostReaches(second, site.host, 'activating', 'soaking');
      await site.nexus('rollout', 'pause', second.id);
      await site.hostReaches(second, site.host, 'converged');
      await site.requireRuns(site.host, v2);
      await site.requireRuns(site.second, v1);
      await site.deploy(v3);
      await site.reaches(second, 'superseded');
      await site.requireQuarantine(v2, false);
      await site.requireExplained(second, /was superseded by rollout .*1 converged, 1 pending/);
    },
  },
  {
    stack: 'undone',
    promise: 'an aborted rollout brings the hosts that it has touched back to what they ran, and no others',
    hosts: 2,
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: { runs: WELL, environment: { VERSION: '2' } } });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'activating', 'soaking');
      await site.nexus('rollout', 'pause', rollout.id);
      await site.hostReaches(rollout, site.host, 'converged');
      const untouched = await site.second.containers();
      const aborted = await site.operator.abortRollout(rollout.id, { rollback: true, reason: 'wrong colour' });
      const [back] = aborted.rollbacks;
      assert.ok(back !== undefined && aborted.rollbacks.length === 1, 'one rollout brings them back');
      await site.reaches({ id: back }, 'converged');
      for (const host of site.hosts) await site.requireRuns(host, v1);
      assert.deepEqual(await site.second.containers(), untouched);
      await site.requireQuarantine(v2, false);
      await site.requireExplained(rollout, /was aborted (?:.* ago|just now): wrong colour/);
    },
  },
  {
    stack: 'again',
    promise: 'the release that runs already is confirmed without touching a container',
    story: async (site) => {
      const v1 = await site.release('1', { db: WELL, web: WELL });
      await site.deploy(v1);
      await site.deploy(v1, { kept: 'all' });
    },
  },
  {
    stack: 'unknown',
    promise: 'a host that nobody has ever heard of holds the rollout, and explain says what it waits for',
    agents: 'by the story',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const rollout = await site.begin(v1);
      const held = await site.rolloutUntil('the host to be held', rollout, ({ hosts }) => hosts[0]?.held_by != null);
      assert.equal(held.hosts[0]?.held_by?.gate, 'host');
      await site.requireExplained(rollout, /unknown-1 has been pending for .*'unknown-1' has never reported/);
      await site.host.startAgent();
      await site.expectConverged(rollout);
    },
  },
];
