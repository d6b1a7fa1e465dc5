/** Tags that move while a rollout is under way. */
import assert from 'node:assert/strict';
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';
import { ALSO_WELL } from '../services.ts';

export const movingTagRows: readonly FieldRow[] = [
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
