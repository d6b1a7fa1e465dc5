/** Relative bind mounts: what a release does not ship belongs to the stack, and outlives every release. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { WELL } from '../../support/sample-stack.ts';
import type { ServiceKeys } from '../compose-project.ts';
import type { FieldRow } from '../row.ts';
import { SOON_SICK } from '../services.ts';
import type { Site } from '../site.ts';
import type { ReleaseOptions } from '../site-releases.ts';

/** Three good releases and a bad one, each with the same mounts: what the first one wrote is there to the end. */
async function keepsData(site: Site, mounts: ServiceKeys, folder: string, options: ReleaseOptions = {}): Promise<void> {
  const db = (version: string) => ({ runs: WELL, environment: { VERSION: version }, ...mounts });
  const v1 = await site.release('1', { db: db('1') }, options);
  const v2 = await site.release('2', { db: db('2') }, options);
  const v3 = await site.release('3', { db: db('3') }, options);
  const v4 = await site.release('4', { db: { ...db('4'), ...SOON_SICK, ...mounts } }, options);
  await site.deploy(v1);
  await site.host.exec('db', 'sh', '-c', `echo order 1 >> ${folder}/orders`);
  await site.deploy(v2);
  assert.equal(await site.host.exec('db', 'cat', `${folder}/orders`), 'order 1');
  await site.deploy(v3);
  await site.host.exec('db', 'sh', '-c', `echo order 2 >> ${folder}/orders`);
  await site.expectBack(await site.begin(v4), v3, { quarantine: new RegExp(`${site.stack}-db-1 is unhealthy`) });
  assert.equal(await site.host.exec('db', 'cat', `${folder}/orders`), 'order 1\norder 2');
}

export const stackDataRows: readonly FieldRow[] = [
  {
    stack: 'binddata',
    promise: 'a relative folder that no release ships keeps its data over releases, pruning and the way back',
    story: async (site) => {
      await keepsData(site, { volumes: ['./data:/data'] }, '/data');
      const mount = (await site.host.container('db')).mounts.find(({ destination }) => destination === '/data');
      assert.equal(readFileSync(path.join(mount?.source ?? '', 'orders'), 'utf8'), 'order 1\norder 2\n');
    },
  },
  {
    stack: 'bindparent',
    promise: 'a folder above the Compose file belongs to the stack too',
    story: (site) => keepsData(site, { volumes: ['../shared/data:/data'] }, '/data'),
  },
  {
    stack: 'bindvariable',
    promise: 'a folder whose path a variable makes belongs to the stack too',
    story: (site) => keepsData(site, { volumes: [`\${DATA_FOLDER:-./state}/db:/data`] }, '/data'),
  },
  {
    stack: 'bindlong',
    promise: 'a bind mount in the long form belongs to the stack too',
    story: (site) =>
      keepsData(
        site,
        { volumes: [{ type: 'bind', source: './data', target: '/data', bind: { create_host_path: true } }] },
        '/data',
      ),
  },
  {
    stack: 'binddriver',
    promise: 'a volume that is a relative folder by its driver options belongs to the stack too',
    story: (site) => {
      const data = { driver: 'local', driver_opts: { type: 'none', o: 'bind', device: './data' } };
      return keepsData(site, { volumes: ['data:/data'] }, '/data', { top: { volumes: { data } } });
    },
  },
  {
    stack: 'bindbeside',
    promise: 'a folder of data beside files that the release ships keeps the data and changes the files',
    story: async (site) => {
      const web = { runs: WELL, volumes: ['./conf/app.conf:/conf/app.conf:ro', './conf/state:/state'] };
      const v1 = await site.release('1', { web }, { files: { 'conf/app.conf': 'colour = blue\n' } });
      const v2 = await site.release('2', { web }, { files: { 'conf/app.conf': 'colour = green\n' } });
      await site.deploy(v1);
      await site.host.exec('web', 'sh', '-c', 'echo 41 > /state/counter');
      await site.deploy(v2);
      assert.equal(await site.host.exec('web', 'cat', '/conf/app.conf', '/state/counter'), 'colour = green\n41');
    },
  },
];
