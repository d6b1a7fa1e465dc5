/** What plan, create and the other commands say before anything happens. */
import assert from 'node:assert/strict';
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';
import { SOON_SICK } from '../services.ts';

const NEW_WEB = { runs: WELL, environment: { VERSION: '2' } };

export const planRows: readonly FieldRow[] = [
  {
    stack: 'planreadonly',
    promise: 'plan knows that an agent does not take releases',
    agents: 'by the story',
    story: async (site) => {
      await site.host.startAgent({ isReadOnly: true });
      await site.online(site.host);
      const v1 = await site.release('1', { web: WELL });
      assert.match(await site.plan(v1), /planreadonly-1 +hold +.*--rollouts/);
      const shown = await site.nexus('host', 'show', site.host.name);
      assert.match(shown, /agent/i);
      assert.match(shown, /capabilities/i);
    },
  },
  {
    stack: 'plannocompose',
    promise: 'plan knows that a host has no Compose',
    agents: 'by the story',
    story: async (site) => {
      await site.host.startAgent({ env: { NEXUS_AGENT_DOCKER_CLI: await site.host.wrapDocker('exit 1') } });
      await site.online(site.host);
      const v1 = await site.release('1', { web: WELL });
      assert.match(await site.plan(v1), /plannocompose-1 +hold +.*Compose/);
    },
  },
  {
    stack: 'planstranger',
    promise: 'plan knows a project of that name that somebody started by hand',
    intervalSeconds: 2,
    story: async (site) => {
      await site.host.composeUp('services: {web: {image: "nexus-lab/busybox:1"}}\n');
      const v1 = await site.release('1', { web: WELL });
      await site.until('plan to know it', async () =>
        /planstranger-1 +hold +.*planstranger-web-1/.test(await site.plan(v1)),
      );
    },
  },
  {
    stack: 'planname',
    promise: 'plan knows a container name that somebody else has',
    intervalSeconds: 2,
    story: async (site) => {
      await site.host.runStranger({ name: 'planname-shop' });
      const v1 = await site.release('1', { web: { runs: WELL, container_name: 'planname-shop' } });
      await site.until('plan to know it', async () => /planname-1 +\w+ +.*planname-shop/.test(await site.plan(v1)));
    },
  },
  {
    stack: 'planruns',
    promise: 'plan says what runs now, and what would change',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v3 = await site.release('3', { web: NEW_WEB });
      await site.deploy(v1);
      assert.match(await site.plan(v3), /planruns 1 → planruns 3/);
      assert.match(await site.plan(v1), /already runs it/);
    },
  },
  {
    stack: 'createrefuses',
    promise: 'a quarantined release is refused when its rollout is to be created',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: SOON_SICK });
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, { quarantine: /createrefuses-web-1/ });
      const { code, stdout, stderr } = await site.command('rollout', 'create', v2.digest, '--host', site.host.name);
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /quarantined.*nexus release lift/s);
    },
  },
  {
    stack: 'createspares',
    promise: 'creating what would be held ends no rollout that is under way, unless one insists',
    agents: 'by the story',
    story: async (site) => {
      await site.host.startAgent({ isReadOnly: true });
      await site.online(site.host);
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: NEW_WEB });
      const first = await site.begin(v1);
      const { code, stderr } = await site.command('rollout', 'create', v2.digest, '--host', site.host.name);
      assert.equal(code, 1);
      assert.match(stderr, /--yes/);
      assert.equal((await site.operator.getRollout(first.id)).state, 'active');
    },
  },
  {
    stack: 'labels',
    promise: 'selectors that contradict themselves and windows that cannot be read are refused at once',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const contradiction = await site.command('rollout', 'create', v1.digest, '--selector', 'n=1', 'n=2');
      assert.equal(contradiction.code, 2);
      assert.match(contradiction.stderr, /n=1.*n=2/);
      const window = 'maintenance-window=Caturday 22:00-04:00';
      const refused = await site.command('host', 'label', site.host.name, window);
      assert.notEqual(refused.code, 0);
      assert.match(refused.stderr, /Caturday/);
      await site.nexus('host', 'label', site.host.name, 'maintenance-window=Sat 22:00-04:00 Europe/Berlin');
    },
  },
];
