import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pinImages } from '../../../src/cli/release/pin-images.ts';
import { isPrivate, parseChallenge, parseImageName } from '../../../src/client/registry-digest.ts';

const COMPOSE = `# The shop.
services:
  web:
    image: shop/web:2 # the page
  db: { image: "postgres@sha256:d" }
  job: { build: . }
`;

test('every tag gets its digest; comments and what is pinned already stay', async () => {
  const asked: string[] = [];
  const pinned = await pinImages(COMPOSE, async (reference) => {
    asked.push(reference);
    return 'sha256:abc';
  });
  assert.deepEqual(asked, ['shop/web:2']);
  assert.match(pinned, /^# The shop\.$/m);
  assert.match(pinned, /^ {4}image: shop\/web:2@sha256:abc # the page$/m);
  assert.match(pinned, /postgres@sha256:d/);
});

test('a Compose file without tags is the same to the byte', async () => {
  const compose = 'services:   {db: {image:   "postgres@sha256:d"}}\n';
  assert.equal(await pinImages(compose, () => assert.fail('nothing is asked')), compose);
});

test('a name that a variable makes cannot be pinned', async () => {
  const compose = `services: {web: {image: "shop/web:\${TAG}"}}`;
  const resolving = pinImages(compose, () => assert.fail('nothing is asked'));
  await assert.rejects(resolving, { code: 'invalid', message: /a variable makes its name/ });
});

for (const [reference, registry, repository, tag] of [
  ['busybox', 'registry-1.docker.io', 'library/busybox', 'latest'],
  ['shop/web:2', 'registry-1.docker.io', 'shop/web', '2'],
  ['docker.io/library/busybox:1', 'registry-1.docker.io', 'library/busybox', '1'],
  ['registry.test/shop/web:2', 'registry.test', 'shop/web', '2'],
  ['registry.test:5000/web', 'registry.test:5000', 'web', 'latest'],
  ['localhost/web:2', 'localhost', 'web', '2'],
] as const) {
  test(`where ${reference} is`, () => assert.deepEqual(parseImageName(reference), { registry, repository, tag }));
}

for (const [header, challenge] of [
  [
    'Bearer realm="https://auth.test/token",service="registry.test",scope="repository:a:pull"',
    { realm: 'https://auth.test/token', service: 'registry.test' },
  ],
  ['bearer realm="https://auth.test"', { realm: 'https://auth.test', service: null }],
  ['Basic realm="registry"', null],
] as const) {
  test(`the challenge ${header}`, () => assert.deepEqual(parseChallenge(header), challenge));
}

for (const [host, expected] of [
  ['localhost:5000', true],
  ['127.0.0.1:5000', true],
  ['10.99.0.1:41000', true],
  ['172.16.0.1', true],
  ['172.32.0.1', false],
  ['192.168.1.1', true],
  ['10.example.com', false],
  ['registry.test', false],
] as const) {
  test(`${host} may ${expected ? '' : 'not '}speak plain HTTP`, () => assert.equal(isPrivate(host), expected));
}
