/** What runs are the bytes that are meant, on the way forward and back, wherever tags and prunes go meanwhile. */
import assert from 'node:assert/strict';
import { SICK, WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';
import { ALSO_WELL, BRISK_HEALTHCHECK } from '../services.ts';

const LONG_SOAK = { soak_seconds: 600 };

export const imageByteRows: readonly FieldRow[] = [
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
  {
    stack: 'samebytes',
    promise: 'later waves get the very image that the canary ran, though the tag has moved meanwhile',
    hosts: 2,
    story: async (site) => {
      const first = await site.image('web:stable', WELL);
      const v1 = await site.release('1', { web: { image: first, pull_policy: 'always' } });
      const rollout = await site.begin(v1);
      await site.hostReaches(rollout, site.host, 'soaking');
      await site.image('web:stable', ALSO_WELL);
      await site.expectConverged(rollout);
    },
  },
  {
    stack: 'redeployed',
    promise:
      'a release that is brought up again with a moved tag, and fails, goes back to the bytes that it ran before',
    story: async (site) => {
      const first = await site.image('web:stable', WELL);
      const web = { image: first, pull_policy: 'always', healthcheck: BRISK_HEALTHCHECK };
      const v1 = await site.release('1', { web });
      await site.deploy(v1);
      await site.image('web:stable', SICK);
      await site.expectBack(await site.begin(v1), v1, { quarantine: /redeployed-web-1 is unhealthy/ });
    },
  },
  {
    stack: 'tagwarned',
    promise: 'plan and create warn of an image that is named by a tag, and do not of one that is pinned',
    story: async (site) => {
      const image = await site.image('web:stable', WELL);
      const tagged = await site.release('1', { web: { image } });
      const pinned = { reference: `${image.reference}@${image.digest}`, id: image.id };
      const fixed = await site.release('2', { web: { image: pinned } });
      assert.match(await site.plan(tagged), /web:stable.*tag/);
      assert.doesNotMatch(await site.plan(fixed), /\btag\b/);
    },
  },
  {
    stack: 'pinnedatcreate',
    promise: "'release create --pin' turns tags into digests, and those are what runs",
    story: async (site) => {
      const image = await site.image('web:stable', WELL);
      const compose = `services: {web: {image: "${image.reference}"}}\n`;
      const { code, stdout, stderr } = await site.createFromFiles('1', { 'compose.yaml': compose }, '--pin');
      assert.equal(code, 0, stderr);
      const { manifest } = await site.operator.getManifest(stdout.trim());
      assert.match(manifest.compose, new RegExp(image.digest));
    },
  },
];
