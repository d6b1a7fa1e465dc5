import assert from 'node:assert/strict';
import { test } from 'node:test';
import canonicalize from 'canonicalize';
import { layOutProject, locateRelease } from '../../../../agent/rollouts/compose/release-folder.ts';
import { digestOf, planOf, verifyManifest } from '../../../../agent/rollouts/compose/verify-manifest.ts';
import { V2 } from '../sample.ts';

const MANIFEST = {
  kind: 'nexus.release/1',
  stack: 'shop',
  version: '2',
  compose: 'services: {web: {image: "shop/web:2"}}',
  files: { 'conf/web.conf': 'listen 80' },
  probes: [
    { name: 'page', mode: 'enforce', http: { url: 'http://127.0.0.1/', status: 204 } },
    { name: 'any', mode: 'observe', interval_seconds: 1, timeout_seconds: 0.5, http: { url: 'http://127.0.0.1/' } },
    { name: 'port', mode: 'enforce', tcp: { address: '127.0.0.1:80' } },
    { name: 'file', mode: 'enforce', exec: { service: 'web', command: ['test', '-f', '/ok'] } },
  ],
  policy: { activation_timeout_seconds: 60, on_health_failure: 'halt' },
};
const BYTES = Buffer.from(canonicalize(MANIFEST) ?? '');

test('a manifest is known by the SHA-256 of its bytes', () => {
  assert.equal(digestOf(Buffer.from('abc')), 'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  assert.equal(verifyManifest(BYTES, digestOf(BYTES), 'shop').version, '2');
});

test('one changed byte, and it is refused', () => {
  const changed = Buffer.from(BYTES);
  changed.write('3', BYTES.indexOf('"version":"2"') + '"version":"'.length);
  assert.throws(() => verifyManifest(changed, digestOf(BYTES), 'shop'), {
    code: 'invalid',
    message:
      /the manifest that was received is sha256:[0-9a-f]{64}, not sha256:[0-9a-f]{64}: it was changed in transit/,
  });
});

for (const [name, manifest, stack, message] of [
  ['another stack', MANIFEST, 'blog', /is of the stack shop, not blog/],
  ['an unknown field', { ...MANIFEST, canary: true }, 'shop', /cannot be read by this agent .*older than the server/],
  ['a file above its folder', { ...MANIFEST, files: { '../x': '' } }, 'shop', /cannot be read by this agent/],
  ['no manifest at all', 'hello', 'shop', /cannot be read by this agent/],
] as const) {
  test(`refused: ${name}`, () => {
    const bytes = Buffer.from(JSON.stringify(manifest));
    assert.throws(() => verifyManifest(bytes, digestOf(bytes), stack), { code: 'invalid', message });
  });
}

test('how it is brought up and judged, with every default filled in', () => {
  const plan = planOf(verifyManifest(BYTES, digestOf(BYTES), 'shop'), [{ name: 'web', isJob: false }]);
  assert.deepEqual(plan, {
    activationTimeoutMs: 60_000,
    sustainedFailureMs: 15_000,
    soakMs: 60_000,
    onHealthFailure: 'halt',
    pullBudgetMs: 1_800_000,
    maxRestarts: 0,
    rerunsJobs: false,
    confirmMs: 0,
    healsDrift: false,
    probes: [
      {
        name: 'page',
        mode: 'enforce',
        intervalMs: 5_000,
        timeoutMs: 3_000,
        check: { kind: 'http', url: 'http://127.0.0.1/', status: 204 },
      },
      {
        name: 'any',
        mode: 'observe',
        intervalMs: 1_000,
        timeoutMs: 500,
        check: { kind: 'http', url: 'http://127.0.0.1/', status: null },
      },
      {
        name: 'port',
        mode: 'enforce',
        intervalMs: 5_000,
        timeoutMs: 3_000,
        check: { kind: 'tcp', address: '127.0.0.1:80' },
      },
      {
        name: 'file',
        mode: 'enforce',
        intervalMs: 5_000,
        timeoutMs: 3_000,
        check: { kind: 'exec', service: 'web', command: ['test', '-f', '/ok'] },
      },
    ],
    services: [{ name: 'web', isJob: false }],
  });
});

test('where it lies', () => {
  assert.equal(locateRelease('/s/stacks/shop', V2).resolved, `/s/stacks/shop/releases/${'2'.repeat(64)}/config.json`);
  assert.throws(() => locateRelease('/s', 'sha256:../../etc'), /invariant broken/);
});

test('its files lie below its folder, beside its Compose file', () => {
  const { composeFiles, files } = layOutProject(verifyManifest(BYTES, digestOf(BYTES), 'shop'), '/p');
  assert.deepEqual(composeFiles, ['/p/compose.yaml']);
  assert.deepEqual(
    [...files],
    [
      ['/p/compose.yaml', { content: 'services: {web: {image: "shop/web:2"}}', mode: 0o644 }],
      ['/p/conf/web.conf', { content: 'listen 80', mode: 0o644 }],
    ],
  );
});

test('a file of the release keeps its name, and the Compose file takes another', () => {
  const manifest = {
    kind: 'nexus.release/1',
    stack: 's',
    version: '1',
    compose: 'a',
    files: { 'compose.yaml': 'b' },
  } as const;
  const { composeFiles, files } = layOutProject(manifest, '/p');
  assert.deepEqual(composeFiles, ['/p/compose.nexus.yaml']);
  assert.deepEqual(files.get('/p/compose.yaml'), { content: 'b', mode: 0o644 });
});

test('programs, secrets and binary files come as they were, and Compose files in the order of their merging', () => {
  const manifest = {
    kind: 'nexus.release/1',
    stack: 's',
    version: '1',
    compose: 'a',
    overrides: ['prod.yaml', 'eu/prod.yaml'],
    files: {
      'eu/prod.yaml': 'c',
      'prod.yaml': 'b',
      'run.sh': { text: '#!/bin/sh', mode: '0755' },
      'logo.png': { base64: 'iVD/' },
      key: { base64: 'AP8=', mode: '0600' },
    },
  } as const;
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  const { composeFiles, files } = layOutProject(verifyManifest(bytes, digestOf(bytes), 's'), '/p');
  assert.deepEqual(composeFiles, ['/p/compose.yaml', '/p/prod.yaml', '/p/eu/prod.yaml']);
  assert.deepEqual(files.get('/p/run.sh'), { content: '#!/bin/sh', mode: 0o755 });
  assert.deepEqual(files.get('/p/logo.png'), { content: Buffer.from([0x89, 0x50, 0xff]), mode: 0o644 });
  assert.deepEqual(files.get('/p/key'), { content: Buffer.from([0, 0xff]), mode: 0o600 });
});

for (const [what, more] of [
  ['a mode with a set-user-ID bit', { files: { a: { text: 'x', mode: '4755' } } }],
  ['a file that is both text and bytes', { files: { a: { text: 'x', base64: 'eA==' } } }],
  ['bytes that are not base64', { files: { a: { base64: '?' } } }],
  ['an override that is not a file of the release', { overrides: ['prod.yaml'] }],
  ['an override that is not text', { overrides: ['a'], files: { a: { base64: 'eA==' } } }],
] as const) {
  test(`${what} is refused`, () => {
    const manifest = { kind: 'nexus.release/1', stack: 's', version: '1', compose: 'a', ...more };
    const bytes = new TextEncoder().encode(JSON.stringify(manifest));
    assert.throws(() => verifyManifest(bytes, digestOf(bytes), 's'), { code: 'invalid' });
  });
}

for (const path of ['../x', 'a/../../x', '/etc/passwd', '..', 'a\0b']) {
  test(`a path that would leave the folder is refused, whatever the schema says: ${JSON.stringify(path)}`, () => {
    const manifest = {
      kind: 'nexus.release/1',
      stack: 's',
      version: '1',
      compose: 'a',
      files: { [path]: 'b' },
    } as const;
    assert.throws(() => layOutProject(manifest, '/p'), { code: 'invalid', message: /would be outside its folder/ });
  });
}
