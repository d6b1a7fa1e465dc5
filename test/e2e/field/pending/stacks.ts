/** Projects that were there before Nexus. */
import assert from 'node:assert/strict';
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';
import { SOON_SICK } from '../services.ts';

const NEW_WEB = { runs: WELL, environment: { VERSION: '2' } };

export const pendingStackRows: readonly FieldRow[] = [
  {
    stack: 'adopted',
    promise: 'a project that runs by hand is taken over without touching what does not change',
    intervalSeconds: 2,
    story: async (site) => {
      const v1 = await site.manifest('1', { db: WELL, web: WELL });
      await site.host.composeUp(v1.body.compose);
      const before = await site.host.containers();
      const release = await site.release('1', { db: WELL, web: NEW_WEB });
      await site.nexus('stack', 'adopt', 'adopted', '--host', site.host.name);
      const id = await site.nexus('rollout', 'create', release.digest, '--host', site.host.name, '--adopt');
      const rollout = await site.known(id, release);
      await site.expectConverged(rollout);
      const db = before.find(({ service }) => service === 'db');
      assert.equal((await site.host.container('db')).id, db?.id);
    },
  },
  {
    stack: 'adoptedback',
    promise: 'a first release that fails on an adopted project goes back to that very project',
    intervalSeconds: 2,
    story: async (site) => {
      const byHand = await site.manifest('0', { db: WELL, web: WELL });
      await site.host.composeUp(byHand.body.compose);
      const db = await site.host.container('db');
      const release = await site.release('1', { db: WELL, web: SOON_SICK });
      await site.nexus('stack', 'adopt', 'adoptedback', '--host', site.host.name);
      const id = await site.nexus('rollout', 'create', release.digest, '--host', site.host.name, '--adopt');
      const rollout = await site.known(id, release);
      await site.hostReaches(rollout, site.host, 'reverted');
      await site.requireRuns(site.host, { stack: site.stack, version: '0', services: byHand.services });
      assert.equal((await site.host.container('db')).id, db.id);
      await site.requireExplained(rollout, /was rolled back to .*by hand/);
    },
  },
];
