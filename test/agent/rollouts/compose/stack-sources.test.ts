import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseComposeModel } from '../../../../agent/rollouts/compose/model.ts';
import {
  describeForgotten,
  findForgotten,
  labelFiles,
  placeOf,
  placeSources,
  type StackSource,
} from '../../../../agent/rollouts/compose/stack-sources.ts';

const STACK = '/state/stacks/shop';
const SOURCE = `${STACK}/releases/abc/source`;

function bind(source: string, isReadOnly = false) {
  return { type: 'bind', source, target: '/x', ...(isReadOnly ? { read_only: true } : {}) };
}

function place(project: Readonly<Record<string, unknown>>) {
  return placeSources(parseComposeModel(JSON.stringify(project)), SOURCE, STACK);
}

function file(content: string, mode = 0o644) {
  return { content, mode };
}

for (const [path, placed] of [
  ['data', `${STACK}/files/data`],
  ['.', `${STACK}/files`],
  ['..', `${STACK}/above/1`],
  ['../shared/data', `${STACK}/above/1/shared/data`],
  ['../../../../x', `${STACK}/above/4/x`],
] as const) {
  test(`the relative path ${path} leads to ${placed}`, () => assert.equal(placeOf(STACK, path), placed));
}

test('every kind of relative path leads to the folder of the stack, and no path of the host does', () => {
  const { model, sources } = place({
    services: {
      db: {
        volumes: [
          bind(`${SOURCE}/data`),
          bind('/state/stacks/shop/releases/abc/shared', true),
          bind('/srv/data'),
          { type: 'volume', source: 'disk', target: '/disk' },
        ],
        configs: [{ source: 'conf', target: '/conf' }],
      },
      web: { volumes: [bind(`${SOURCE}/data`, true)], secrets: [{ source: 'key' }] },
    },
    configs: { conf: { file: `${SOURCE}/db.conf` }, inline: { content: 'x' } },
    secrets: { key: { file: `${SOURCE}/key` }, ofHost: { file: '/etc/key' } },
    volumes: {
      disk: { driver_opts: { type: 'none', o: 'bind', device: `${SOURCE}/disk` } },
      nfs: { driver_opts: { type: 'nfs', o: 'addr=10.0.0.1,rw', device: ':/export' } },
      plain: null,
    },
  });
  assert.deepEqual(
    sources.map(({ path, relative, use, isReadOnly, services }) => [path, relative, use, isReadOnly, services.join()]),
    [
      [`${STACK}/files/data`, 'data', 'mount', false, 'db,web'],
      [`${STACK}/above/1/shared`, '../shared', 'mount', true, 'db'],
      [`${STACK}/files/disk`, 'disk', 'device', false, 'db'],
      [`${STACK}/files/db.conf`, 'db.conf', 'file', true, 'db'],
      [`${STACK}/files/key`, 'key', 'file', true, 'web'],
    ],
  );
  assert.deepEqual(
    model.services['db']?.volumes?.map(({ source }) => source),
    [`${STACK}/files/data`, `${STACK}/above/1/shared`, '/srv/data', 'disk'],
  );
  assert.deepEqual(model.configs, { conf: { file: `${STACK}/files/db.conf` }, inline: { content: 'x' } });
  assert.deepEqual(model.secrets, { key: { file: `${STACK}/files/key` }, ofHost: { file: '/etc/key' } });
  assert.deepEqual(model.volumes?.['disk']?.driver_opts?.['device'], `${STACK}/files/disk`);
  assert.deepEqual(model.volumes?.['nfs']?.driver_opts?.['device'], ':/export');
});

test('a service is labelled with the files that its containers see, and changes with them alone', () => {
  const placed = place({
    services: { web: { volumes: [bind(`${SOURCE}/conf`)] }, db: { volumes: [bind(`${SOURCE}/data`)] } },
  });
  const labelOf = (files: Readonly<Record<string, ReturnType<typeof file>>>, service = 'web'): unknown =>
    labelFiles(placed, new Map(Object.entries(files))).services[service]?.labels?.['nexus.files'];
  const first = labelOf({ 'conf/a': file('1'), other: file('x') });
  assert.match(String(first), /^[0-9a-f]{32}$/);
  assert.equal(labelOf({ 'conf/a': file('1'), other: file('y') }), first);
  assert.notEqual(labelOf({ 'conf/a': file('2') }), first);
  assert.notEqual(labelOf({ 'conf/a': file('1', 0o755) }), first);
  assert.notEqual(labelOf({ 'conf/a': file('1'), 'conf/b': file('') }), first);
  assert.equal(labelOf({ 'conf/a': file('1') }, 'db'), undefined);
});

const forgotten: readonly [
  what: string,
  volumes: readonly ReturnType<typeof bind>[],
  files: readonly string[],
  found: number,
][] = [
  ['read-only and not shipped', [bind(`${SOURCE}/a`, true)], [], 1],
  ['read-only and shipped', [bind(`${SOURCE}/a`, true)], ['a'], 0],
  ['read-only, with shipped files below', [bind(`${SOURCE}/a`, true)], ['a/b'], 0],
  ['writable', [bind(`${SOURCE}/a`)], [], 0],
  ['read-only here and writable there', [bind(`${SOURCE}/a`, true), bind(`${SOURCE}/a`)], [], 0],
  ['below a folder that is writable', [bind(`${SOURCE}/a/b`, true), bind(`${SOURCE}/a`)], [], 0],
];
for (const [what, volumes, files, found] of forgotten) {
  test(`a mount that is ${what}: ${found === 0 ? 'fine' : 'forgotten'}`, () => {
    const { sources } = place({ services: { web: { volumes } } });
    const shipped = new Map(files.map((path) => [path, file('')]));
    assert.equal(findForgotten(sources, shipped).length, found);
  });
}

test('what is forgotten is named as in the Compose file, with who wants it', () => {
  const source: StackSource = { path: '', relative: 'app.conf', use: 'mount', isReadOnly: true, services: ['web'] };
  assert.match(
    describeForgotten(source),
    /^service 'web' mounts '\.\/app\.conf' read-only, and the release does not ship it/,
  );
  assert.match(
    describeForgotten({ ...source, relative: '../key', use: 'file', services: ['db', 'web'] }),
    /^services 'db', 'web' use '\.\.\/key', and the release/,
  );
});
