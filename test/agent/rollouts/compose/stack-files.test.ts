import assert from 'node:assert/strict';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { nodeFileSystem } from '../../../../agent/disk/node-file-system.ts';
import { StackFiles } from '../../../../agent/rollouts/compose/stack-files.ts';
import { placeOf, type StackSource } from '../../../../agent/rollouts/compose/stack-sources.ts';
import { MemoryLog, V1, V2 } from '../sample.ts';

function bench(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), 'files-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const folder = join(root, 'shop');
  mkdirSync(folder, { mode: 0o700 });
  const log = new MemoryLog();
  const stackFiles = new StackFiles({ stack: 'shop', folder, files: nodeFileSystem, log });
  return {
    root,
    folder,
    log,
    stackFiles,
    layOut: (release: string, contents: Readonly<Record<string, string>>, mode = 0o644) =>
      stackFiles.layOut(release, new Map(Object.entries(contents).map(([path, content]) => [path, { content, mode }]))),
    read: (path: string) => readFileSync(join(folder, path), 'utf8'),
    write(path: string, content: string) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    },
    has: (path: string) => lstatSync(join(folder, path), { throwIfNoEntry: false }) !== undefined,
  };
}

function source(folder: string, relative: string, use: StackSource['use'] = 'mount'): StackSource {
  return { path: placeOf(folder, relative), relative, use, isReadOnly: false, services: ['db'] };
}

const replacedIn = (release: string): string => `replaced/${release.slice('sha256:'.length, 'sha256:'.length + 12)}`;

test('files of a release come and go with releases, and keep their modes', async (t) => {
  const { layOut, read, has, folder } = bench(t);
  await layOut(V1, { 'conf/deep/a.conf': 'one', 'conf/b.conf': 'two' });
  await layOut(V2, { 'conf/deep/a.conf': 'three' }, 0o755);
  assert.equal(read('files/conf/deep/a.conf'), 'three');
  assert.equal(statSync(join(folder, 'files/conf/deep/a.conf')).mode & 0o777, 0o755);
  assert.equal(statSync(join(folder, 'files/conf/deep')).mode & 0o777, 0o755);
  assert.equal(has('files/conf/b.conf'), false);
  assert.equal(has('replaced'), false, 'nothing that a container has written was in the way');
});

test('what a container has written stays', async (t) => {
  const { layOut, read, write } = bench(t);
  await layOut(V1, { 'conf/a.conf': 'one', 'conf/gone.conf': 'two' });
  write('files/conf/state', '41');
  write('files/conf/gone.conf', 'changed');
  await layOut(V2, { 'conf/a.conf': 'three' });
  assert.equal(read('files/conf/state'), '41');
  assert.equal(
    read('files/conf/gone.conf'),
    'changed',
    'a file of the release before is data once a container changed it',
  );
});

test('a file that the next release does not change keeps what a container has made of it', async (t) => {
  const { layOut, read, write } = bench(t);
  await layOut(V1, { 'a.conf': 'one' });
  write('files/a.conf', 'changed');
  await layOut(V2, { 'a.conf': 'one' });
  assert.equal(read('files/a.conf'), 'changed');
});

test('a file that the next release changes replaces what a container has made of it, which is kept elsewhere', async (t) => {
  const { layOut, read, write, log } = bench(t);
  await layOut(V1, { 'conf/a.conf': 'one' });
  write('files/conf/a.conf', 'changed');
  await layOut(V2, { 'conf/a.conf': 'two' });
  write('files/conf/a.conf', 'changed again');
  await layOut(V1, { 'conf/a.conf': 'one' });
  await layOut(V2, { 'conf/a.conf': 'two' });
  write('files/conf/a.conf', 'third');
  await layOut(V1, { 'conf/a.conf': 'one' });
  assert.equal(read(`${replacedIn(V2)}/files/conf/a.conf`), 'changed');
  assert.equal(read(`${replacedIn(V1)}/files/conf/a.conf`), 'changed again');
  assert.equal(read(`${replacedIn(V1)}/files/conf/a.conf.2`), 'third');
  assert.equal(log.lines.length, 3);
});

test('a directory that Docker made where a file was forgotten gives way to the file', async (t) => {
  const { layOut, read, write } = bench(t);
  write('files/a.conf/inside', 'data');
  await layOut(V1, { 'a.conf': 'one' });
  assert.equal(read('files/a.conf'), 'one');
  assert.equal(read(`${replacedIn(V1)}/files/a.conf/inside`), 'data');
});

test('a link that a container made leads no write elsewhere', async (t) => {
  const { layOut, read, root, folder } = bench(t);
  const outside = join(root, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'a.conf'), 'of the host');
  await layOut(V1, { 'conf/a.conf': 'one' });
  rmSync(join(folder, 'files/conf'), { recursive: true });
  symlinkSync(outside, join(folder, 'files/conf'));
  await layOut(V2, { 'conf/a.conf': 'two', 'conf/b.conf': 'two' });
  assert.equal(readFileSync(join(outside, 'a.conf'), 'utf8'), 'of the host');
  assert.equal(read('files/conf/a.conf'), 'two');
  assert.equal(lstatSync(join(folder, 'files/conf')).isDirectory(), true);

  rmSync(join(folder, 'files/conf'), { recursive: true });
  symlinkSync(outside, join(folder, 'files/conf'));
  await layOut(V1, {});
  assert.equal(
    readFileSync(join(outside, 'a.conf'), 'utf8'),
    'of the host',
    'nothing is taken back through a link either',
  );
});

test('a link in the place of a file is replaced, not followed', async (t) => {
  const { layOut, read, root, folder } = bench(t);
  writeFileSync(join(root, 'passwd'), 'of the host');
  mkdirSync(join(folder, 'files'));
  symlinkSync(join(root, 'passwd'), join(folder, 'files/a.conf'));
  await layOut(V1, { 'a.conf': 'one' });
  assert.equal(readFileSync(join(root, 'passwd'), 'utf8'), 'of the host');
  assert.equal(read('files/a.conf'), 'one');
});

test('a crash after some of the files: the next attempt replaces nothing that a container wrote', async (t) => {
  const { layOut, read, write, has } = bench(t);
  await layOut(V1, { a: 'one', b: 'one' });
  write('files/a', 'two');
  await layOut(V2, { a: 'two', b: 'two' });
  assert.deepEqual([read('files/a'), read('files/b')], ['two', 'two']);
  assert.equal(has('replaced'), false);
});

test('a record that is damaged loses nothing', async (t) => {
  const { layOut, read, write } = bench(t);
  await layOut(V1, { a: 'one', gone: 'one' });
  write('laid-out.json', '{');
  await layOut(V2, { a: 'two' });
  assert.deepEqual([read('files/a'), read('files/gone'), read(`${replacedIn(V2)}/files/a`)], ['two', 'one', 'one']);
});

test('data of an earlier agent moves to the stack, and old paths go on leading to it', async (t) => {
  const { stackFiles, read, write, folder, log } = bench(t);
  write('releases/one/project/data/orders', 'order 1');
  write('releases/one/shared/x', 'shared');
  const sources = [source(folder, 'data'), source(folder, '../shared'), source(folder, 'missing')];
  await stackFiles.adopt(V2, sources, [join(folder, 'releases/one/project')]);
  assert.equal(read('files/data/orders'), 'order 1');
  assert.equal(read('above/1/shared/x'), 'shared');
  assert.equal(read('releases/one/project/data/orders'), 'order 1');
  assert.equal(readlinkSync(join(folder, 'releases/one/project/data')), join(folder, 'files/data'));
  write('files/data/orders', 'order 1 and 2');
  await stackFiles.adopt(V2, sources, [join(folder, 'releases/one/project')]);
  assert.equal(read('files/data/orders'), 'order 1 and 2', 'what has moved once stays');
  assert.equal(log.lines.length, 2);
});

test('where several releases of an earlier agent have data, all of it stays where it is', async (t) => {
  const { stackFiles, read, has, write, folder, log } = bench(t);
  write('releases/one/project/data/orders', '1');
  write('releases/two/project/data/orders', '2');
  const projects = ['one', 'two'].map((name) => join(folder, 'releases', name, 'project'));
  await stackFiles.adopt(V2, [source(folder, 'data')], projects);
  assert.deepEqual([read('releases/one/project/data/orders'), read('releases/two/project/data/orders')], ['1', '2']);
  assert.equal(has('files/data'), false);
  assert.deepEqual(log.lines, ['warn more than one release has data of this stack: move the right one']);
});

test('the folder of a volume is made, as Docker makes none', async (t) => {
  const { stackFiles, folder, has } = bench(t);
  await stackFiles.makeDevices(V1, [source(folder, 'disks/a', 'device'), source(folder, 'mounted')]);
  assert.equal(statSync(join(folder, 'files/disks/a')).isDirectory(), true);
  assert.equal(has('files/mounted'), false);
});
