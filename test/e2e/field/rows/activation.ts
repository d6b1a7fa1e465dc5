/** Releases that do not come up by their own fault: what ran before runs afterwards, and the release is quarantined. */
import assert from 'node:assert/strict';
import { SICK, WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';
import { job, SOON_SICK } from '../services.ts';

const UNKNOWN_DIGEST = `sha256:${'0'.repeat(64)}`;

export const activationRows: readonly FieldRow[] = [
  {
    stack: 'sick',
    promise: 'a service that never gets healthy sends the host back to the release before',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: SOON_SICK });
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, {
        quarantine: /container sick-web-1 is unhealthy/,
        explain: /container sick-web-1 is unhealthy/,
        replaced: ['web'],
      });
    },
  },
  {
    stack: 'stillborn',
    promise: 'a first deploy that fails leaves nothing behind but its data',
    story: async (site) => {
      const db = { runs: WELL, volumes: ['data:/data'] };
      const v1 = await site.release('1', { db, web: SOON_SICK }, { top: { volumes: { data: {} } } });
      await site.expectBack(await site.begin(v1), null, { quarantine: /stillborn-web-1 is unhealthy/ });
      assert.doesNotMatch(await site.host.docker('network', 'ls', '--format', '{{.Name}}'), /^stillborn_/m);
      assert.match(await site.host.docker('volume', 'ls', '--format', '{{.Name}}'), /^stillborn_data$/m);
    },
  },
  {
    stack: 'late',
    promise: 'a release that is not up within its time goes back, and says which limit that was',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: SICK }, { policy: { activation_timeout_seconds: 8 } });
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, { quarantine: /late-web-1/ });
    },
  },
  {
    stack: 'notag',
    promise: 'a tag that its registry does not have fails before anything is stopped',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const known = await site.image('web:2', WELL);
      const v2 = await site.release('2', { web: { image: known.reference.replace(/:2$/, ':3') } });
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, {
        quarantine: /notag\/web:3.*not found|manifest unknown/,
        kept: 'all',
      });
    },
  },
  {
    stack: 'norepository',
    promise: 'an image that its registry has never heard of fails before anything is stopped',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: { image: `${site.registry.address}/norepository/misspelt:1` } });
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, { quarantine: /norepository\/misspelt/, kept: 'all' });
    },
  },
  {
    stack: 'wrongdigest',
    promise: 'an image pinned to a digest that does not exist fails before anything is stopped',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const known = await site.image('web:2', WELL);
      const v2 = await site.release('2', { web: { image: `${known.reference}@${UNKNOWN_DIGEST}` } });
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, {
        quarantine: /0000000.*not found|manifest unknown/,
        kept: 'all',
      });
    },
  },
  {
    stack: 'pinned',
    promise: 'an image pinned by digest is what runs, whatever its tag has come to mean',
    story: async (site) => {
      const wanted = await site.image('web:stable', WELL);
      await site.image('web:stable', SICK);
      const image = { reference: `${wanted.reference}@${wanted.digest}`, id: wanted.id };
      const v1 = await site.release('1', { web: { image } });
      await site.deploy(v1);
    },
  },
  {
    stack: 'refused',
    promise: 'a project that Compose refuses on the host fails before anything is stopped, in the words of Compose',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const environment = { KEY: `\${LICENSE:?the variable LICENSE has to be set}` };
      const v2 = await site.release('2', { web: { runs: WELL, environment } });
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, {
        quarantine: /Docker Compose does not accept the release:.*the variable LICENSE has to be set/s,
        explain: /the variable LICENSE has to be set/,
        kept: 'all',
      });
    },
  },
  {
    stack: 'noprogram',
    promise: 'a command that is not in the image sends the host back, and the evidence names it',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: { runs: WELL, command: ['/srv/no-such-program'] } });
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, { quarantine: /\/srv\/no-such-program/, replaced: ['web'] });
    },
  },
  {
    stack: 'ends',
    promise: 'a service that ends well without saying that it is meant to is no service that runs',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const ended = { runs: ['sh', '-c', 'exit 0'], restart: null, healthcheck: null };
      const v2 = await site.release('2', { web: ended });
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, {
        quarantine: /ends-web-1 has exited with code 0; a service that is meant to end .*'restart: "no"'/,
      });
    },
  },
  {
    stack: 'migrated',
    promise: 'a job that ends well is a part of a release that has converged',
    story: async (site) => {
      const web = { runs: WELL, depends_on: { migrate: { condition: 'service_completed_successfully' } } };
      const v1 = await site.release('1', { migrate: job(0), web });
      await site.deploy(v1);
      assert.deepEqual((await site.host.container('migrate')).exitCode, 0);
    },
  },
  {
    stack: 'badjob',
    promise: 'a migration that fails keeps the new version from starting, and the old one runs again',
    story: async (site) => {
      const web = { runs: WELL, depends_on: { migrate: { condition: 'service_completed_successfully' } } };
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { migrate: job(3, 'echo no such column >&2'), web });
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, { quarantine: /badjob-migrate-1|"migrate"/ });
    },
  },
  {
    stack: 'baddependency',
    promise: 'a service that waits for one that never gets healthy fails together with it',
    story: async (site) => {
      const web = { runs: WELL, depends_on: { db: { condition: 'service_healthy' } } };
      const v1 = await site.release('1', { db: WELL, web });
      const v2 = await site.release('2', { db: SOON_SICK, web });
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, { quarantine: /baddependency-db-1 is unhealthy/ });
    },
  },
  {
    stack: 'leftrunning',
    promise: "with the policy 'halt' a failed release is left as it is, to be looked at",
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: SOON_SICK }, { policy: { on_health_failure: 'halt' } });
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'failed');
      await site.reaches(rollout, 'halted');
      const { state, health, labels } = await site.host.container('web');
      assert.deepEqual([state, health, labels['nexus.release']], ['running', 'unhealthy', v2.digest]);
      await site.requireQuarantine(v2, /leftrunning-web-1 is unhealthy/);
      await site.requireExplained(rollout, /it is left running for inspection/);
    },
  },
  {
    stack: 'brokenoff',
    promise: 'a pull that breaks off again and again is taken up where it ended',
    story: async (site) => {
      const image = await site.image('web:heavy', WELL, { freshLayerBytes: 1_000_000 });
      const v1 = await site.release('1', { web: { image } });
      await site.registry.fail({ kind: 'breaks-off', afterBytes: 400_000 });
      await site.deploy(v1);
    },
  },
];
