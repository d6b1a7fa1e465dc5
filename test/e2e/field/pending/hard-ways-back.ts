/** Ways back that are hard, or cannot succeed at all: said as it is, tried again, and no prison for the host. */
import assert from 'node:assert/strict';
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';
import { ALSO_WELL, ONLY_ONCE, SOON_SICK } from '../services.ts';

const LONG_SOAK = { soak_seconds: 600 };
const AFTER_MIGRATION = { depends_on: { migrate: { condition: 'service_completed_successfully' } } };

export const hardWayBackRows: readonly FieldRow[] = [
  {
    stack: 'jobfails',
    promise: 'a job that is to run again on the way back and fails is no host that went back',
    story: async (site) => {
      const top = { volumes: { data: {} } };
      const migrate = { ...ONLY_ONCE, volumes: ['data:/data'] };
      const web = { runs: WELL, ...AFTER_MIGRATION };
      const v1 = await site.release('1', { migrate, web }, { top, policy: { rerun_jobs_on_rollback: true } });
      const v2 = await site.release('2', { web: SOON_SICK }, { top, policy: { rerun_jobs_on_rollback: true } });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.until('the way back to be reported as failed', async () =>
        (await site.log(rollout)).includes('"rollback_failed"'),
      );
      const { hosts } = await site.operator.getRollout(rollout.id);
      assert.equal(hosts[0]?.state, 'failed');
      await site.requireExplained(rollout, /jobfails-migrate-1.*exit(?:ed with)? code 1/);
      await site.requireQuarantine(v2, /jobfails-web-1 is unhealthy/);
    },
  },
  {
    stack: 'prunesoak',
    promise: 'a prune in the soak does not take the image that the way back needs',
    story: async (site) => {
      const first = await site.image('web:stable', WELL);
      const v1 = await site.release('1', { web: { image: first, pull_policy: 'always' } });
      await site.deploy(v1);
      const second = await site.image('web:stable', ALSO_WELL);
      const v2 = await site.release('2', { web: { image: second, pull_policy: 'always' } }, { policy: LONG_SOAK });
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'soaking');
      await site.host.docker(
        'image',
        'prune',
        '--all',
        '--force',
        '--filter',
        'label=nexus.lab.image=prunesoak/web:stable',
      );
      assert.match(await site.host.docker('image', 'ls', '--all', '--no-trunc', '--quiet'), new RegExp(first.id));
      await site.registry.fail({ kind: 'away' });
      await site.host.sicken('web');
      await site.expectBack(rollout, v1, { quarantine: ['health:web'] });
    },
  },
  {
    stack: 'backbydigest',
    promise: 'an image that is gone is pulled again by its digest, not by a tag that means another one by now',
    story: async (site) => {
      const first = await site.image('web:stable', WELL);
      const v1 = await site.release('1', { web: { image: first, pull_policy: 'always' } });
      await site.deploy(v1);
      const second = await site.image('web:stable', ALSO_WELL);
      const v2 = await site.release('2', { web: { image: second, pull_policy: 'always' } }, { policy: LONG_SOAK });
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'soaking');
      await site.host.docker('image', 'rm', '--force', first.id);
      await site.host.sicken('web');
      await site.expectBack(rollout, v1, { quarantine: ['health:web'] });
      assert.ok(site.registry.manifestsServed('backbydigest/web').includes(first.digest), 'it was asked for by digest');
    },
  },
  {
    stack: 'keptimages',
    promise: 'the images of the release before can be gone back to after a prune of everything unused',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', {
        web: { runs: ALSO_WELL },
      });
      await site.deploy(v1);
      await site.deploy(v2);
      const { imageId } = v1.services['web'] ?? {};
      const labels = (
        await site.host.docker(
          'image',
          'inspect',
          '--format',
          '{{index .Config.Labels "nexus.lab.image"}}',
          imageId ?? '',
        )
      ).trim();
      await site.host.docker('image', 'prune', '--all', '--force', '--filter', `label=nexus.lab.image=${labels}`);
      await site.registry.fail({ kind: 'away' });
      await site.deploy(v1);
    },
  },
];
