/** What people write into Compose files, and count on from one release to the next. */
import assert from 'node:assert/strict';
import { BUSYBOX_IMAGE } from '../../../../scripts/lab/engine.ts';
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';
import { BRISK_HEALTHCHECK, PAGES, SOON_SICK } from '../services.ts';

/** Every character that some layer between a Compose file and a container might take for its own. */
const AWKWARD = `a b#c "quoted" 'single' \\backslash \${NOT_A_VARIABLE} $HOME %d ü é\nsecond line`;

/** As a Compose file has to write it. */
function escaped(text: string): string {
  return text.replaceAll('$', '$$$$');
}

export const composeHabitRows: readonly FieldRow[] = [
  {
    stack: 'sidecar',
    promise: 'a service that lives on the network of another one lives on that of its new container after a release',
    story: async (site) => {
      const client = { runs: WELL, network_mode: 'service:web' };
      const v1 = await site.release('1', { client, web: PAGES });
      const v2 = await site.release('2', { client, web: { runs: PAGES, environment: { VERSION: '2' } } });
      for (const release of [v1, v2]) {
        await site.deploy(release);
        assert.equal(await site.host.exec('client', 'wget', '-q', '-O', '-', 'http://127.0.0.1/index.html'), 'fine');
      }
    },
  },
  {
    stack: 'inlineconfig',
    promise: 'a config that the Compose file spells out is there as the newest release spells it',
    story: async (site) => {
      const web = { runs: WELL, configs: [{ source: 'page', target: '/page' }] };
      const top = (content: string) => ({ configs: { page: { content } } });
      const v1 = await site.release('1', { web }, { top: top('blue\n') });
      const v2 = await site.release('2', { web }, { top: top('green\n') });
      await site.deploy(v1);
      assert.equal(await site.host.exec('web', 'cat', '/page'), 'blue');
      await site.deploy(v2);
      assert.equal(await site.host.exec('web', 'cat', '/page'), 'green');
    },
  },
  {
    stack: 'newsecret',
    promise: 'a secret whose file has changed is the new one in the containers of the new release',
    story: async (site) => {
      const web = { runs: WELL, secrets: ['key'] };
      const top = { secrets: { key: { file: './key.txt' } } };
      const v1 = await site.release('1', { web }, { top, files: { 'key.txt': 'old\n' } });
      const v2 = await site.release('2', { web }, { top, files: { 'key.txt': 'new\n' } });
      await site.deploy(v1);
      assert.equal(await site.host.exec('web', 'cat', '/run/secrets/key'), 'old');
      await site.deploy(v2);
      assert.equal(await site.host.exec('web', 'cat', '/run/secrets/key'), 'new');
    },
  },
  {
    stack: 'restarted',
    promise: "a service that depends on another one with 'restart: true' starts anew together with it",
    story: async (site) => {
      const front = { runs: WELL, depends_on: { web: { condition: 'service_healthy', restart: true } } };
      const v1 = await site.release('1', { front, web: PAGES });
      const v2 = await site.release('2', { front, web: { runs: PAGES, environment: { VERSION: '2' } } });
      await site.deploy(v1);
      await site.deploy(v2);
      const [started, dependency] = [await site.host.container('front'), await site.host.container('web')];
      assert.ok(Date.parse(started.startedAt) > Date.parse(dependency.startedAt), 'it started after its dependency');
    },
  },
  {
    stack: 'renamed',
    promise: 'a service that gets another name keeps its port, over releases and on the way back',
    story: async (site) => {
      const ports = [`${site.nextPort()}:80`];
      const v1 = await site.release('1', { web: { runs: PAGES, ports } });
      const v2 = await site.release('2', { front: { runs: PAGES, ports } });
      const v3 = await site.release('3', { web: { ...SOON_SICK, ports } });
      await site.deploy(v1);
      await site.deploy(v2);
      await site.expectBack(await site.begin(v3), v2, { quarantine: /renamed-web-1 is unhealthy/ });
    },
  },
  {
    stack: 'swappedports',
    promise: 'two services can swap their ports in one release',
    story: async (site) => {
      const [first, second] = [site.nextPort(), site.nextPort()];
      const on = (port: number) => ({ runs: PAGES, ports: [`${port}:80`] });
      const v1 = await site.release('1', { api: on(first), web: on(second) });
      const v2 = await site.release('2', { api: on(second), web: on(first) });
      await site.deploy(v1);
      await site.deploy(v2);
    },
  },
  {
    stack: 'swappednames',
    promise: 'container names that are swapped, which Compose cannot do in one go, end in a whole way back',
    story: async (site) => {
      const called = (name: string) => ({ runs: WELL, container_name: `swappednames-${name}` });
      const v1 = await site.release('1', { api: called('left'), web: called('right') });
      const v2 = await site.release('2', { api: called('right'), web: called('left') });
      await site.deploy(v1);
      await site.expectBack(await site.begin(v2), v1, { quarantine: /swappednames-\w+" is already in use/ });
      assert.deepEqual(
        (await site.host.containers()).map(({ name }) => name),
        ['swappednames-left', 'swappednames-right'],
      );
    },
  },
  {
    stack: 'literal',
    promise: 'what a Compose file says reaches the container to the letter, dollar signs and line breaks included',
    story: async (site) => {
      const web = {
        runs: WELL,
        environment: { AWKWARD: escaped(AWKWARD) },
        labels: { awkward: escaped(AWKWARD) },
        healthcheck: { ...BRISK_HEALTHCHECK, test: ['CMD-SHELL', 'test "$$(echo "$$AWKWARD" | wc -l)" -eq 2'] },
      };
      const v1 = await site.release('1', { web });
      await site.deploy(v1);
      assert.equal(await site.host.exec('web', 'sh', '-c', 'printf %s "$AWKWARD"'), AWKWARD);
      assert.equal((await site.host.container('web')).labels['awkward'], AWKWARD);
    },
  },
  {
    stack: 'nobody',
    promise: 'a service that runs as nobody can read the files that the release ships',
    story: async (site) => {
      const web = { runs: WELL, user: '65534:65534', volumes: ['./conf:/conf:ro'], tmpfs: ['/run'], healthcheck: null };
      const v1 = await site.release('1', { web }, { files: { 'conf/sub/app.conf': 'colour = blue\n' } });
      await site.deploy(v1);
      assert.equal(await site.host.exec('web', 'cat', '/conf/sub/app.conf'), 'colour = blue');
    },
  },
  {
    stack: 'othername',
    promise: 'a stack keeps its own name, whatever project name stands in its Compose file',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL }, { top: { name: 'somethingelse' } });
      await site.deploy(v1);
      assert.deepEqual(await site.host.containers('somethingelse'), []);
    },
  },
  {
    stack: 'scalekey',
    promise: "'scale: 3' means three containers, and the same release again brings back one that is gone",
    story: async (site) => {
      const v1 = await site.release('1', { web: { runs: WELL, scale: 3 } });
      await site.deploy(v1);
      await site.host.docker('rm', '--force', (await site.host.containers())[0]?.id ?? '');
      await site.deploy(v1);
    },
  },
  {
    stack: 'localimage',
    promise: 'an image that is on the host and in no registry is taken as it is',
    story: async (site) => {
      const id = await site.host.docker('image', 'inspect', '--format', '{{.Id}}', BUSYBOX_IMAGE);
      const v1 = await site.release('1', { web: { image: { reference: BUSYBOX_IMAGE, id }, command: WELL } });
      await site.deploy(v1);
      assert.deepEqual(site.registry.requests, []);
    },
  },
];
