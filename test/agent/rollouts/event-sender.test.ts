import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { WakeUp } from '../../../agent/async/wake-up.ts';
import { EventSender } from '../../../agent/rollouts/event-sender.ts';
import { queueEvents } from '../../../agent/rollouts/record/queue-events.ts';
import type { EventDraft } from '../../../agent/rollouts/record/stack-record.ts';
import { StackStore } from '../../../agent/rollouts/record/stack-store.ts';
import { takeOffer } from '../../../agent/rollouts/record/take-offer.ts';
import { ServerViews } from '../../../agent/rollouts/server-view.ts';
import { HttpClient } from '../../../agent/server/http-client.ts';
import { RolloutApi } from '../../../agent/server/rollout-api.ts';
import { systemRuntime } from '../../../src/runtime/system-runtime.ts';
import { waitUntil } from '../../runtime/wait-until.ts';
import { FailingFileSystem } from '../disk/failing-file-system.ts';
import { FAKE_TOKEN, FakeServer } from './fake-server.ts';
import { HandClock, MemoryLog, NOON, NOON_TEXT, soaking, V2 } from './sample.ts';

const OFFER = { id: 'r2', stack: 'shop', release: V2, soakSeconds: 0, epoch: 7 };
const COMPLETED: EventDraft = {
  type: 'activation_completed',
  observed_release: V2,
  exit_code: 0,
  completed_at: NOON_TEXT,
};
const CONVERGED: EventDraft = { type: 'converged', converged_at: NOON_TEXT, current_release: V2 };

async function bench(t: TestContext, token = FAKE_TOKEN) {
  const folder = mkdtempSync(join(tmpdir(), 'sender-'));
  const server = await FakeServer.start(t);
  const transport = await HttpClient.open({ url: server.url, token, authorityPem: null }, systemRuntime);
  const runtime = { ...systemRuntime, random: () => 0 };
  const [log, clock, wakeUp, stop] = [new MemoryLog(), new HandClock(), new WakeUp(runtime), new AbortController()];
  const api = new RolloutApi(transport, stop.signal);
  const files = new FailingFileSystem();
  const store = await StackStore.open({
    files,
    folder,
    stack: 'shop',
    clock,
    log,
    onChange: () => wakeUp.notify(),
  });
  let unauthorized = 0;
  const sender = new EventSender({
    stack: 'shop',
    store,
    api,
    views: new ServerViews(api),
    clock,
    log,
    runtime,
    wakeUp,
    onUnauthorized: () => {
      unauthorized++;
    },
  });
  const take = async () => {
    const rollout = server.offer(OFFER);
    await store.update((record) =>
      takeOffer(
        record,
        { rollout_id: 'r2', stack: 'shop', release: V2, soak_seconds: 0, epoch: 7 },
        { release: null, containers: [] },
        NOON,
      ),
    );
    return rollout;
  };
  const queue = (...drafts: EventDraft[]) =>
    store.update((record) =>
      record.rollout === null ? record : { ...record, rollout: queueEvents(record.rollout, drafts) },
    );
  let running: Promise<void> | null = null;
  const run = (): void => {
    running = sender.run(stop.signal);
  };
  t.after(async () => {
    stop.abort();
    transport.close();
    await running;
    rmSync(folder, { recursive: true, force: true });
  });
  const settled = (what: string, holds: () => boolean) => waitUntil(what, holds);
  return { server, store, sender, log, files, take, queue, run, settled, unauthorized: () => unauthorized };
}

test('events arrive in order, each once, and leave the record', async (t) => {
  const { take, queue, run, settled, store } = await bench(t);
  const rollout = await take();
  run();
  await settled('the activation to begin', () => rollout.events.length === 2);
  await queue(COMPLETED);
  await settled('it to be complete', () => rollout.state === 'soaking' && store.record.rollout?.outbox.length === 0);
  assert.deepEqual(
    rollout.events.map(({ type, seq }) => `${seq} ${type}`),
    ['1 dispatch_ack', '2 activation_started', '3 activation_completed'],
  );
});

test('a server that stumbles gets the same event again, and applies it once', async (t) => {
  const { take, run, settled, server } = await bench(t);
  const rollout = await take();
  const answers: (number | 'drop' | undefined)[] = [503, 500, 'drop', 429, undefined];
  server.intercept = (_method, path) => (path === '/v1/agent/events' ? answers.shift() : undefined);
  run();
  await settled('both events', () => rollout.events.length === 2);
  assert.deepEqual(
    rollout.events.map(({ seq }) => seq),
    [1, 2],
  );
  assert.deepEqual(server.refused, []);
});

test('an offer that was withdrawn is forgotten', async (t) => {
  const { take, run, settled, server, store } = await bench(t);
  await take();
  server.forget('r2');
  run();
  await settled('it to be forgotten', () => store.record.rollout === null);
  assert.deepEqual(store.record.taken, { rolloutId: 'r2', epoch: 7 });
});

test('converged too early is tried again later, under a new number', async (t) => {
  const { take, run, settled, server, store, queue } = await bench(t);
  const rollout = await take();
  server.holdsConvergence = () => true;
  run();
  await settled('the activation to begin', () => rollout.state === 'activating' && rollout.events.length === 2);
  await store.update((record) =>
    record.rollout === null ? record : { ...record, rollout: { ...record.rollout, phase: soaking() } },
  );
  await queue(COMPLETED, CONVERGED);
  await settled('it to be refused', () => server.refused.length === 1 && store.record.rollout?.outbox.length === 0);
  const { phase } = store.record.rollout ?? {};
  assert.equal(phase?.at === 'soaking' && phase.notBefore?.monotonicMs, NOON.monotonicMs + 5_000);
  server.holdsConvergence = () => false;
  await queue(CONVERGED);
  await settled('it to be over', () => store.record.rollout?.phase.at === 'closed');
  assert.equal(rollout.events.at(-1)?.seq, 5);
});

test('an event that is refused for good does not hold up the others', async (t) => {
  const { take, run, settled, queue, server } = await bench(t);
  const rollout = await take();
  run();
  await settled('the activation to begin', () => rollout.events.length === 2);
  await queue({ type: 'probe_result', probe: 'x', mode: 'enforce', status: 'pass', observed_at: NOON_TEXT }, COMPLETED);
  await settled('the next one to arrive', () => rollout.state === 'soaking');
  assert.deepEqual(server.refused, [{ type: 'probe_result', state: 'activating' }]);
  assert.equal(rollout.lastSeq, 4);
});

test('the server does not know the rollout any more: nothing more is sent', async (t) => {
  const { take, run, settled, server, store, queue } = await bench(t);
  const rollout = await take();
  run();
  await settled('the activation to begin', () => rollout.events.length === 2);
  server.forget('r2');
  await queue(COMPLETED);
  await settled('it to be dropped', () => store.record.rollout?.phase.at === 'closed');
  assert.equal(store.record.rollout?.isSilent, true);
});

test('the disk was lost: the rollout is taken up from what the server knows', async (t) => {
  const { server, run, settled, store } = await bench(t);
  const rollout = server.offer(OFFER);
  Object.assign(rollout, { state: 'soaking', lastSeq: 12, soakDueMs: NOON.wallMs + 9_000 });
  run();
  await settled('it to be taken up', () => store.record.rollout !== null);
  assert.deepEqual(store.record.rollout?.phase, { at: 'resuming', soakMs: 9_000 });
  assert.equal(store.record.rollout?.nextSeq, 13);
});

test('what the server knows is taken up once the disk takes it, however often it has failed', async (t) => {
  const { server, run, settled, store, files, log } = await bench(t);
  Object.assign(server.offer(OFFER), { state: 'soaking', lastSeq: 12, soakDueMs: NOON.wallMs + 9_000 });
  files.failOn = /^sync stack\.json\.new$/;
  run();
  await settled('the disk to fail', () => log.lines.length > 0);
  files.failOn = null;
  await settled('it to be taken up', () => store.record.rollout !== null);
  assert.equal(store.record.rollout?.phase.at, 'resuming');
});

test('a token that is refused is said, not retried at once', async (t) => {
  const { run, settled, unauthorized, take } = await bench(t, 'nxa_another12345');
  await take();
  run();
  await settled('the refusal', () => unauthorized() === 1);
});

test('a server that is away is said once, and once that it is back', async (t) => {
  const { take, run, settled, server, sender, log } = await bench(t);
  const rollout = await take();
  server.weather = 'down';
  run();
  await settled('its absence to be said', () => log.lines.length > 0);
  server.weather = 'up';
  sender.noteReachable(false);
  await settled('the events', () => rollout.events.length === 2);
  assert.deepEqual(
    log.lines.filter((line) => /the server/.test(line)),
    [
      'warn the server does not take the events of this stack: they are kept',
      'info the server takes the events of this stack again',
    ],
  );
});

test('a host that the server has given up meanwhile goes back, though it has nothing to report', async (t) => {
  const { take, queue, run, settled, sender, store } = await bench(t);
  const rollout = await take();
  run();
  await settled('the activation to begin', () => rollout.events.length === 2);
  await queue(COMPLETED);
  await store.update((record) =>
    record.rollout === null ? record : { ...record, rollout: { ...record.rollout, phase: soaking() } },
  );
  await settled('the soak', () => rollout.state === 'soaking' && store.record.rollout?.outbox.length === 0);
  rollout.state = 'failed';
  sender.noteReachable(true);
  await settled('it to go back', () => store.record.rollout?.phase.at === 'reverting');
});
