import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeDirectory } from '../../../agent/disk/make-directory.ts';
import { writeDurably } from '../../../agent/disk/write-durably.ts';
import { DiskOutbox } from '../../../agent/telemetry/outbox/disk-outbox.ts';
import { sampleOutboxTick } from '../telemetry/sample-tick.ts';
import { FailingFileSystem } from './failing-file-system.ts';

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'disk-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test('a file is synced before it takes the place of the old one, and its directory after', async (t) => {
  const files = new FailingFileSystem();
  const path = join(scratch(t), 'file');
  await writeDurably(files, path, 'new', 0o640);
  assert.deepEqual(files.operations.slice(0, 6), [
    'open file.new',
    'chmod file.new',
    'write file.new',
    'sync file.new',
    'close file.new',
    'rename file.new',
  ]);
  assert.match(files.operations[6] ?? '', /^syncDirectory disk-/);
  assert.equal(statSync(path).mode & 0o777, 0o640);
});

for (const operation of ['open', 'chmod', 'write', 'sync', 'close', 'rename']) {
  test(`when ${operation} fails, the old file is there whole and nothing else`, async (t) => {
    const folder = scratch(t);
    const path = join(folder, 'file');
    writeFileSync(path, 'old');
    const files = new FailingFileSystem();
    files.failOn = new RegExp(`^${operation} `);
    await assert.rejects(writeDurably(files, path, 'new', 0o600), { code: 'EIO' });
    assert.deepEqual(readdirSync(folder), ['file']);
    assert.equal(readFileSync(path, 'utf8'), 'old');
  });
}

test('the failure is reported, not that of cleaning up after it', async (t) => {
  const files = new FailingFileSystem();
  files.failOn = /^(?:sync|remove) /;
  await assert.rejects(writeDurably(files, join(scratch(t), 'file'), 'new', 0o600), { message: 'EIO: sync file.new' });
});

test('every directory that is made has its name synced, the outermost first', async (t) => {
  const root = scratch(t);
  mkdirSync(join(root, 'a'));
  const files = new FailingFileSystem();
  await makeDirectory(files, join(root, 'a', 'b', 'c'), 0o700);
  assert.deepEqual(files.operations, ['mkdir c', 'mkdir b', 'syncDirectory a', 'mkdir c', 'syncDirectory b']);
  assert.equal(statSync(join(root, 'a', 'b', 'c')).isDirectory(), true);
});

test('a directory that is there has its name synced too, as whoever made it may have died before', async (t) => {
  const root = scratch(t);
  mkdirSync(join(root, 'a'));
  const files = new FailingFileSystem();
  await makeDirectory(files, join(root, 'a'), 0o700);
  assert.deepEqual(files.operations.slice(0, 2), ['mkdir a', 'stat a']);
  assert.match(files.operations[2] ?? '', /^syncDirectory disk-/);
});

test('a parent that may not be opened is not this user’s to sync; any other failure is reported', async (t) => {
  const path = join(scratch(t), 'state');
  const files = new FailingFileSystem();
  files.failOn = /^syncDirectory /;
  await assert.rejects(makeDirectory(files, path, 0o700), { code: 'EIO' });
  files.code = 'EACCES';
  await makeDirectory(files, path, 0o700);
});

test('a file in the way of a directory is reported', async (t) => {
  const path = join(scratch(t), 'state');
  writeFileSync(path, '');
  await assert.rejects(makeDirectory(new FailingFileSystem(), path, 0o700), { code: 'EEXIST' });
});

for (const failOn of [/^syncDirectory outbox/, /^datasync /, /^write /]) {
  test(`the outbox keeps nothing in a file after ${failOn.source} has failed`, async (t) => {
    const directory = join(scratch(t), 'outbox');
    const files = new FailingFileSystem();
    const outbox = await DiskOutbox.open(files, directory, 1_048_576);
    files.failOn = failOn;
    await assert.rejects(outbox.append(sampleOutboxTick(1)), { code: 'EIO' });
    assert.deepEqual(readdirSync(directory), []);
    files.failOn = null;
    files.operations.length = 0;
    await outbox.append(sampleOutboxTick(2));
    assert.deepEqual(files.operations, [
      'open 000000000002.ticks',
      'syncDirectory outbox',
      'write 000000000002.ticks',
      'datasync 000000000002.ticks',
    ]);
    assert.deepEqual(
      (await outbox.oldest(10, 1_048_576, 0)).map(({ tick }) => tick.recordedAtMs),
      [2],
    );
  });
}
