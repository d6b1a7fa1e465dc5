import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { nodeFileSystem } from '../../../../agent/disk/node-file-system.ts';
import type { StackRecord } from '../../../../agent/rollouts/record/stack-record.ts';
import { StackStore } from '../../../../agent/rollouts/record/stack-store.ts';
import { at, HandClock, MemoryLog, NOON, probe, record, reverting, rollout, soaking } from '../sample.ts';

function bench(t: TestContext) {
  const folder = join(mkdtempSync(join(tmpdir(), 'stack-')), 'shop');
  t.after(() => rmSync(join(folder, '..'), { recursive: true, force: true }));
  const log = new MemoryLog();
  const clock = new HandClock();
  let changes = 0;
  const onChange = () => changes++;
  const open = () => StackStore.open({ files: nodeFileSystem, folder, stack: 'shop', clock, log, onChange });
  return { folder, file: join(folder, 'stack.json'), log, clock, open, changes: () => changes };
}

const SOAKING = record(rollout(soaking({ probes: [probe({ status: 'fail', failingSince: at(-5) })] })));

test('a record that was written is there for the next process', async (t) => {
  const { open, file, changes } = bench(t);
  const store = await open();
  assert.equal(store.record.rollout, null);
  await store.update(() => SOAKING);
  assert.deepEqual((await open()).record, SOAKING);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(changes(), 1);
});

test('a change that changes nothing writes nothing', async (t) => {
  const { open, folder, changes } = bench(t);
  const store = await open();
  await store.update((same) => same);
  assert.equal(existsSync(folder), false);
  assert.equal(changes(), 0);
});

test('changes are made one after the other, each on what the one before has left', async (t) => {
  const { open } = bench(t);
  const store = await open();
  const add = (release: string) => store.update((current) => ({ ...current, kept: [...current.kept, release] }));
  await Promise.all([add('a'), add('b'), add('c')]);
  assert.deepEqual((await open()).record.kept, ['a', 'b', 'c']);
});

test('a crash while it is written leaves the one before', async (t) => {
  const { open, file } = bench(t);
  await (await open()).update(() => SOAKING);
  writeFileSync(`${file}.new`, JSON.stringify(SOAKING).slice(0, 40));
  const store = await open();
  assert.deepEqual(store.record, SOAKING);
  await store.update((current) => ({ ...current, kept: [] }));
  assert.deepEqual((await open()).record.kept, []);
});

test('a record that cannot be written stays as it was, and the next change has its chance', async (t) => {
  const { open, folder, file } = bench(t);
  const store = await open();
  await store.update(() => SOAKING);
  rmSync(file);
  mkdirSync(file);
  await assert.rejects(store.update((current) => ({ ...current, kept: ['x'] })));
  assert.deepEqual(store.record, SOAKING);
  assert.deepEqual(readdirSync(folder), ['stack.json']);
  rmSync(file, { recursive: true });
  await store.update((current) => ({ ...current, kept: ['x'] }));
  assert.deepEqual((await open()).record.kept, ['x']);
});

for (const [name, text] of [
  ['cut off', '{"version":1,"stack":"sh'],
  ['empty', ''],
  ['of a later version', JSON.stringify({ ...SOAKING, version: 2 })],
  ['of another stack', JSON.stringify({ ...SOAKING, stack: 'blog' })],
] as const) {
  test(`a record that is ${name} is put aside and counts as lost`, async (t) => {
    const { open, folder, file, log } = bench(t);
    mkdirSync(folder);
    writeFileSync(file, text);
    const store = await open();
    assert.equal(store.record.rollout, null);
    assert.equal(readFileSync(`${file}.unreadable`, 'utf8'), text);
    assert.deepEqual(log.lines, [
      'error the record of this stack cannot be read: it is put aside, and the server and the containers replace it',
    ]);
  });
}

test('after a reboot, what has passed is counted by the wall clock', async (t) => {
  const { open, clock } = bench(t);
  await (await open()).update(() => SOAKING);
  clock.bootId = 'boot-2';
  clock.moment = { wallMs: NOON.wallMs + 20_000, monotonicMs: 8_000 };
  const { bootId, rollout: rebased } = (await open()).record;
  assert.equal(bootId, 'boot-2');
  assert.deepEqual(
    rebased?.phase,
    soaking({
      since: { wallMs: NOON.wallMs, monotonicMs: -12_000 },
      confirmed: { wallMs: NOON.wallMs, monotonicMs: -12_000 },
      probes: [probe({ status: 'fail', failingSince: { wallMs: NOON.wallMs - 5_000, monotonicMs: -17_000 } })],
    }),
  );
});

test('after a reboot with a clock that was set back, no time has passed', async (t) => {
  const { open, clock } = bench(t);
  const onTheWayBack: StackRecord = record(rollout(reverting()));
  await (await open()).update(() => onTheWayBack);
  clock.bootId = 'boot-2';
  clock.moment = { wallMs: NOON.wallMs - 3_600_000, monotonicMs: 8_000 };
  const { phase } = (await open()).record.rollout ?? {};
  assert.equal(phase?.at === 'reverting' && phase.since.monotonicMs, 8_000);
});
