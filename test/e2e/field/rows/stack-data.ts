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

/** A good release, perhaps some more, and a bad one, each with the same mounts: what the first one wrote is there to the end. */
async function keepsData(
  site: Site,
  mounts: ServiceKeys,
  folder: string,
  { more = [], ...options }: ReleaseOptions & { readonly more?: readonly string[] } = {},
): Promise<void> {
  const release = (version: string, keys: ServiceKeys = { runs: WELL }) =>
    site.release(version, { db: { environment: { VERSION: version }, ...keys, ...mounts } }, options);
  let good = await release('1');
  await site.deploy(good);
  await site.host.exec('db', 'sh', '-c', `echo order 1 >> ${folder}/orders`);
  for (const version of more) {
    good = await release(version);
    await site.deploy(good);
    assert.equal(await site.host.exec('db', 'cat', `${folder}/orders`), 'order 1');
  }
  const bad = await release('bad', SOON_SICK);
  await site.expectBack(await site.begin(bad), good, { quarantine: new RegExp(`${site.stack}-db-1 is unhealthy`) });
  assert.equal(await site.host.exec('db', 'cat', `${folder}/orders`), 'order 1');
  await site.deploy(await release('last'));
  assert.equal(await site.host.exec('db', 'cat', `${folder}/orders`), 'order 1');
}

export const stackDataRows: readonly FieldRow[] = [
  {
    stack: 'binddata',
    promise: 'a relative folder that no release ships keeps its data over releases, pruning and the way back',
    story: async (site) => {
      await keepsData(site, { volumes: ['./data:/data'] }, '/data', { more: ['2', '3'] });
      const mount = (await site.host.container('db')).mounts.find(({ destination }) => destination === '/data');
      assert.equal(readFileSync(path.join(mount?.source ?? '', 'orders'), 'utf8'), 'order 1\n');
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
  {
    stack: 'bindhidden',
    promise: 'a forgotten file whose path a variable makes fails the host before anything stops',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: { runs: WELL, volumes: [`\${CONF:-./app.conf}:/app.conf:ro`] } });
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, {
        quarantine: /service 'web' mounts '\.\/app\.conf' read-only, and the release does not ship it/,
        kept: 'all',
      });
    },
  },
  {
    stack: 'fileback',
    promise: 'the way back brings the files of the release before, and keeps what its containers wrote beside them',
    story: async (site) => {
      const web = { runs: WELL, volumes: ['./conf:/conf'] };
      const v1 = await site.release('1', { web }, { files: { 'conf/a.conf': 'one\n', 'conf/b.conf': 'one\n' } });
      const v2 = await site.release(
        '2',
        { web: { ...SOON_SICK, ...web, runs: SOON_SICK.runs ?? [] } },
        { files: { 'conf/a.conf': 'two\n' } },
      );
      await site.deploy(v1);
      await site.host.exec('web', 'sh', '-c', 'echo 41 > /conf/counter');
      await site.expectBack(await site.begin(v2), v1, { quarantine: /fileback-web-1 is unhealthy/ });
      assert.equal(await site.host.exec('web', 'sh', '-c', 'cd /conf && cat a.conf b.conf counter'), 'one\none\n41');
    },
  },
  {
    stack: 'bindfirst',
    promise: 'what the first release wrote is there for the next one, though the first one failed and was taken away',
    story: async (site) => {
      const volumes = ['./data:/data'];
      const bad = { ...SOON_SICK, volumes, runs: ['sh', '-c', 'echo order 1 > /data/orders; sleep 3600'] };
      const v1 = await site.release('1', { db: bad });
      const v2 = await site.release('2', { db: { runs: WELL, volumes } });
      await site.expectBack(await site.begin(v1), null, { quarantine: /bindfirst-db-1 is unhealthy/ });
      await site.deploy(v2);
      assert.equal(await site.host.exec('db', 'cat', '/data/orders'), 'order 1');
    },
  },
];
