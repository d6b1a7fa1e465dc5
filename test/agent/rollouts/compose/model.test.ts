import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestIn, needsPull, repositoryOf, splitReference } from '../../../../agent/rollouts/compose/image-pins.ts';
import type { ServiceImage } from '../../../../agent/rollouts/compose/model.ts';
import {
  labelServices,
  listImages,
  listServices,
  parseComposeModel,
} from '../../../../agent/rollouts/compose/model.ts';
import { V2 } from '../sample.ts';

const PROJECT = {
  name: 'shop',
  services: {
    web: {
      image: 'registry:5000/shop/web:2',
      labels: { 'nexus.release': 'forged', team: 'shop' },
      profiles: ['full'],
      depends_on: {
        migrate: { condition: 'service_completed_successfully', required: true },
        db: { condition: 'service_healthy' },
      },
      environment: { PRICE: '$$5' },
    },
    migrate: { image: 'shop/migrate', restart: 'unless-stopped' },
    backup: { image: 'shop/backup:1', restart: 'no', pull_policy: 'always' },
    retry: { build: { context: '/state/p' }, restart: 'on-failure:3' },
    none: { image: 'shop/none:1', deploy: { replicas: 0 } },
    db: { image: 'postgres@sha256:0', pull_policy: 'daily' },
  },
  volumes: { data: { name: 'shop_data' } },
};

test('services are labelled as they are to be, whatever they said; everything else stays as it was resolved', () => {
  const services = Object.keys(PROJECT.services).filter((name) => name !== 'db');
  const all = Object.fromEntries(services.map((name) => [name, V2]));
  const labelled = labelServices(parseComposeModel(JSON.stringify(PROJECT)), all);
  const labels = { 'nexus.release': V2 };
  assert.deepEqual(labelled, {
    ...PROJECT,
    services: {
      web: {
        image: 'registry:5000/shop/web:2',
        labels: { 'nexus.release': V2, team: 'shop' },
        depends_on: PROJECT.services.web.depends_on,
        environment: { PRICE: '$$5' },
      },
      migrate: { ...PROJECT.services.migrate, labels },
      backup: { ...PROJECT.services.backup, labels },
      retry: { ...PROJECT.services.retry, labels },
      none: { ...PROJECT.services.none, labels },
      db: PROJECT.services.db,
    },
  });
});

test('which services are to run, and which are meant to end', () => {
  assert.deepEqual(listServices(parseComposeModel(JSON.stringify(PROJECT))), [
    { name: 'backup', isJob: true },
    { name: 'db', isJob: false },
    { name: 'migrate', isJob: true },
    { name: 'retry', isJob: true },
    { name: 'web', isJob: false },
  ]);
});

test('which images they run', () => {
  const images = listImages(parseComposeModel(JSON.stringify(PROJECT)));
  assert.deepEqual(
    images.map(({ service, reference, policy, isBuilt }) => [service, reference, policy, isBuilt]),
    [
      ['web', 'registry:5000/shop/web:2', null, false],
      ['migrate', 'shop/migrate', null, false],
      ['backup', 'shop/backup:1', 'always', false],
      ['none', 'shop/none:1', null, false],
      ['db', 'postgres@sha256:0', 'missing', false],
    ],
  );
});

for (const [name, text, message] of [
  ['not JSON', 'WARN: x', /did not print the resolved project as JSON/],
  ['no services', '{"services":{}}', /has no service that would run/],
  ['no project', '[]', /has no service/],
] as const) {
  test(`Compose that prints ${name}`, () => {
    assert.throws(() => parseComposeModel(text), { code: 'invalid', message });
  });
}

const IMAGE: ServiceImage = { service: 'web', reference: 'shop/web:2', policy: null, isBuilt: false };
const LATEST = { ...IMAGE, reference: 'shop/web' };
const FETCHED = { id: 'sha256:a', repoDigests: ['shop/web@sha256:d'], volumes: [] };
const IMPORTED = { id: 'sha256:a', repoDigests: [], volumes: [] };

for (const [name, image, local, onlyMissing, expected] of [
  ['it is missing', IMAGE, null, false, true],
  ['it is there', IMAGE, FETCHED, false, false],
  ['always, though it is there', { ...IMAGE, policy: 'always' }, FETCHED, false, true],
  ['always, but on the way back what is there will do', { ...IMAGE, policy: 'always' }, FETCHED, true, false],
  ['missing on the way back', IMAGE, null, true, true],
  ['never, though it is missing', { ...IMAGE, policy: 'never' }, null, false, false],
  ['it is built, not pulled', { ...IMAGE, isBuilt: true }, null, false, false],
  ['the latest of a registry', LATEST, FETCHED, false, true],
  ['the latest that was imported here', LATEST, IMPORTED, false, false],
  ['the latest, where the policy says that any will do', { ...LATEST, policy: 'missing' }, FETCHED, false, false],
] as const) {
  test(`to be pulled: ${name}`, () => {
    assert.equal(needsPull(image, local, onlyMissing), expected);
  });
}

for (const [reference, expected] of [
  ['web', { repository: 'web', tag: 'latest' }],
  ['web:2', { repository: 'web', tag: '2' }],
  ['registry:5000/web', { repository: 'registry:5000/web', tag: 'latest' }],
  ['registry:5000/a/web:2', { repository: 'registry:5000/a/web', tag: '2' }],
  [`web@${V2}`, null],
  [`web:2@${V2}`, null],
  [V2, null],
] as const) {
  test(`the name ${reference}`, () => {
    assert.deepEqual(splitReference(reference), expected);
  });
}

for (const [reference, repository] of [
  ['shop/web:2', 'shop/web'],
  ['registry:5000/shop/web', 'registry:5000/shop/web'],
  ['registry:5000/shop/web:2', 'registry:5000/shop/web'],
  ['shop/web:2@sha256:d', 'shop/web'],
  ['shop/web@sha256:d', 'shop/web'],
] as const) {
  test(`the repository of ${reference}`, () => assert.equal(repositoryOf(reference), repository));
}

for (const [what, digests, reference, digest] of [
  ['a registry of its own', ['registry:5000/web@sha256:d'], 'registry:5000/web:2', 'sha256:d'],
  ['another registry', ['registry:5000/web@sha256:d'], 'registry:5001/web:2', null],
  ['Docker Hub, written out', ['busybox@sha256:d'], 'docker.io/library/busybox:1', 'sha256:d'],
  ['Docker Hub, as the engine writes it', ['shop/web@sha256:d'], 'shop/web', 'sha256:d'],
  ['several registries', ['mirror/web@sha256:a', 'shop/web@sha256:b'], 'shop/web:2', 'sha256:b'],
  ['none', [], 'shop/web:2', null],
] as const) {
  test(`the digest of an image from ${what}`, () => assert.equal(digestIn(digests, reference), digest));
}
