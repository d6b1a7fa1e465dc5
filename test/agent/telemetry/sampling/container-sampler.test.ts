import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ContainerReading } from '../../../../agent/docker/container-reading.ts';
import type { ContainerView } from '../../../../agent/docker/container-view.ts';
import { SmallFileReader } from '../../../../agent/kernel/small-file-reader.ts';
import { ContainerFileReader } from '../../../../agent/telemetry/sampling/container-files.ts';
import { ContainerSampler } from '../../../../agent/telemetry/sampling/container-sampler.ts';
import { sampleView } from '../../sample-view.ts';

const READING: ContainerReading = {
  cpuNs: 1e9,
  clockNs: 1e9,
  memoryBytes: 0,
  memoryLimitBytes: null,
  rxBytes: 0,
  txBytes: 0,
  readBytes: 0,
  writeBytes: 0,
};
const NEVER = new Promise<never>(() => {});

/** A procfs with nothing in it: every container has to be asked of the engine. */
function blindSampler(t: TestContext): ContainerSampler {
  const proc = mkdtempSync(join(tmpdir(), 'proc-'));
  t.after(() => rmSync(proc, { recursive: true }));
  return new ContainerSampler(new ContainerFileReader(new SmallFileReader(), proc), () => 0);
}

test('a container whose cgroup cannot be seen is asked of the engine, CPU from one answer to the next', async (t) => {
  const sampler = blindSampler(t);
  const view = sampleView();
  sampler.watch(view);
  const answers = [READING, { ...READING, clockNs: 3e9, cpuNs: 2e9 }];
  const readStats = async (): Promise<ContainerReading | null> => answers.shift() ?? null;
  await sampler.prime(readStats, NEVER);
  const { metrics, asked, lost } = await sampler.sample([view], readStats, NEVER, null);
  assert.equal(metrics.get(view.id)?.cpu_percent, 50);
  assert.equal(asked, 1);
  assert.deepEqual(lost, []);
});

test('an engine that hangs leaves a container unmeasured, and a late answer changes nothing of what was given', async (t) => {
  const sampler = blindSampler(t);
  const view = sampleView();
  sampler.watch(view);
  const answer = Promise.withResolvers<ContainerReading | null>();
  const { metrics } = await sampler.sample([view], () => answer.promise, Promise.resolve(), null);
  answer.resolve(READING);
  await answer.promise;
  assert.equal(metrics.size, 0);
});

test('an engine that fails, has no figures, or is not there: no metrics, no error', async (t) => {
  const sampler = blindSampler(t);
  const view = sampleView();
  sampler.watch(view);
  const failing = await sampler.sample([view], () => Promise.reject(new Error('gone')), NEVER, null);
  assert.deepEqual([failing.metrics.size, failing.lost], [0, []]);
  const empty = await sampler.sample([view], async () => null, NEVER, null);
  assert.deepEqual([empty.metrics.size, empty.lost], [0, [view.id]]);
  const alone = await sampler.sample([view], null, NEVER, null);
  assert.deepEqual([alone.metrics.size, alone.asked], [0, 0]);
});

test('a container that does not run is not measured', async (t) => {
  const sampler = blindSampler(t);
  const view = sampleView({ pid: 0, state: 'exited' });
  sampler.watch(view);
  const { metrics, asked } = await sampler.sample([view], async () => READING, NEVER, null);
  assert.deepEqual([metrics.size, asked], [0, 0]);
});

/** A version 2 cgroup tree of plain files below this process's own view of it is not possible: files stand alone. */
class PlainFiles extends ContainerFileReader {
  readonly #directory: string;

  constructor(directory: string) {
    super(new SmallFileReader(), '/nonexistent');
    this.#directory = directory;
  }

  override locate(view: ContainerView): ReturnType<ContainerFileReader['locate']> {
    const at = join(this.#directory, view.id);
    return {
      version: 2,
      cpu: join(at, 'cpu.stat'),
      memoryUsage: join(at, 'memory.current'),
      memoryStat: join(at, 'memory.stat'),
      block: join(at, 'io.stat'),
      network: join(at, 'dev'),
      memoryLimitBytes: null,
    };
  }
}

function writeCounters(directory: string, id: string, cpuMicros: number): void {
  mkdirSync(join(directory, id), { recursive: true });
  writeFileSync(join(directory, id, 'cpu.stat'), `usage_usec ${cpuMicros}\n`);
  writeFileSync(join(directory, id, 'memory.current'), '12582912\n');
  writeFileSync(join(directory, id, 'memory.stat'), 'anon 1\ninactive_file 2097152\n');
  writeFileSync(join(directory, id, 'io.stat'), '8:0 rbytes=5 wbytes=6\n');
  writeFileSync(join(directory, id, 'dev'), ' lo: 9 0 0 0 0 0 0 0 9 0\n eth0: 7 0 0 0 0 0 0 0 8 0\n');
}

test('kernel files: measured from the moment the container was first seen, anew when it was restarted', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'counters-'));
  t.after(() => rmSync(directory, { recursive: true }));
  let clockNs = 0;
  const sampler = new ContainerSampler(new PlainFiles(directory), () => clockNs);
  const view = sampleView();

  writeCounters(directory, view.id, 1_000_000);
  sampler.watch(view);
  clockNs = 10e9;
  writeCounters(directory, view.id, 3_000_000);
  const first = await sampler.sample([view], null, NEVER, 100 * 1_048_576);
  assert.deepEqual(first.metrics.get(view.id), {
    cpu_percent: 20,
    memory_usage_mb: 10,
    memory_limit_mb: 100,
    network_rx_bytes: 7,
    network_tx_bytes: 8,
    block_read_bytes: 5,
    block_write_bytes: 6,
  });

  // Inspected again, e.g. for its health: the same run goes on.
  sampler.watch(sampleView({ healthStatus: 'healthy' }));
  clockNs = 20e9;
  writeCounters(directory, view.id, 4_000_000);
  assert.equal((await sampler.sample([view], null, NEVER, null)).metrics.get(view.id)?.cpu_percent, 10);

  const restarted = sampleView({ startedAt: '2026-11-21T17:00:00Z', pid: 4343 });
  writeCounters(directory, view.id, 100_000);
  sampler.watch(restarted);
  clockNs = 30e9;
  writeCounters(directory, view.id, 600_000);
  assert.equal((await sampler.sample([restarted], null, NEVER, null)).metrics.get(view.id)?.cpu_percent, 5);

  rmSync(join(directory, view.id), { recursive: true });
  assert.deepEqual((await sampler.sample([restarted], null, NEVER, null)).lost, [view.id]);
});
