/** What runs where: stacks as a whole, drift, removal, and undoing. */
import assert from 'node:assert/strict';
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';

const NEW_WEB = { runs: WELL, environment: { VERSION: '2' } };

export const stackRows: readonly FieldRow[] = [
  {
    stack: 'shown',
    promise: "'stack show' says which release each host is to run, which it does run, and since when",
    hosts: 2,
    intervalSeconds: 2,
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: NEW_WEB });
      await site.deploy(v1);
      await site.deploy(v2, { hosts: [site.host] });
      await site.until('the stack to be shown', async () => {
        const shown = await site.nexus('stack', 'show', 'shown');
        return /shown-1 .*shown 2/.test(shown) && /shown-2 .*shown 1/.test(shown);
      });
      assert.match(await site.nexus('stack', 'list'), /^shown /m);
      assert.match(await site.nexus('host', 'show', site.host.name), /shown 2/);
    },
  },
  {
    stack: 'drift',
    promise: 'a container of a stack that somebody stops is drift, and none any more once it runs again',
    intervalSeconds: 2,
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      await site.deploy(v1);
      await site.until('what runs to have been compared', async () =>
        / as deployed$/m.test(await site.nexus('stack', 'show', 'drift')),
      );
      const { id } = await site.host.container('web');
      await site.host.docker('stop', id);
      const events = async (): Promise<string> =>
        JSON.stringify((await site.operator.readEvents({ host: site.host.name, limit: 1000 })).events);
      await site.until('the drift to be logged', async () => (await events()).includes('"drift_detected"'));
      assert.match(
        await site.nexus('stack', 'show', 'drift'),
        / drifted\b.*service 'web' runs 0 containers instead of 1/s,
      );
      await site.host.docker('start', id);
      await site.until('its end to be logged', async () => (await events()).includes('"drift_resolved"'));
      assert.match(await site.nexus('stack', 'show', 'drift'), / as deployed$/m);
    },
  },
  {
    stack: 'undo',
    promise: "'rollout undo' brings every host back to the release that it had before",
    hosts: 2,
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: NEW_WEB });
      await site.deploy(v1);
      await site.deploy(v2);
      await site.nexus('rollout', 'undo', 'undo');
      for (const host of site.hosts) {
        await site.until(`${host.name} to run release 1`, () => site.requireRuns(host, v1).then(() => true));
      }
    },
  },
  {
    stack: 'stackgone',
    promise: "'stack remove' takes a stack away as a rollout of nothing, and leaves its data",
    hosts: 2,
    story: async (site) => {
      const db = { runs: WELL, volumes: ['data:/data'] };
      const v1 = await site.release('1', { db }, { top: { volumes: { data: {} } } });
      await site.deploy(v1);
      await site.nexus('stack', 'remove', 'stackgone', '--host', site.host.name, '--watch');
      await site.until('nothing to run', () => site.requireRuns(site.host, null).then(() => true));
      assert.match(await site.host.docker('volume', 'ls', '--format', '{{.Name}}'), /^stackgone_data$/m);
      await site.requireRuns(site.second, v1);
      await site.until('it to be shown', async () => {
        const shown = await site.nexus('stack', 'show', 'stackgone');
        return /^stackgone-1 +nothing/m.test(shown) && /^stackgone-2 +stackgone 1 /m.test(shown);
      });
      await site.nexus('rollout', 'undo', 'stackgone');
      await site.until('it to run again', () => site.requireRuns(site.host, v1).then(() => true));
    },
  },
  {
    stack: 'heal',
    promise: "with the policy 'on_drift: heal' a host brings back what somebody stops or removes",
    intervalSeconds: 2,
    story: async (site) => {
      const v1 = await site.release('1', { db: WELL, web: WELL }, { policy: { on_drift: 'heal' } });
      await site.deploy(v1);
      const [db, web] = [await site.host.container('db'), await site.host.container('web')];
      await site.host.docker('rm', '--force', db.id);
      await site.host.docker('stop', web.id);
      await site.until('both to run again', () => site.requireRuns(site.host, v1).then(() => true));
      assert.notEqual((await site.host.container('db')).id, db.id);
      assert.equal((await site.host.container('web')).id, web.id);
    },
  },
];
