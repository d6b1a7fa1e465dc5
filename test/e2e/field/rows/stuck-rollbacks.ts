/** Ways back that cannot succeed for now: said as it is, tried again, and no prison for the host. */
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';
import { ALSO_WELL } from '../services.ts';
import type { Site, SiteRollout } from '../site.ts';
import type { SiteRelease } from '../site-releases.ts';

const LONG_SOAK = { soak_seconds: 600 };

/** Release 1 counts on a network of the host; it goes away while release 2 soaks, and then release 2 goes bad. */
async function losesItsNetwork(site: Site): Promise<{ v1: SiteRelease; rollout: SiteRollout; network: string }> {
  const network = `${site.stack}-front`;
  await site.host.createNetwork(network);
  const top = { networks: { front: { external: true, name: network } } };
  const v1 = await site.release('1', { web: { runs: WELL, networks: ['front'] } }, { top });
  const v2 = await site.release('2', { web: ALSO_WELL }, { policy: LONG_SOAK });
  await site.deploy(v1);
  const rollout = await site.begin(v2);
  await site.hostReaches(rollout, site.host, 'soaking');
  await site.host.docker('network', 'rm', network);
  await site.host.sicken('web');
  await site.until('the way back to be reported as failed', async () =>
    (await site.log(rollout)).includes('"rollback_failed"'),
  );
  await site.requireExplained(
    rollout,
    new RegExp(`could not bring back .*${network} (?:not found|.*could not be found)`),
  );
  return { v1, rollout, network };
}

export const stuckRollbackRows: readonly FieldRow[] = [
  {
    stack: 'backagain',
    promise: 'a way back that cannot succeed is reported with its reason, and succeeds once the reason is gone',
    story: async (site) => {
      const { v1, rollout, network } = await losesItsNetwork(site);
      await site.host.createNetwork(network);
      await site.expectBack(rollout, v1, { quarantine: ['health:web'] });
    },
  },
  {
    stack: 'takenover',
    promise: 'a newer release takes over a host whose way back cannot succeed',
    story: async (site) => {
      await losesItsNetwork(site);
      const v3 = await site.release('3', { web: WELL });
      await site.deploy(v3);
    },
  },
  {
    stack: 'forced',
    promise: 'an operator can let go of a host whose way back cannot succeed',
    story: async (site) => {
      const { rollout } = await losesItsNetwork(site);
      await site.nexus('rollout', 'abort', rollout.id, '--force', '--host', site.host.name, '--reason', 'moved away');
      await site.requireExplained(rollout, /moved away/);
      const v3 = await site.release('3', { web: WELL });
      await site.deploy(v3);
    },
  },
  {
    stack: 'imagegone',
    promise: 'an image that is gone from host and registry is what explain names as the reason',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: ALSO_WELL }, { policy: LONG_SOAK });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'soaking');
      await site.host.docker('image', 'rm', '--force', v1.services['web']?.imageId ?? '');
      await site.registry.fail({ kind: 'away' });
      await site.host.sicken('web');
      await site.until('the way back to be reported as failed', async () =>
        (await site.log(rollout)).includes('"rollback_failed"'),
      );
      await site.requireExplained(
        rollout,
        /could not bring back .*imagegone\/web:\w+ that ran before .* is no longer on this host; it cannot be pulled again .*refused/,
      );
      await site.registry.recover();
      await site.expectBack(rollout, v1, { quarantine: ['health:web'] });
    },
  },
];
