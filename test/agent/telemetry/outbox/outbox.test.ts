import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { lockStateDir } from '../../../../agent/disk/lock-state-dir.ts';
import { nodeFileSystem } from '../../../../agent/disk/node-file-system.ts';
import { DiskOutbox } from '../../../../agent/telemetry/outbox/disk-outbox.ts';
import { FallbackOutbox } from '../../../../agent/telemetry/outbox/fallback-outbox.ts';
import { MemoryOutbox } from '../../../../agent/telemetry/outbox/memory-outbox.ts';
import { openOutbox } from '../../../../agent/telemetry/outbox/open-outbox.ts';
import type { Outbox } from '../../../../agent/telemetry/outbox/outbox.ts';
import { NexusError } from '../../../../src/domain/errors.ts';
import { systemRuntime } from '../../../../src/runtime/system-runtime.ts';
import { HandDrivenRuntime } from '../../../domain/hand-driven-runtime.ts';
import { RecordingLog } from '../../../domain/recording-log.ts';
import { sampleOutboxTick } from '../sample-tick.ts';

const MB = 1_048_576;
const FOREVER = Number.NEGATIVE_INFINITY;
const PARTS = { files: nodeFileSystem, lock: lockStateDir, log: new RecordingLog(), runtime: systemRuntime };
const NO_LOSSES = { dropped: 0, expired: 0, damaged: 0 };

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'outbox-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function fill(outbox: Outbox, ...times: number[]): Promise<void> {
  for (const time of times) await outbox.append(sampleOutboxTick(time));
}

async function oldest(outbox: Outbox, count = 100): Promise<number[]> {
  return (await outbox.oldest(count, MB, FOREVER)).map(({ tick }) => tick.recordedAtMs);
}

/** Takes everything out, batch by batch. */
async function drain(outbox: Outbox): Promise<number[][]> {
  const batches: number[][] = [];
  for (;;) {
    const entries = await outbox.oldest(100, MB, FOREVER);
    if (entries.length === 0) return batches;
    batches.push(entries.map(({ tick }) => tick.recordedAtMs));
    await outbox.remove(entries);
  }
}

const KINDS: [string, (directory: string) => Promise<Outbox>][] = [
  ['disk', (directory) => DiskOutbox.open(nodeFileSystem, directory, 64 * MB)],
  ['memory', async () => new MemoryOutbox(64 * MB)],
];
for (const [kind, open] of KINDS) {
  test(`${kind}: ticks come out oldest first, and only what was removed is gone`, async (t) => {
    const outbox = await open(scratch(t));
    assert.equal(outbox.isEmpty, true);
    await fill(outbox, 20, 10, 30);
    assert.deepEqual(await oldest(outbox, 2), [10, 20]);
    assert.deepEqual(await oldest(outbox), [10, 20, 30]);
    const [first] = await outbox.oldest(1, MB, FOREVER);
    assert.ok(first);
    await outbox.remove([first]);
    assert.deepEqual(await oldest(outbox), [20, 30]);
    await outbox.remove(await outbox.oldest(100, MB, FOREVER));
    assert.equal(outbox.isEmpty, true);
    assert.deepEqual(await oldest(outbox), []);
    assert.deepEqual(outbox.takeLosses(), NO_LOSSES);
  });

  test(`${kind}: a tick is removed by what append gave for it`, async (t) => {
    const outbox = await open(scratch(t));
    const entry = await outbox.append(sampleOutboxTick(10));
    await fill(outbox, 20);
    await outbox.remove([entry]);
    assert.deepEqual(await oldest(outbox), [20]);
  });

  test(`${kind}: ticks too old for the server are left out and counted once`, async (t) => {
    const outbox = await open(scratch(t));
    await fill(outbox, 10, 20, 30);
    assert.deepEqual(
      (await outbox.oldest(100, MB, 20)).map(({ tick }) => tick.recordedAtMs),
      [20, 30],
    );
    assert.deepEqual(
      (await outbox.oldest(100, MB, 20)).map(({ tick }) => tick.recordedAtMs),
      [20, 30],
    );
    assert.deepEqual(outbox.takeLosses(), { dropped: 0, expired: 1, damaged: 0 });
    assert.deepEqual(await outbox.oldest(100, MB, 40), []);
    assert.deepEqual(outbox.takeLosses(), { dropped: 0, expired: 2, damaged: 0 });
    assert.equal(outbox.isEmpty, true);
  });
}

test('disk: a batch is a file of at most a hundred ticks, deleted when all of them are gone', async (t) => {
  const directory = scratch(t);
  const outbox = await DiskOutbox.open(nodeFileSystem, directory, 64 * MB);
  await fill(outbox, ...Array.from({ length: 250 }, (_, index) => index));
  assert.equal(readdirSync(directory).length, 3);
  assert.deepEqual(
    (await drain(outbox)).map((batch) => batch.length),
    [100, 100, 50],
  );
  assert.deepEqual(readdirSync(directory), []);
});

test('disk: what an earlier process left is there, and its files are not appended to', async (t) => {
  const directory = scratch(t);
  const before = await DiskOutbox.open(nodeFileSystem, directory, 64 * MB);
  await fill(before, 1, 2);
  // No close: the process was killed.
  const after = await DiskOutbox.open(nodeFileSystem, directory, 64 * MB);
  assert.equal(after.isEmpty, false);
  await fill(after, 3);
  assert.deepEqual(await drain(after), [[1, 2], [3]]);
  await before.close();
});

test('disk: a torn end, a flipped bit, an empty and a foreign file', async (t) => {
  const directory = scratch(t);
  for (const times of [[1, 2], [3, 4], [5]]) {
    const outbox = await DiskOutbox.open(nodeFileSystem, directory, 64 * MB);
    await fill(outbox, ...times);
    await outbox.close();
  }
  const [first = '', second = ''] = readdirSync(directory).sort();
  truncateSync(join(directory, first), statSync(join(directory, first)).size - 3);
  const flipped = readFileSync(join(directory, second));
  flipped.writeUInt8(flipped.readUInt8(40) ^ 1, 40);
  writeFileSync(join(directory, second), flipped);
  writeFileSync(join(directory, '000000000009.ticks'), '');
  writeFileSync(join(directory, 'notes.txt'), 'mine');

  const outbox = await DiskOutbox.open(nodeFileSystem, directory, 64 * MB);
  await fill(outbox, 10);
  assert.deepEqual(await drain(outbox), [[1], [4], [5], [10]]);
  assert.deepEqual(outbox.takeLosses(), { dropped: 0, expired: 0, damaged: 2 });
  assert.deepEqual(readdirSync(directory), ['notes.txt']);
  await outbox.close();
});

test('disk: beyond its size the oldest go, and are counted', async (t) => {
  const directory = scratch(t);
  const maxBytes = 8_192;
  const outbox = await DiskOutbox.open(nodeFileSystem, directory, maxBytes);
  const count = 200;
  await fill(outbox, ...Array.from({ length: count }, (_, index) => index));
  const size = readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  assert.ok(size <= maxBytes, `${size} bytes`);
  const left = (await drain(outbox)).flat();
  assert.equal(left.at(-1), count - 1);
  assert.deepEqual(
    left,
    Array.from({ length: left.length }, (_, index) => count - left.length + index),
  );
  assert.ok(left.length > 30, `${left.length} left`);
  assert.deepEqual(outbox.takeLosses(), { dropped: count - left.length, expired: 0, damaged: 0 });
});

test('memory: beyond its size the oldest go, and are counted', async () => {
  const tick = sampleOutboxTick(0);
  const outbox = new MemoryOutbox(tick.gzipped.length * 3 + 10);
  await fill(outbox, 10, 20, 30, 40, 50);
  assert.deepEqual(await oldest(outbox), [30, 40, 50]);
  assert.deepEqual(outbox.takeLosses(), { dropped: 2, expired: 0, damaged: 0 });
});

/** A disk outbox that can be told to fail. */
class FailingDisk extends MemoryOutbox {
  failing = false;

  override async append(...args: Parameters<MemoryOutbox['append']>): ReturnType<MemoryOutbox['append']> {
    if (this.failing) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    return super.append(...args);
  }
}

test('a disk that fills up: ticks wait in memory, said once, and go to disk when there is room again', async () => {
  const log = new RecordingLog();
  const disk = new FailingDisk(MB);
  const outbox = new FallbackOutbox({
    openDisk: async () => disk,
    memoryBytes: MB,
    directory: '/state',
    log,
    runtime: systemRuntime,
  });
  await outbox.open();
  await fill(outbox, 1);
  disk.failing = true;
  await fill(outbox, 2, 3);
  assert.equal(outbox.isDegraded, true);
  assert.equal(log.lines.length, 1);
  assert.match(
    log.lines[0]?.message ?? '',
    /^the outbox cannot be written: unsent ticks are kept in memory only \(up to 1 MiB\)/,
  );
  assert.deepEqual(log.lines[0]?.fields, { reason: 'ENOSPC: no space left on device, write', directory: '/state' });

  disk.failing = false;
  await fill(outbox, 4);
  assert.equal(outbox.isDegraded, false);
  assert.deepEqual(await oldest(disk), [1, 2, 3, 4]);
  assert.deepEqual(await drain(outbox), [[1, 2, 3, 4]]);
});

test('a disk that never opens: memory takes its place', async () => {
  const log = new RecordingLog();
  const openDisk = (): Promise<Outbox> => Promise.reject(new Error('EROFS: read-only file system'));
  const outbox = new FallbackOutbox({ openDisk, memoryBytes: MB, directory: '/state', log, runtime: systemRuntime });
  await outbox.open();
  await fill(outbox, 1, 2);
  assert.deepEqual(await drain(outbox), [[1, 2]]);
  assert.equal(log.lines.length, 1);
  await outbox.close();
});

test('a disk that opens late: what it holds is sent although nothing new is kept', async () => {
  const log = new RecordingLog();
  const runtime = new HandDrivenRuntime();
  const disk = new MemoryOutbox(MB);
  await fill(disk, 1, 2);
  let isBroken = true;
  const openDisk = async (): Promise<Outbox> => {
    if (isBroken) throw new Error('EIO: i/o error, fsync');
    return disk;
  };
  const outbox = new FallbackOutbox({ openDisk, memoryBytes: MB, directory: '/state', log, runtime });
  await outbox.open();
  assert.equal(outbox.isEmpty, true);
  await runtime.advance(60_000);
  assert.equal(outbox.isEmpty, false);
  assert.deepEqual(await oldest(outbox), []);
  assert.equal(outbox.isEmpty, true);
  isBroken = false;
  await runtime.advance(60_000);
  assert.deepEqual(await drain(outbox), [[1, 2]]);
  assert.equal(outbox.isEmpty, true);
});

test('only one agent uses a state directory, and a dead one’s lock is taken over', async (t) => {
  // Longer than a socket's path may be.
  const directory = join(scratch(t), 'd'.repeat(120));
  const lock = await lockStateDir(directory);
  await assert.rejects(lockStateDir(directory), (error) => {
    assert.ok(error instanceof NexusError);
    assert.equal(error.code, 'conflict');
    assert.match(error.message, /Another agent uses the state directory .*--state-dir/);
    return true;
  });
  await lock.release();
  writeFileSync(join(directory, 'agent.lock'), '');
  const again = await lockStateDir(directory);
  await again.release();
  assert.deepEqual(readdirSync(directory), []);
});

test('a state directory that is none: the agent goes on with memory', async (t) => {
  const log = new RecordingLog();
  const file = join(scratch(t), 'file');
  writeFileSync(file, '');
  const { outbox, close } = await openOutbox(join(file, 'state'), { ...PARTS, log });
  await fill(outbox, 1);
  assert.deepEqual(await oldest(outbox), [1]);
  assert.equal(log.lines.length, 1);
  await close();
});

test('closing gives the state directory free, with its ticks in it', async (t) => {
  const directory = scratch(t);
  const first = await openOutbox(directory, PARTS);
  await fill(first.outbox, 1);
  await assert.rejects(openOutbox(directory, PARTS), { code: 'conflict' });
  await first.close();
  const second = await openOutbox(directory, PARTS);
  assert.deepEqual(await oldest(second.outbox), [1]);
  await second.close();
});
