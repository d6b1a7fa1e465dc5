/** A release recreates what differs and nothing else, and passes over no change. */
import assert from 'node:assert/strict';
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';
import { ALSO_WELL, SOON_SICK } from '../services.ts';

const NEW_WEB = { runs: WELL, environment: { VERSION: '2' } };

export const changeRows: readonly FieldRow[] = [
  {
    stack: 'onlyweb',
    promise: 'a release that changes one service leaves the containers of the others alone',
    story: async (site) => {
      const v1 = await site.release('1', { db: WELL, web: WELL });
      const v2 = await site.release('2', { db: WELL, web: NEW_WEB });
      await site.deploy(v1);
      await site.deploy(v2, { kept: ['db'], replaced: ['web'] });
    },
  },
  {
    stack: 'onlywebback',
    promise: 'the way back leaves alone what the failed release did not change',
    story: async (site) => {
      const v1 = await site.release('1', { db: WELL, web: WELL });
      const v2 = await site.release('2', { db: WELL, web: SOON_SICK });
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, {
        quarantine: /onlywebback-web-1 is unhealthy/,
        kept: ['db'],
        replaced: ['web'],
      });
    },
  },
  {
    stack: 'onlypolicy',
    promise: 'a release that differs in its policy alone touches no container',
    story: async (site) => {
      const v1 = await site.release('1', { db: WELL, web: WELL });
      const v2 = await site.release('2', { db: WELL, web: WELL }, { policy: { soak_seconds: 3 } });
      await site.deploy(v1);
      await site.deploy(v2, { kept: 'all' });
    },
  },
  {
    stack: 'onlyfile',
    promise: 'a release that changes a mounted file recreates the service that mounts it, and no other',
    story: async (site) => {
      const web = { runs: WELL, volumes: ['./app.conf:/app.conf:ro'] };
      const v1 = await site.release('1', { db: WELL, web }, { files: { 'app.conf': 'colour = blue\n' } });
      const v2 = await site.release('2', { db: WELL, web }, { files: { 'app.conf': 'colour = green\n' } });
      await site.deploy(v1);
      await site.deploy(v2, { kept: ['db'], replaced: ['web'] });
      assert.equal(await site.host.exec('web', 'cat', '/app.conf'), 'colour = green');
    },
  },
  {
    stack: 'onlyvariable',
    promise: 'a release that changes an env_file recreates the service that reads it, and no other',
    story: async (site) => {
      const web = { runs: WELL, env_file: ['app.env'] };
      const v1 = await site.release('1', { db: WELL, web }, { files: { 'app.env': 'COLOUR=blue\n' } });
      const v2 = await site.release('2', { db: WELL, web }, { files: { 'app.env': 'COLOUR=green\n' } });
      await site.deploy(v1);
      const before = await site.host.container('db');
      await site.deploy(v2);
      assert.equal(await site.host.exec('web', 'sh', '-c', 'echo $COLOUR'), 'green');
      assert.equal((await site.host.container('db')).id, before.id);
    },
  },
  {
    stack: 'movedimage',
    promise: 'the same release again brings the new image of a tag that has moved, where its pull policy asks for that',
    story: async (site) => {
      const first = await site.image('web:stable', WELL);
      const v1 = await site.release('1', { db: WELL, web: { image: first, pull_policy: 'always' } });
      await site.deploy(v1);
      const db = await site.host.container('db');
      const second = await site.image('web:stable', ALSO_WELL);
      const again = await site.release('2', { db: WELL, web: { image: second, pull_policy: 'always' } });
      await site.deploy(again);
      assert.equal((await site.host.container('db')).id, db.id);
    },
  },
  {
    stack: 'netchanged',
    promise: 'a network whose definition has changed is what the release says, or the release says that it is not',
    story: async (site) => {
      const web = { runs: WELL, networks: ['front'] };
      const top = (subnet: string) => ({ networks: { front: { ipam: { config: [{ subnet }] } } } });
      const v1 = await site.release('1', { web }, { top: top('172.31.11.0/28') });
      const v2 = await site.release('2', { web }, { top: top('172.31.12.0/28') });
      await site.deploy(v1);
      await site.deploy(v2);
      const subnet = await site.host.docker(
        'network',
        'inspect',
        '--format',
        '{{(index .IPAM.Config 0).Subnet}}',
        'netchanged_front',
      );
      assert.equal(subnet, '172.31.12.0/28');
    },
  },
  {
    stack: 'replicagone',
    promise: 'two containers where three are wanted is no release that has converged',
    story: async (site) => {
      const v1 = await site.release('1', { web: { runs: WELL, deploy: { replicas: 2 } } });
      const v2 = await site.release(
        '2',
        { web: { ...NEW_WEB, deploy: { replicas: 3 } } },
        { policy: { soak_seconds: 30 } },
      );
      await site.deploy(v1);
      const rollout = await site.begin(v2);
      await site.hostReaches(rollout, site.host, 'soaking');
      const [victim] = await site.host.containers();
      await site.host.docker('rm', '--force', victim?.id ?? '');
      await site.expectBack(rollout, v1, { quarantine: ['health:web'], explain: /2 of 3/ });
    },
  },
  {
    stack: 'onlyscale',
    promise: 'a release that wants one container more leaves those alone that are there',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: { runs: WELL, scale: 2 } });
      await site.deploy(v1);
      const { id } = await site.host.container('web');
      await site.deploy(v2);
      assert.ok((await site.host.containers()).some((container) => container.id === id));
    },
  },
  {
    stack: 'onlybeside',
    promise: 'a service that lives on the network of another one is left alone with it',
    story: async (site) => {
      const sidecar = { runs: ALSO_WELL, network_mode: 'service:web' };
      const v1 = await site.release('1', { db: WELL, web: WELL, sidecar });
      const v2 = await site.release('2', { db: NEW_WEB, web: WELL, sidecar });
      await site.deploy(v1);
      await site.deploy(v2, { kept: ['web', 'sidecar'], replaced: ['db'] });
    },
  },
  {
    stack: 'netshared',
    promise: 'a changed network with containers of others on it stays as it is, and explain names them',
    story: async (site) => {
      const web = { runs: WELL, networks: ['front'] };
      const top = (subnet: string) => ({ networks: { front: { ipam: { config: [{ subnet }] } } } });
      const v1 = await site.release('1', { web }, { top: top('172.31.13.0/28') });
      const v2 = await site.release('2', { web }, { top: top('172.31.14.0/28') });
      await site.deploy(v1);
      const stranger = await site.host.runStranger({ name: 'netshared-guest' });
      await site.host.docker('network', 'connect', 'netshared_front', stranger);
      await site.expectBack(await site.begin(v2), v1, {
        quarantine: /containers of others are on it: netshared-guest/,
        kept: 'all',
      });
      await site.host.docker('network', 'disconnect', 'netshared_front', stranger);
    },
  },
  {
    stack: 'volumechanged',
    promise: 'a volume whose definition has changed keeps its data, and the plan says that it is not applied',
    story: async (site) => {
      const db = { runs: WELL, volumes: ['data:/data'] };
      const top = (size: string) => ({
        volumes: { data: { driver_opts: { type: 'tmpfs', device: 'tmpfs', o: `size=${size}` } } },
      });
      const v1 = await site.release('1', { db }, { top: top('1m') });
      const v2 = await site.release('2', { db }, { top: top('2m') });
      await site.deploy(v1);
      assert.match(await site.plan(v2), /The volume 'data' is defined otherwise than in volumechanged 1\b/);
      await site.host.exec('db', 'touch', '/data/orders');
      await site.deploy(v2);
      assert.equal(await site.host.exec('db', 'ls', '/data'), 'orders');
      assert.match(await site.host.docker('volume', 'inspect', 'volumechanged_data'), /size=1m/);
    },
  },
];
