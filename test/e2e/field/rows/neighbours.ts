/** What else is on a host: containers of other people, of other names, of the same project by hand. */
import assert from 'node:assert/strict';
import { WELL } from '../../support/sample-stack.ts';
import { inspectProject } from '../project-containers.ts';
import type { FieldRow } from '../row.ts';
import { PAGES, SOON_SICK } from '../services.ts';

export const neighbourRows: readonly FieldRow[] = [
  {
    stack: 'stranger',
    promise: 'containers that are none of ours are left alone, whatever becomes of the release',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: SOON_SICK });
      const byHand = await site.host.runStranger({ name: 'stranger-by-hand' });
      const other = 'services: {web: {image: "nexus-lab/busybox:1", labels: {field.row: stranger}}}\n';
      await site.host.composeUp(other, 'strangers');
      const before = await inspectProject(site.host.engine, 'strangers');
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, { quarantine: /stranger-web-1 is unhealthy/ });
      assert.deepEqual(await inspectProject(site.host.engine, 'strangers'), before);
      const running = await site.host.docker('ps', '--no-trunc', '--quiet');
      assert.ok(running.includes(byHand), 'the container that somebody started by hand runs');
    },
  },
  {
    stack: 'oneoff',
    promise: "a container of 'docker compose run' neither disturbs a release nor is disturbed by it",
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: { runs: WELL, environment: { VERSION: '2' } } });
      await site.deploy(v1);
      const labels = {
        'com.docker.compose.project': 'oneoff',
        'com.docker.compose.service': 'web',
        'com.docker.compose.oneoff': 'True',
      };
      const shell = await site.host.runStranger({ name: 'oneoff-web-run-1', labels });
      await site.deploy(v2);
      const running = await site.host.docker('ps', '--no-trunc', '--quiet');
      assert.ok(running.includes(shell), 'the shell that somebody has open goes on');
    },
  },
  {
    stack: 'odd_name-1',
    promise: 'names with every character that Compose allows work',
    story: async (site) => {
      const v1 = await site.release('1.0.0+build-7', { 'web.api_v2': WELL, 'a--b': WELL });
      const v2 = await site.release('2/feature#x', { 'web.api_v2': SOON_SICK, 'a--b': WELL });
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, { quarantine: /odd_name-1-web\.api_v2-1 is unhealthy/ });
    },
  },
  {
    stack: 'named',
    promise: 'a container with a name of its own keeps it from release to release',
    story: async (site) => {
      const web = (version: string) => ({
        runs: WELL,
        container_name: 'named-by-hand',
        environment: { VERSION: version },
      });
      const v1 = await site.release('1', { web: web('1') });
      const v2 = await site.release('2', { web: web('2') });
      const v3 = await site.release('3', { web: { ...SOON_SICK, container_name: 'named-by-hand' } });
      await site.deploy(v1);
      await site.deploy(v2);
      await site.expectBack(await site.begin(v3), v2, { quarantine: /named-by-hand is unhealthy/ });
      assert.equal((await site.host.container('web')).name, 'named-by-hand');
    },
  },
  {
    stack: 'network',
    promise: 'services reach one another by name over networks of the release',
    story: async (site) => {
      const web = { runs: PAGES, networks: { front: { aliases: ['shop'] } } };
      const client = { runs: WELL, networks: ['front'] };
      const v1 = await site.release('1', { client, web }, { top: { networks: { front: {} } } });
      await site.deploy(v1);
      assert.equal(await site.host.exec('client', 'wget', '-q', '-O', '-', 'http://shop/index.html'), 'fine');
    },
  },
  {
    stack: 'profiles',
    promise: 'services of a profile that nobody asked for are not started, and not missed',
    story: async (site) => {
      const v1 = await site.release('1', { debug: { runs: WELL, profiles: ['debug'] }, web: WELL });
      await site.deploy(v1);
    },
  },
  {
    stack: 'zero',
    promise: 'a service that is scaled to nothing is not missed',
    story: async (site) => {
      const v1 = await site.release('1', { spare: WELL, web: WELL });
      const v2 = await site.release('2', { spare: { runs: WELL, deploy: { replicas: 0 } }, web: WELL });
      await site.deploy(v1);
      await site.deploy(v2);
    },
  },
  {
    stack: 'planport',
    promise: 'plan knows a port that somebody else publishes',
    intervalSeconds: 2,
    story: async (site) => {
      const port = site.nextPort();
      await site.host.runStranger({ name: 'planport-holder', ports: { [port]: 80 } });
      const v1 = await site.release('1', { web: { runs: WELL, ports: [`${port}:80`] } });
      await site.until('plan to know it', async () =>
        new RegExp(`port ${port} is taken by .*planport-holder`).test(await site.plan(v1)),
      );
    },
  },
];
