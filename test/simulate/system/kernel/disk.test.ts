import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../domain/seeded-random.ts';
import { Disk, SystemError } from './disk.ts';

/** What a file holds after a power cut, for many seeds: each outcome once. */
function outcomes(prepare: (disk: Disk) => void, path: string): Set<string> {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 400; seed += 1) {
    const disk = new Disk(new SeededRandom(seed));
    disk.makeDirectory('/d');
    disk.syncDirectory('/');
    prepare(disk);
    disk.cutPower();
    seen.add(disk.exists(path) ? disk.read(path).toString() : '(none)');
  }
  return seen;
}

function put(disk: Disk, path: string, content: string): void {
  const file = disk.open(path, 'create');
  disk.append(file, Buffer.from(content), path);
  disk.sync(file, path);
}

test('what is synced, its name included, survives', () => {
  const survivors = outcomes((disk) => {
    put(disk, '/d/f', 'whole');
    disk.syncDirectory('/d');
  }, '/d/f');
  assert.deepEqual([...survivors], ['whole']);
});

test('a name that is not synced may be lost, and bytes that are not synced may be lost or torn', () => {
  assert.deepEqual([...outcomes((disk) => put(disk, '/d/f', 'whole'), '/d/f')].sort(), ['(none)', 'whole']);
  const torn = outcomes((disk) => {
    const file = disk.open('/d/f', 'create');
    disk.syncDirectory('/d');
    disk.append(file, Buffer.from('abc'), '/d/f');
  }, '/d/f');
  assert.deepEqual([...torn].sort(), ['', 'a', 'ab', 'abc']);
});

test('two writes that are not synced may come to disk in any order, with zeros between them', () => {
  const seen = outcomes((disk) => {
    const file = disk.open('/d/f', 'create');
    disk.syncDirectory('/d');
    disk.append(file, Buffer.from('A'), '/d/f');
    disk.append(file, Buffer.from('B'), '/d/f');
  }, '/d/f');
  assert.deepEqual([...seen].sort(), ['', '\0', '\0B', 'A', 'AB']);
});

test('a rename leaves the old file or the new one, never neither', () => {
  const seen = outcomes((disk) => {
    put(disk, '/d/f', 'old');
    disk.syncDirectory('/d');
    put(disk, '/d/f.new', 'new');
    disk.rename('/d/f.new', '/d/f');
  }, '/d/f');
  assert.deepEqual([...seen].sort(), ['new', 'old']);
});

test('a failed sync loses what it was to bring to disk, and the next one does not bring it back', () => {
  const seen = outcomes((disk) => {
    const file = disk.open('/d/f', 'create');
    disk.syncDirectory('/d');
    disk.append(file, Buffer.from('lost'), '/d/f');
    disk.failingSyncs = 1;
    assert.throws(
      () => disk.sync(file, '/d/f'),
      (error) => error instanceof SystemError && error.code === 'EIO',
    );
    disk.failingSyncs = 0;
    assert.equal(disk.read('/d/f').toString(), 'lost');
  }, '/d/f');
  assert.deepEqual([...seen], ['']);
});

test('a full disk takes a part and says so', () => {
  const disk = new Disk(new SeededRandom(1));
  const file = disk.open('/f', 'create');
  disk.isFull = true;
  assert.throws(() => disk.append(file, Buffer.from('abcdef'), '/f'), /ENOSPC/);
  assert.ok(disk.read('/f').length < 6);
  assert.throws(() => disk.makeDirectory('/d'), /ENOSPC/);
});
