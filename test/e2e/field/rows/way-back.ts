/** What going back restores: services, data, files, images and the number of containers. */
import assert from 'node:assert/strict';
import { SICK, shell, WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';
import { BRISK_HEALTHCHECK, SOON_SICK } from '../services.ts';

export const wayBackRows: readonly FieldRow[] = [
  {
    stack: 'services',
    promise: 'services that a failed release added go, and those that it had removed come back',
    story: async (site) => {
      const v1 = await site.release('1', { cache: WELL, web: WELL });
      const v2 = await site.release('2', { queue: WELL, web: SOON_SICK });
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, { quarantine: /services-web-1 is unhealthy/ });
    },
  },
  {
    stack: 'data',
    promise: 'a volume keeps its data through a release, a failed one and the way back',
    story: async (site) => {
      const top = { volumes: { data: {} } };
      const db = (spec: object) => ({ runs: WELL, volumes: ['data:/data'], ...spec });
      const v1 = await site.release('1', { db: db({}) }, { top });
      const v2 = await site.release('2', { db: db({ environment: { VERSION: '2' } }) }, { top });
      const v3 = await site.release('3', { db: db({ ...SOON_SICK }) }, { top });
      await site.deploy(v1);
      await site.host.exec('db', 'sh', '-c', 'echo order 1 > /data/orders');
      await site.deploy(v2);
      await site.host.exec('db', 'sh', '-c', 'echo order 2 >> /data/orders');
      await site.expectBack(await site.begin(v3), v2, { quarantine: /data-db-1 is unhealthy/ });
      assert.equal(await site.host.exec('db', 'cat', '/data/orders'), 'order 1\norder 2');
    },
  },
  {
    stack: 'anonymous',
    promise: "a volume without a name moves on to the release's next containers, as with Compose",
    story: async (site) => {
      const db = (version: string) => ({ runs: WELL, volumes: ['/data'], environment: { VERSION: version } });
      const v1 = await site.release('1', { db: db('1') });
      const v2 = await site.release('2', { db: db('2') });
      await site.deploy(v1);
      await site.host.exec('db', 'sh', '-c', 'echo order 1 > /data/orders');
      await site.deploy(v2);
      assert.equal(await site.host.exec('db', 'cat', '/data/orders'), 'order 1');
    },
  },
  {
    stack: 'shipped',
    promise: 'a file that a release ships is the one that its containers see, also after the way back',
    story: async (site) => {
      const web = (spec: object) => ({ runs: WELL, volumes: ['./conf/app.conf:/app.conf:ro'], ...spec });
      const v1 = await site.release('1', { web: web({}) }, { files: { 'conf/app.conf': 'colour = blue\n' } });
      const v2 = await site.release('2', { web: web({}) }, { files: { 'conf/app.conf': 'colour = green\n' } });
      const v3 = await site.release('3', { web: web(SOON_SICK) }, { files: { 'conf/app.conf': 'colour = red\n' } });
      await site.deploy(v1);
      assert.equal(await site.host.exec('web', 'cat', '/app.conf'), 'colour = blue');
      await site.deploy(v2);
      assert.equal(await site.host.exec('web', 'cat', '/app.conf'), 'colour = green');
      await site.expectBack(await site.begin(v3), v2, { quarantine: /shipped-web-1 is unhealthy/ });
      assert.equal(await site.host.exec('web', 'cat', '/app.conf'), 'colour = green');
    },
  },
  {
    stack: 'variables',
    promise: 'variables come from the env_file that the release ships',
    story: async (site) => {
      const web = { runs: WELL, env_file: ['app.env'] };
      const v1 = await site.release('1', { web }, { files: { 'app.env': 'COLOUR=blue\nEMPTY=\n' } });
      await site.deploy(v1);
      assert.equal(await site.host.exec('web', 'sh', '-c', 'env | grep -E "^(COLOUR|EMPTY)="'), 'COLOUR=blue\nEMPTY=');
    },
  },
  {
    stack: 'configs',
    promise: 'configs and secrets of the Compose file are there, with the content of the release',
    story: async (site) => {
      const web = { runs: WELL, configs: ['page'], secrets: ['key'] };
      const top = { configs: { page: { file: './page.txt' } }, secrets: { key: { file: './key.txt' } } };
      const v1 = await site.release('1', { web }, { top, files: { 'page.txt': 'hello\n', 'key.txt': 'hush\n' } });
      await site.deploy(v1);
      assert.equal(await site.host.exec('web', 'cat', '/page', '/run/secrets/key'), 'hello\nhush');
    },
  },
  {
    stack: 'movedtag',
    promise: 'a tag that has moved on is given back to the image of the release before',
    story: async (site) => {
      const first = await site.image('web:stable', WELL);
      const v1 = await site.release('1', { web: { image: first, pull_policy: 'always' } });
      await site.deploy(v1);
      const second = await site.image('web:stable', SICK);
      const web = { image: second, pull_policy: 'always', healthcheck: BRISK_HEALTHCHECK };
      const v2 = await site.release('2', { web });
      await site.expectBack(await site.begin(v2), v1, { quarantine: /movedtag-web-1 is unhealthy/ });
    },
  },
  {
    stack: 'replicas',
    promise: 'a release with more containers of a service has all of them, and going back leaves as many as before',
    story: async (site) => {
      const v1 = await site.release('1', { web: { runs: WELL, deploy: { replicas: 2 } } });
      const v2 = await site.release('2', { web: { runs: WELL, deploy: { replicas: 3 } } });
      const v3 = await site.release('3', { web: { ...SOON_SICK, deploy: { replicas: 1 } } });
      await site.deploy(v1);
      await site.deploy(v2);
      await site.expectBack(await site.begin(v3), v2, { quarantine: /replicas-web-\d is unhealthy/ });
    },
  },
  {
    stack: 'deaf',
    promise: 'containers that do not end when they are asked to are replaced all the same',
    story: async (site) => {
      const deaf = { runs: ['sh', '-c', 'touch /ok; sleep 3600'], stop_grace_period: '1s' };
      const v1 = await site.release('1', { web: deaf });
      const v2 = await site.release('2', {
        web: { ...deaf, runs: ['sh', '-c', 'sleep 3600'], healthcheck: BRISK_HEALTHCHECK },
      });
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, { quarantine: /deaf-web-1 is unhealthy/ });
    },
  },
  {
    stack: 'slowstart',
    promise: 'a service that takes its time within its start period is waited for',
    story: async (site) => {
      const slow = { runs: shell('sleep 6', 'touch /ok', 'sleep 3600 & wait') };
      const v1 = await site.release('1', { web: slow });
      await site.deploy(v1);
    },
  },
];
