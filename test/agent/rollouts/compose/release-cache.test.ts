import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import canonicalize from 'canonicalize';
import { nodeFileSystem } from '../../../../agent/disk/node-file-system.ts';
import type { RunDocker } from '../../../../agent/rollouts/compose/docker-cli.ts';
import { ReleaseCache } from '../../../../agent/rollouts/compose/release-cache.ts';
import { locateRelease } from '../../../../agent/rollouts/compose/release-folder.ts';
import { runCommand } from '../../../../agent/rollouts/compose/run-command.ts';
import { digestOf } from '../../../../agent/rollouts/compose/verify-manifest.ts';
import type { ServerReply } from '../../../../agent/server/transport.ts';
import { systemRuntime } from '../../../../src/runtime/system-runtime.ts';
import { MemoryLog } from '../sample.ts';

const MANIFEST = {
  kind: 'nexus.release/1',
  stack: 'shop',
  version: '2',
  compose: 'services: {web: {image: "shop/web:2"}}',
  files: { 'conf/deep/web.conf': 'listen 80', '.env': 'A=1' },
};
const BYTES = Buffer.from(canonicalize(MANIFEST) ?? '');
const DIGEST = digestOf(BYTES);
const LIMIT = { limitMs: 10_000, signal: new AbortController().signal };

/** A `docker` that says its version, resolves any project to the same one, and notes how it was called. */
function fakeDocker(
  folder: string,
  config = 'echo \'{"name":"shop","services":{"web":{"image":"shop/web:2"}}}\'',
): string {
  const path = join(folder, 'docker');
  const script = `#!/bin/sh\necho "$@" >> ${folder}/calls\ncase "$*" in *version*) echo 2.26.1;; *config*) ${config};; esac\n`;
  writeFileSync(path, script);
  chmodSync(path, 0o755);
  return path;
}

function bench(t: TestContext, reply: () => ServerReply = () => answer(200, BYTES), config?: string) {
  const root = mkdtempSync(join(tmpdir(), 'cache-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const folder = join(root, 'shop');
  const docker = fakeDocker(root, config);
  const env = { PATH: process.env['PATH'] };
  const runDocker: RunDocker = (args, cwd, limit) =>
    runCommand(docker, args, { cwd, env, runtime: systemRuntime, ...limit });
  let fetched = 0;
  const server = {
    call: async () => {
      fetched++;
      return reply();
    },
  };
  const log = new MemoryLog();
  const cache = new ReleaseCache({ files: nodeFileSystem, stack: 'shop', folder, server, runDocker, log });
  const calls = (): string[] => readFileSync(join(root, 'calls'), 'utf8').trim().split('\n');
  return { cache, folder, calls, log, fetched: () => fetched, place: locateRelease(folder, DIGEST) };
}

function answer(status: number, body: Buffer): ServerReply {
  return { kind: 'answer', status, retryAfter: null, body };
}

test('fetched, verified, written, resolved once', async (t) => {
  const { cache, folder, place, calls, fetched } = bench(t);
  const { plan, files, model } = await cache.prepare(DIGEST, LIMIT);
  assert.deepEqual(plan.services, [{ name: 'web', isJob: false }]);
  assert.deepEqual(files, { stack: 'shop', directory: join(folder, 'files'), composeFiles: [place.deployed] });
  assert.deepEqual(model.services, { web: { image: 'shop/web:2' } });
  assert.deepEqual(readFileSync(place.manifest), BYTES);
  assert.equal(readFileSync(join(place.source, 'conf/deep/web.conf'), 'utf8'), 'listen 80');
  assert.deepEqual(calls(), [
    'compose version --short',
    `compose --ansi never --project-name shop --project-directory ${place.source} --file ${place.source}/compose.yaml config --format json`,
  ]);

  const again = await cache.prepare(DIGEST, LIMIT);
  assert.deepEqual(again.plan, plan);
  assert.equal(calls().length, 2, 'the stored project runs, whatever Compose would say now');
  assert.equal(fetched(), 1);
});

test('a release on disk is for the agent alone', async (t) => {
  const { cache, place } = bench(t);
  const { model } = await cache.prepare(DIGEST, LIMIT);
  await cache.writeDeployed(DIGEST, model);
  const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
  assert.deepEqual([place.folder, place.source, join(place.source, 'conf')].map(modeOf), ['700', '700', '700']);
  assert.deepEqual([place.manifest, place.resolved, place.deployed].map(modeOf), ['600', '600', '600']);
});

test('a manifest that is not what its digest says leaves nothing behind', async (t) => {
  const { cache, folder } = bench(t, () => answer(200, Buffer.concat([BYTES, Buffer.from(' ')])));
  await assert.rejects(cache.prepare(DIGEST, LIMIT), { code: 'invalid', message: /was changed in transit/ });
  assert.equal(existsSync(folder), false);
});

test('a crash before the project was resolved: begun anew, without what was left', async (t) => {
  const { cache, place, fetched } = bench(t);
  await cache.prepare(DIGEST, LIMIT);
  rmSync(place.resolved);
  writeFileSync(join(place.source, 'left-over'), '');
  await cache.prepare(DIGEST, LIMIT);
  assert.equal(existsSync(place.resolved), true);
  assert.equal(existsSync(join(place.source, 'left-over')), false);
  assert.equal(fetched(), 1, 'the manifest was there');
});

test('a stored manifest that is damaged is fetched anew; a stored project that is damaged is resolved anew', async (t) => {
  const { cache, place, fetched, log } = bench(t);
  await cache.prepare(DIGEST, LIMIT);
  writeFileSync(place.manifest, BYTES.subarray(0, 20));
  writeFileSync(place.resolved, '{"services":');
  await cache.prepare(DIGEST, LIMIT);
  assert.equal(fetched(), 2);
  assert.deepEqual(readFileSync(place.manifest), BYTES);
  assert.deepEqual(log.lines, [
    'warn a stored manifest is damaged: it is fetched again',
    'warn a stored project is damaged: it is resolved again',
  ]);
});

for (const [name, reply, code] of [
  ['away', { kind: 'silence', reason: 'connect ECONNREFUSED' }, 'unreachable'],
  ['busy', answer(503, Buffer.alloc(0)), 'overloaded'],
  ['refusing the token', answer(401, Buffer.alloc(0)), 'unauthorized'],
  ['without that release', answer(404, Buffer.alloc(0)), 'invalid'],
] as const) {
  test(`the server is ${name}`, async (t) => {
    await assert.rejects(bench(t, () => reply).cache.prepare(DIGEST, LIMIT), { code });
  });
}

test('Compose does not accept the release: its own words', async (t) => {
  const { cache } = bench(t, undefined, 'echo "services.web additional properties not allowed" >&2; exit 15');
  await assert.rejects(cache.prepare(DIGEST, LIMIT), {
    code: 'invalid',
    message: 'Docker Compose does not accept the release:\nservices.web additional properties not allowed',
    details: { exit_code: 15 },
  });
});

test('old releases go, those that are kept stay', async (t) => {
  const { cache, folder } = bench(t);
  await cache.prepare(DIGEST, LIMIT);
  await cache.prune([DIGEST]);
  assert.deepEqual(readdirSync(join(folder, 'releases')), [DIGEST.slice('sha256:'.length)]);
  await cache.prune([]);
  assert.deepEqual(readdirSync(join(folder, 'releases')), []);
});

const HEX = DIGEST.slice('sha256:'.length);

for (const [what, leave, kept] of [
  ['only what the release put there', () => {}, false],
  ['data beside it', (project: string) => writeFileSync(join(project, 'orders'), '1'), true],
  ['a changed file', (project: string) => writeFileSync(join(project, 'conf/deep/web.conf'), 'listen 81'), true],
  ['a link to where data has gone', (project: string) => symlinkSync('/data', join(project, 'data')), true],
  ['data in the folder above', (project: string) => mkdirSync(join(project, '../shared')), true],
] as const) {
  test(`the folder of an earlier agent's release holds ${what}: it ${kept ? 'stays' : 'goes'}`, async (t) => {
    const { cache, place, folder } = bench(t);
    await cache.prepare(DIGEST, LIMIT);
    mkdirSync(join(place.oldProject, 'conf/deep'), { recursive: true });
    for (const [path, content] of Object.entries({ ...MANIFEST.files, 'compose.yaml': MANIFEST.compose })) {
      writeFileSync(join(place.oldProject, path), content);
    }
    leave(place.oldProject);
    for (let time = 1; time <= 2; time++) await cache.prune([]);
    assert.deepEqual(readdirSync(join(folder, 'releases')), kept ? [HEX] : []);
    assert.equal(existsSync(join(place.oldProject, 'conf')), kept);
  });
}

test('which image each name stood for is remembered', async (t) => {
  const { cache } = bench(t);
  assert.deepEqual(await cache.readPins(DIGEST), []);
  await cache.prepare(DIGEST, LIMIT);
  await cache.writePins(DIGEST, [{ reference: 'shop/web:2', id: 'sha256:a' }]);
  assert.deepEqual(await cache.readPins(DIGEST), [{ reference: 'shop/web:2', id: 'sha256:a' }]);
});
