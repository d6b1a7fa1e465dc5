import assert from 'node:assert/strict';
import { test } from 'node:test';
import { demultiplex } from '../../../../agent/docker/demultiplex.ts';
import { parseContainerIds, parseProjectContainer } from '../../../../agent/docker/parse-project-container.ts';
import { findFallback, readProject } from '../../../../agent/rollouts/decide/read-project.ts';
import { container, NOON, NOON_TEXT, V1, V2 } from '../sample.ts';

const OLD = container({ release: V1, name: 'shop-web-1' });
const NEW = container({ release: V2, name: 'shop-web-2' });

for (const [name, containers, state, fallback] of [
  ['nothing', [], { kind: 'nothing' }, null],
  ['one release', [OLD, { ...OLD, name: 'shop-web-9' }], { kind: 'release', release: V1 }, V1],
  [
    'two releases, the more frequent first',
    [NEW, OLD, { ...NEW, name: 'c' }],
    { kind: 'mixed', releases: [V2, V1] },
    V2,
  ],
  [
    'somebody else’s',
    [container({ release: null, name: 'theirs' }), OLD],
    { kind: 'foreign', names: ['theirs'], releases: [V1] },
    null,
  ],
  [
    'a one-off command, which is not deployed',
    [OLD, container({ release: null, isOneOff: true })],
    { kind: 'release', release: V1 },
    V1,
  ],
  ['one that is being removed', [OLD, container({ state: 'removing' })], { kind: 'release', release: V1 }, V1],
] as const) {
  test(`what runs: ${name}`, () => {
    assert.deepEqual(readProject(containers), state);
    assert.equal(findFallback(containers), fallback);
  });
}

test('a container as the engine tells it', () => {
  const inspection = {
    Id: 'c1',
    Name: '/shop-web-1',
    Image: 'sha256:abc',
    Created: NOON_TEXT,
    RestartCount: 2,
    State: {
      Status: 'running',
      ExitCode: 0,
      OOMKilled: true,
      StartedAt: NOON_TEXT,
      Health: { Status: 'unhealthy', Log: [{ Output: 'first' }, { Output: 'last words' }] },
    },
    Config: {
      Labels: {
        'nexus.release': V2,
        'com.docker.compose.service': 'web',
        'com.docker.compose.oneoff': 'False',
        'com.docker.compose.replace': 'old',
        'com.docker.compose.config-hash': 'hash',
      },
    },
  };
  assert.deepEqual(parseProjectContainer(inspection), {
    id: 'c1',
    name: 'shop-web-1',
    service: 'web',
    release: V2,
    isOneOff: false,
    state: 'running',
    health: 'unhealthy',
    healthOutput: 'last words',
    exitCode: 0,
    oomKilled: true,
    restartCount: 2,
    createdAtMs: NOON.wallMs,
    startedAtMs: NOON.wallMs,
    replaces: 'old',
    imageId: 'sha256:abc',
    configHash: 'hash',
  });
});

test('a container that never ran, without labels and healthcheck', () => {
  const inspection = {
    Id: 'c1',
    Name: '/x',
    State: { Status: 'created', StartedAt: '0001-01-01T00:00:00Z', Health: { Status: 'none' } },
    Config: { Labels: null },
  };
  const parsed = parseProjectContainer(inspection);
  assert.equal(parsed?.startedAtMs, null);
  assert.equal(parsed?.health, null);
  assert.equal(parsed?.release, null);
});

test('answers that are none', () => {
  assert.equal(parseProjectContainer({ message: 'no such container' }), null);
  assert.equal(parseContainerIds({ message: 'server error' }), null);
  assert.deepEqual(parseContainerIds([{ Id: 'a' }, { Id: 'b' }]), ['a', 'b']);
});

test('the output of a command in a container comes in frames of two streams', () => {
  const frame = (stream: number, text: string): Buffer => {
    const header = Buffer.alloc(8);
    header[0] = stream;
    header.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([header, Buffer.from(text)]);
  };
  const stream = Buffer.concat([frame(1, 'out '), frame(2, 'err'), frame(1, 'torn').subarray(0, 10)]);
  assert.equal(demultiplex(stream), 'out errto');
  assert.equal(demultiplex(Buffer.alloc(0)), '');
});
