/** Tags that move while a rollout is under way. */
import assert from 'node:assert/strict';
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';

export const movingTagRows: readonly FieldRow[] = [
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
