/** Compose files as people have them: several, with folders, modes, overrides and typing errors. */
import assert from 'node:assert/strict';
import { WELL } from '../../support/sample-stack.ts';
import type { FieldRow } from '../row.ts';
import type { CommandEnd, Site } from '../site.ts';
import type { SiteRelease } from '../site-releases.ts';

const ENTRYPOINT = '#!/bin/sh\ntouch /ok\ntrap "exit 0" TERM\nsleep 3600 & wait\n';
const CHECK =
  'healthcheck: {test: ["CMD", "test", "-f", "/ok"], interval: 1s, start_period: 20s, start_interval: 300ms}';

function requireDone({ code, stdout, stderr }: CommandEnd): string {
  assert.equal(code, 0, stderr);
  return stdout.trim();
}

/** Deploys what a command has made of files: what runs is asked of the engine. */
async function deployed(site: Site, version: string, end: CommandEnd): Promise<void> {
  const release: SiteRelease = { stack: site.stack, version, digest: requireDone(end), services: {} };
  await site.reaches(await site.begin(release), 'converged');
}

export const composeFileRows: readonly FieldRow[] = [
  {
    stack: 'typo',
    promise: 'a key that Compose does not know is refused with its place and its likely meaning',
    story: async (site) => {
      const { code, stderr } = await site.createFromFiles('1', {
        'compose.yaml': 'services: {web: {imag: "shop/web:1"}}\n',
      });
      assert.equal(code, 1);
      assert.match(stderr, /services\.web.*imag/);
      assert.match(stderr, /image/);
    },
  },
  {
    stack: 'builds',
    promise: 'a service that is to be built is refused with advice: what a fleet runs comes from a registry',
    story: async (site) => {
      const { code, stderr } = await site.createFromFiles('1', { 'compose.yaml': 'services: {web: {build: .}}\n' });
      assert.equal(code, 1);
      assert.match(stderr, /build/);
      assert.match(stderr, /push/);
    },
  },
  {
    stack: 'merged',
    promise: 'several Compose files are merged in the order in which they are given',
    story: async (site) => {
      const { reference } = await site.image('web:1', WELL);
      const files = {
        'compose.yaml': `services: {web: {image: "${reference}", environment: {COLOUR: blue, SIZE: small}}}\n`,
        'compose.prod.yaml': 'services: {web: {environment: {COLOUR: green}}}\n',
      };
      const flags = ['--compose', 'FOLDER/compose.yaml', '--compose', 'FOLDER/compose.prod.yaml'];
      await deployed(site, '1', await site.createFromFiles('1', files, ...flags));
      assert.equal(await site.host.exec('web', 'sh', '-c', 'echo $COLOUR $SIZE'), 'green small');
    },
  },
  {
    stack: 'overridden',
    promise: 'a compose.override.yaml beside the Compose file counts, as with Compose itself',
    story: async (site) => {
      const { reference } = await site.image('web:1', WELL);
      const files = {
        'compose.yaml': `services: {web: {image: "${reference}", environment: {COLOUR: blue}}}\n`,
        'compose.override.yaml': 'services: {web: {environment: {COLOUR: red}}}\n',
      };
      await deployed(site, '1', await site.createFromFiles('1', files));
      assert.equal(await site.host.exec('web', 'sh', '-c', 'echo $COLOUR'), 'red');
    },
  },
  {
    stack: 'dotenv',
    promise: 'the .env beside the Compose file fills its variables',
    story: async (site) => {
      const { reference } = await site.image('web:1', WELL);
      const files = {
        'compose.yaml': `services: {web: {image: "${reference}", environment: {COLOUR: "\${COLOUR}"}}}\n`,
        '.env': 'COLOUR=violet\n',
      };
      await deployed(site, '1', await site.createFromFiles('1', files));
      assert.equal(await site.host.exec('web', 'sh', '-c', 'echo $COLOUR'), 'violet');
    },
  },
  {
    stack: 'modes',
    promise: 'files travel with their modes: a program stays one, and a secret stays one',
    story: async (site) => {
      const { reference } = await site.image('web:1', WELL);
      const mounts = 'volumes: ["./run.sh:/run.sh:ro", "./key:/key:ro"]';
      const files = {
        'compose.yaml': `services: {web: {image: "${reference}", entrypoint: ["/run.sh"], ${mounts}, ${CHECK}}}\n`,
        'run.sh': { text: ENTRYPOINT, mode: 0o755 },
        key: { text: 'hush\n', mode: 0o600 },
      };
      await deployed(site, '1', await site.createFromFiles('1', files));
      assert.equal(await site.host.exec('web', 'stat', '-c', '%a', '/run.sh', '/key'), '755\n600');
    },
  },
  {
    stack: 'folder',
    promise: 'a mounted folder travels whole, binary files included',
    story: async (site) => {
      const { reference } = await site.image('web:1', WELL);
      const files = {
        'compose.yaml': `services: {web: {image: "${reference}", volumes: ["./site:/site:ro"]}}\n`,
        'site/index.html': 'hello\n',
        'site/img/dot.gif': new Uint8Array([0x47, 0x49, 0x46, 0x00, 0xff]),
      };
      await deployed(site, '1', await site.createFromFiles('1', files));
      assert.equal(await site.host.exec('web', 'cat', '/site/index.html'), 'hello');
      assert.match(await site.host.exec('web', 'hexdump', '-C', '/site/img/dot.gif'), /47 49 46 00 ff/);
    },
  },
  {
    stack: 'included',
    promise: 'files that a Compose file includes, extends and reads travel with it',
    story: async (site) => {
      const { reference } = await site.image('web:1', WELL);
      const files = {
        'compose.yaml': 'include: [parts/db.yaml]\nservices: {web: {extends: {file: parts/base.yaml, service: web}}}\n',
        'parts/db.yaml': `services: {db: {image: "${reference}", env_file: [db.env]}}\n`,
        'parts/db.env': 'ROLE=database\n',
        'parts/base.yaml': `services: {web: {image: "${reference}", environment: {ROLE: front}}}\n`,
      };
      await deployed(site, '1', await site.createFromFiles('1', files));
      assert.equal(await site.host.exec('web', 'sh', '-c', 'echo $ROLE'), 'front');
      assert.equal(await site.host.exec('db', 'sh', '-c', 'echo $ROLE'), 'database');
    },
  },
  {
    stack: 'bindforgotten',
    promise: 'a read-only file that the release does not ship is refused before it is a release',
    story: async (site) => {
      const compose = 'services: {web: {image: "shop/web:1", volumes: ["./app.conf:/app.conf:ro"]}}\n';
      const { code, stderr } = await site.createFromFiles('1', { 'compose.yaml': compose });
      assert.equal(code, 1, 'the release is refused');
      assert.match(stderr, /\.\/app\.conf/);
      assert.match(stderr, /web/);
    },
  },
  {
    stack: 'meantagain',
    promise: 'a release that was removed leaves its version free, and one that runs is not removed',
    story: async (site) => {
      const v1 = await site.release('1', { web: WELL });
      const v2 = await site.release('2', { web: { runs: WELL, environment: { VERSION: '2' } } });
      await site.deploy(v1);
      assert.equal((await site.command('release', 'remove', v1.digest)).code, 1);
      await site.nexus('release', 'remove', v2.digest);
      const other = await site.release('2', { web: { runs: WELL, environment: { VERSION: 'two' } } });
      await site.deploy(other);
      assert.match(await site.nexus('release', 'show', `${site.stack}@2`), new RegExp(other.digest.slice(7, 19)));
    },
  },
];
