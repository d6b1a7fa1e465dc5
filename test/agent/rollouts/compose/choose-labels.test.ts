import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  chooseLabels,
  findCandidates,
  type LabelChoice,
  parseHashes,
} from '../../../../agent/rollouts/compose/choose-labels.ts';
import { parseComposeModel } from '../../../../agent/rollouts/compose/model.ts';
import { container, V1, V2, V3 } from '../sample.ts';

/** A sidecar that shares the network of 'web', a database beside them; release 1 runs, release 2 comes. */
const MODEL = parseComposeModel(
  JSON.stringify({
    services: {
      db: { image: 'db:1', networks: { back: null } },
      web: { image: 'web:1', networks: { front: null } },
      sidecar: { image: 'web:1', network_mode: 'service:web' },
    },
  }),
);
const RUNNING = [
  container({ service: 'db', release: V1, configHash: 'db-1', imageId: 'sha256:db' }),
  container({ service: 'sidecar', release: V1, configHash: 'with the id of web', imageId: 'sha256:web' }),
  container({ service: 'web', release: V1, configHash: 'web-1', imageId: 'sha256:web' }),
];
const UNCHANGED: LabelChoice = {
  model: MODEL,
  release: V2,
  candidates: { db: V1, web: V1, sidecar: V1 },
  containers: RUNNING,
  deployment: { version: 1, release: V1, services: { sidecar: { label: V1, hash: 'bare sidecar' } } },
  hashes: { db: 'db-1', web: 'web-1', sidecar: 'with the name of web' },
  bareHashes: { db: 'bare db', web: 'bare web', sidecar: 'bare sidecar' },
  images: { db: 'sha256:db', web: 'sha256:web', sidecar: 'sha256:web' },
  replacedNetworks: new Set(),
};

const ROWS: readonly [what: string, changes: Partial<LabelChoice>, left: readonly string[]][] = [
  ['nothing differs', {}, ['db', 'sidecar', 'web']],
  ['a definition differs', { hashes: { ...UNCHANGED.hashes, db: 'db-2' } }, ['sidecar', 'web']],
  ['what another shares the network of differs', { hashes: { ...UNCHANGED.hashes, web: 'web-2' } }, ['db']],
  ['the definition of what shares a network differs', { bareHashes: { sidecar: 'another' } }, ['db', 'web']],
  ['the image behind a name differs', { images: { ...UNCHANGED.images, db: 'sha256:new' } }, ['sidecar', 'web']],
  ['the image behind a name is not known', { images: {} }, ['db', 'sidecar', 'web']],
  ['a network is made again', { replacedNetworks: new Set(['back']) }, ['sidecar', 'web']],
  ['the record is lost', { deployment: null }, ['db', 'web']],
  ['a service is new', { candidates: { web: V1, sidecar: V1 } }, ['sidecar', 'web']],
  [
    'one of two containers differs',
    { containers: [...RUNNING, container({ service: 'db', configHash: 'db-0', imageId: 'sha256:db' })] },
    ['sidecar', 'web'],
  ],
  [
    'containers of a one-off run differ',
    { containers: [...RUNNING, container({ service: 'db', configHash: 'other', isOneOff: true })] },
    ['db', 'sidecar', 'web'],
  ],
];

for (const [what, changes, left] of ROWS) {
  test(`${what}: ${left.join(', ')} left as they are`, () => {
    const labels = chooseLabels({ ...UNCHANGED, ...changes });
    const expected = ['db', 'web', 'sidecar'].map((service) => [service, left.includes(service) ? V1 : V2]);
    assert.deepEqual(labels, Object.fromEntries(expected));
  });
}

test('a service is a candidate where all its containers carry the same label', () => {
  const mixed = [container({ service: 'db', release: V3 }), ...RUNNING];
  assert.deepEqual(findCandidates(MODEL, mixed), { web: V1, sidecar: V1 });
  assert.deepEqual(findCandidates(MODEL, [container({ service: 'db', release: null })]), {});
  assert.deepEqual(findCandidates(MODEL, [container({ service: 'gone', release: V1 })]), {});
});

test('what Compose prints of its hashes', () => {
  assert.deepEqual(parseHashes('db 5784e3\nweb 136c5c\n'), { db: '5784e3', web: '136c5c' });
  assert.deepEqual(parseHashes(''), {});
});
