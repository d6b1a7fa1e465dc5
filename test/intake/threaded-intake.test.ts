/** The intake with its real thread. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import type { ReportedTick } from '../../src/domain/telemetry.ts';
import { packed } from '../../src/intake/read-body.ts';
import { startThread, ThreadedIntake } from '../../src/intake/threaded-intake.ts';
import { systemRuntime } from '../../src/runtime/system-runtime.ts';
import { readBySchema } from '../../src/wire/telemetry.ts';
import { mutateBody } from '../conformance/mutate-body.ts';
import { RecordingLog } from '../domain/recording-log.ts';
import { SeededRandom } from '../domain/seeded-random.ts';
import { bareTick, containerBody, type JsonObject, telemetryBody } from '../wire/telemetry-body.ts';

const FAILED = 'the thread that reads telemetry failed: telemetry is now read on the main thread, which is slower';

interface Bench {
  readonly intake: ThreadedIntake;
  readonly log: RecordingLog;
  /** Those that were started, and how many messages went to them. */
  readonly threads: Worker[];
  messages(): number;
}

function openIntake(test: TestContext): Bench {
  const threads: Worker[] = [];
  let messages = 0;
  const start = (): Worker => {
    const thread = startThread();
    threads.push(thread);
    const post = thread.postMessage.bind(thread);
    thread.postMessage = (...message: Parameters<Worker['postMessage']>) => {
      messages += 1;
      post(...message);
    };
    return thread;
  };
  const log = new RecordingLog();
  const intake = new ThreadedIntake(systemRuntime, log, start);
  test.after(() => intake.close());
  return { intake, log, threads, messages: () => messages };
}

function bytesOf(body: unknown): Buffer {
  return Buffer.from(JSON.stringify(body));
}

/** A tick of this host and minute with as many containers. */
function tickBody(minute: number, containers: number): JsonObject {
  return telemetryBody({
    recorded_at: new Date(Date.UTC(2026, 2, 1, 12, minute)).toISOString(),
    containers: Array.from({ length: containers }, (_, index) =>
      containerBody({ container_id: `c${index}`, name: `web-${minute}-${index}` }),
    ),
  });
}

/**
 * What a tick says, with the reports that it hands out only when it is asked. Not its fingerprint: those of bytes and
 * those of the schema are made in different ways.
 */
function said(tick: ReportedTick | null): unknown {
  if (tick === null) return null;
  const { recordedAtMs, facts, host, containers, reports } = tick;
  const listed = containers === null ? null : { count: containers.count, blocks: [...containers.blocks] };
  return { recordedAtMs, facts, host: [...host], listed, reports: reports() };
}

/** As a body is read that comes alone. */
async function readAlone(body: Uint8Array): Promise<unknown> {
  const intake = new ThreadedIntake(systemRuntime, new RecordingLog());
  const tick = intake.read(body);
  assert(!(tick instanceof Promise), 'what comes alone is read at once');
  return said(tick);
}

function ended(thread: Worker): Promise<unknown> {
  return new Promise((resolve) => thread.on('exit', resolve));
}

/** More than one message holds. */
const MANY = 100;

const DOUBTFUL: readonly Uint8Array[] = [
  Buffer.from('no JSON'),
  Buffer.from(''),
  Buffer.from([0xff, 0xfe, 0x00]),
  bytesOf({ host: {} }),
  bytesOf([]),
  bytesOf(tickBody(0, 1)).subarray(0, 200),
  // The schema takes these: the first report of two does not count, and a list may stand for an empty map.
  bytesOf(telemetryBody({ containers: [containerBody(), containerBody({ name: 'again' })] })),
  bytesOf(telemetryBody({ containers: [containerBody({ labels: [] })] })),
];

const GOOD: readonly Uint8Array[] = [
  ...Array.from({ length: 12 }, (_, minute) => bytesOf(tickBody(minute, minute * 3))),
  bytesOf(bareTick('2026-03-01T12:00:00Z')),
  bytesOf(bareTick('2026-03-01T12:00:00Z', { containers: [] })),
  bytesOf(bareTick('2026-03-01T12:00:00+01:00', { containers: null })),
  Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytesOf(tickBody(1, 1))]),
  bytesOf(telemetryBody({ containers: [containerBody({ container_id: 'half \ud800', name: '🛒 \u2028' })] })),
];

/** Larger than what goes to the thread. */
const LARGE = bytesOf(
  telemetryBody({ containers: [containerBody({ labels: { text: 'x'.repeat(300 * 1024) } }), containerBody({})] }),
);
const LARGE_GOOD = bytesOf(
  telemetryBody({ containers: [containerBody({ labels: { text: 'x'.repeat(300 * 1024) } })] }),
);

test('bodies that come together are read as each is read alone, in any mix', async (t) => {
  const { intake, log, threads, messages } = openIntake(t);
  const random = new SeededRandom(20_260_301);
  const kinds: readonly Uint8Array[] = [...GOOD, ...GOOD, ...DOUBTFUL, LARGE, LARGE_GOOD];
  for (const count of [1, 2, 33, 34, MANY, 3 * MANY]) {
    const bodies = Array.from({ length: count }, () => random.pick(kinds));
    const ticks = await Promise.all(bodies.map((body) => intake.read(body)));
    for (const [index, body] of bodies.entries()) {
      assert.deepEqual(said(ticks[index] ?? null), await readAlone(body), body.toString().slice(0, 200));
    }
  }
  assert.equal(threads.length, 1);
  assert.ok(messages() > 10, `${messages()} messages`);
  assert.deepEqual(log.lines, []);
});

test('bodies that are nearly right are read as each is read alone', async (t) => {
  const { intake } = openIntake(t);
  const random = new SeededRandom(7);
  const bodies = Array.from({ length: 1000 }, (_, index) => mutateBody(index, random));
  const ticks = await Promise.all(bodies.map((body) => intake.read(body)));
  let read = 0;
  for (const [index, body] of bodies.entries()) {
    const tick = ticks[index] ?? null;
    if (tick !== null) read += 1;
    assert.deepEqual(said(tick), await readAlone(body), body.toString());
  }
  t.diagnostic(`${read} of ${bodies.length} were read at first sight`);
  assert.ok(read > 20);
});

test('the first body of a turn is read at once, those beside it go to the thread, and so in the next turn', async (t) => {
  const { intake, threads } = openIntake(t);
  for (let turn = 0; turn < 3; turn += 1) {
    const first = intake.read(bytesOf(tickBody(turn, 2)));
    const second = intake.read(bytesOf(tickBody(turn, 2)));
    assert(!(first instanceof Promise));
    assert(second instanceof Promise);
    assert.deepEqual(said(await second), said(first));
  }
  assert.equal(threads.length, 1);
});

test('a server whose bodies never come together has no thread', async (t) => {
  const { intake, threads } = openIntake(t);
  for (let minute = 0; minute < 5; minute += 1) {
    assert(!(intake.read(bytesOf(tickBody(minute, 1))) instanceof Promise));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(threads, []);
});

test('a tick of the thread says the same as the schema and the store would, containers and all', async (t) => {
  const { intake } = openIntake(t);
  const bodies = Array.from({ length: MANY }, (_, minute) => tickBody(minute, minute % 7));
  const ticks = await Promise.all(bodies.map((body) => intake.read(bytesOf(body))));
  for (const [index, body] of bodies.entries()) {
    const judged = readBySchema(body);
    assert(judged.ok);
    assert.deepEqual(said(ticks[index] ?? null), said(packed(judged.value)));
    assert.deepEqual(ticks[index]?.reports(), judged.value.containers);
  }
});

test('a thread that has nothing to do ends, which is no failure, and the next bodies start another', async (t) => {
  const log = new RecordingLog();
  const threads: Worker[] = [];
  const start = (): Worker => {
    const thread = startThread();
    threads.push(thread);
    return thread;
  };
  const intake = new ThreadedIntake(systemRuntime, log, start, 50);
  t.after(() => intake.close());
  for (let round = 1; round <= 2; round += 1) {
    const ticks = await Promise.all(GOOD.map((body) => intake.read(body)));
    for (const [index, tick] of ticks.entries()) assert.deepEqual(said(tick), await readAlone(GOOD[index] ?? LARGE));
    const thread = threads.at(-1);
    assert(thread !== undefined);
    await ended(thread);
    assert.equal(threads.length, round);
  }
  assert.deepEqual(log.lines, []);
});

test('when the thread dies everybody is answered, the log says so once, and reading goes on', async (t) => {
  const { intake, log, threads } = openIntake(t);
  await Promise.all([intake.read(LARGE_GOOD), ...GOOD.map((body) => intake.read(body))]);
  const bodies = Array.from({ length: 5 * MANY }, (_, index) => GOOD[index % GOOD.length] ?? LARGE);
  const reading = bodies.map((body) => intake.read(body));
  await new Promise((resolve) => setImmediate(resolve));
  await threads[0]?.terminate();
  const more = GOOD.map((body) => intake.read(body));
  for (const [index, tick] of (await Promise.all(reading)).entries()) {
    assert.deepEqual(said(tick), await readAlone(bodies[index] ?? LARGE));
  }
  for (const [index, tick] of more.entries()) {
    assert(!(tick instanceof Promise), 'from then on it is read at once');
    assert.deepEqual(said(tick), await readAlone(GOOD[index] ?? LARGE));
  }
  assert.deepEqual(log.said(FAILED), [{ level: 'error', message: FAILED, fields: { reason: 'it ended' } }]);
  assert.equal(threads.length, 1);
});

test('when the thread fails on a defect everybody is answered, and the log says why, once', async (t) => {
  const { intake, log, threads } = openIntake(t);
  await Promise.all(GOOD.map((body) => intake.read(body)));
  const reading = GOOD.map((body) => intake.read(body));
  const [thread] = threads;
  assert(thread !== undefined);
  const gone = ended(thread);
  // No message of the protocol.
  thread.postMessage(null);
  for (const [index, tick] of (await Promise.all(reading)).entries()) {
    assert.deepEqual(said(tick), await readAlone(GOOD[index] ?? LARGE));
  }
  await gone;
  assert.equal(log.lines.length, 1);
  assert.match(String(log.said(FAILED)[0]?.fields['reason']), /null/);
});

test('where no thread can be started everybody is answered all the same', async (t) => {
  const log = new RecordingLog();
  const intake = new ThreadedIntake(systemRuntime, log, () => {
    throw new Error('no thread is left');
  });
  t.after(() => intake.close());
  for (let round = 0; round < 2; round += 1) {
    const ticks = await Promise.all(GOOD.map((body) => intake.read(body)));
    for (const [index, tick] of ticks.entries()) assert.deepEqual(said(tick), await readAlone(GOOD[index] ?? LARGE));
  }
  assert.deepEqual(log.said(FAILED), [{ level: 'error', message: FAILED, fields: { reason: 'no thread is left' } }]);
});

test('a close ends the thread, answers those that wait, and is no failure', async (t) => {
  const { intake, log, threads } = openIntake(t);
  await Promise.all(GOOD.map((body) => intake.read(body)));
  const [thread] = threads;
  assert(thread !== undefined);
  const gone = ended(thread);
  const reading = GOOD.map((body) => intake.read(body));
  await intake.close();
  await gone;
  for (const [index, tick] of (await Promise.all(reading)).entries()) {
    assert.deepEqual(said(tick), await readAlone(GOOD[index] ?? LARGE));
  }
  assert.deepEqual(log.lines, []);
  await intake.close();
});
