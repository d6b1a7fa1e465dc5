import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reconcile } from '../../../../agent/rollouts/record/reconcile.ts';
import type { PhaseAt, StackRecord } from '../../../../agent/rollouts/record/stack-record.ts';
import type { ServerView } from '../../../../agent/server/rollout-api.ts';
import { activating, NOON, NOON_TEXT, record, reverting, rollout, soaking, V1, V2 } from '../sample.ts';

function view(changes: Partial<ServerView> = {}): ServerView {
  return {
    rollout_id: 'r2',
    stack: 'shop',
    release: V2,
    state: 'soaking',
    last_event_seq: 4,
    soak_due_at: '2026-01-31T12:00:20.000Z',
    previous_release: V1,
    epoch: 7,
    ...changes,
  };
}

function lost(changes: Partial<ServerView>): StackRecord['rollout'] {
  return reconcile(record(null, { taken: null, kept: [] }), [view(changes)], NOON).rollout;
}

test('nothing here and nothing there', () => {
  const empty = record(null);
  assert.equal(reconcile(empty, [], NOON), empty);
});

test('both know it and agree: nothing changes', () => {
  const same = record(rollout(soaking()));
  assert.equal(reconcile(same, [view()], NOON), same);
});

test('the disk was lost in the soak: the rest of it, numbered on from what the server has', () => {
  const adopted = lost({});
  assert.deepEqual(adopted?.phase, { at: 'resuming', soakMs: 20_000 });
  assert.equal(adopted?.nextSeq, 5);
  assert.equal(adopted?.fallback, V1);
  assert.equal(adopted?.soakMs, null);
});

test('the disk was lost during the activation: it begins anew, and may have changed things already', () => {
  const adopted = lost({ state: 'activating', last_event_seq: 2, soak_due_at: null });
  assert.deepEqual(adopted?.phase, activating({ touched: true }));
  assert.deepEqual(adopted?.outbox, [{ type: 'activation_started', started_at: NOON_TEXT, method: 'compose', seq: 3 }]);
});

test('the disk was lost after the failure: the way back begins', () => {
  assert.deepEqual(lost({ state: 'failed' })?.phase, reverting());
});

test('the disk was lost, and its epoch is remembered again', () => {
  const next = reconcile(record(null, { taken: null, kept: [] }), [view()], NOON);
  assert.deepEqual(next.taken, { rolloutId: 'r2', epoch: 7 });
  assert.deepEqual(next.kept, [V2, V1]);
});

for (const [name, changes] of [
  ['offered, which the poll brings', { state: 'pending', last_event_seq: 0 }],
  ['not dispatched yet', { state: 'pending', epoch: null }],
  ['through', { state: 'converged' }],
] as const) {
  test(`nothing is taken up from a host that is ${name}`, () => {
    assert.equal(lost(changes), null);
  });
}

test('the server waits for an acknowledgement that it once had: the offer may be taken up again', () => {
  const over = record(null, { taken: { rolloutId: 'r2', epoch: 7 } });
  assert.equal(reconcile(over, [view({ state: 'pending', last_event_seq: 0 })], NOON).taken, null);
});

test('an answer was lost: the event counts as confirmed', () => {
  const waiting = rollout(soaking({ confirmed: null }), {
    nextSeq: 5,
    outbox: [
      { type: 'activation_completed', seq: 3 },
      { type: 'probe_topology_declared', seq: 4 },
    ],
  });
  const next = reconcile(record(waiting), [view({ last_event_seq: 3 })], NOON).rollout;
  assert.deepEqual(next?.outbox, [{ type: 'probe_topology_declared', seq: 4 }]);
  assert.deepEqual(next?.phase, soaking({ confirmed: NOON }));
});

test('the answer to the acknowledgement was lost: the activation begins', () => {
  const offered = rollout({ at: 'offered' }, { nextSeq: 2, outbox: [{ type: 'dispatch_ack', seq: 1 }], plan: null });
  const next = reconcile(record(offered), [view({ state: 'activating', last_event_seq: 1 })], NOON).rollout;
  assert.deepEqual(next?.phase, activating());
  assert.deepEqual(next?.outbox, [{ type: 'activation_started', started_at: NOON_TEXT, method: 'compose', seq: 2 }]);
});

test('an older disk was restored: what waits is numbered behind what the server has', () => {
  const old = rollout(soaking({ confirmed: null }), { nextSeq: 4, outbox: [{ type: 'activation_completed', seq: 3 }] });
  const next = reconcile(record(old), [view({ last_event_seq: 9 })], NOON).rollout;
  assert.deepEqual(next?.outbox, [{ type: 'activation_completed', seq: 10 }]);
  assert.equal(next?.nextSeq, 11);
});

test('the server is ahead and nothing waits that explains it: its state counts', () => {
  const behind = rollout(activating({ touched: true }));
  const next = reconcile(record(behind), [view({ state: 'failed', last_event_seq: 6 })], NOON).rollout;
  assert.deepEqual(next?.phase, reverting());
  assert.equal(next?.nextSeq, 7);
});

test('what waits explains the difference: it is delivered first', () => {
  const ahead = record(rollout(reverting(), { nextSeq: 6, outbox: [{ type: 'failed', seq: 5 }] }));
  assert.equal(reconcile(ahead, [view()], NOON), ahead);
});

test('the server had its database restored: the acknowledgement is sent again', () => {
  const next = reconcile(
    record(rollout(soaking())),
    [view({ state: 'pending', last_event_seq: 0, previous_release: null })],
    NOON,
  ).rollout;
  assert.deepEqual(next?.phase, { at: 'offered' });
  assert.deepEqual(next?.outbox, [{ type: 'dispatch_ack', current_release: V1, received_at: NOON_TEXT, seq: 5 }]);
});

function deferral(touched: boolean): PhaseAt<'deferred'> {
  const trouble = { class: 'port', reason: 'port 80 is taken' } as const;
  return { at: 'deferred', since: NOON, deferredAt: NOON, attempt: 0, trouble, touched, isDisruptive: touched };
}

for (const [name, before, after] of [
  ['in the soak: what runs is left', soaking(), { at: 'closed', outcome: 'dropped' }],
  ['before anything was changed: so it stays', activating(), { at: 'closed', outcome: 'dropped' }],
  ['half-way into the change: back first', activating({ touched: true }), reverting()],
  ['on the way back: that is finished', reverting(), reverting()],
  [
    'on a way back that does not succeed: somebody has let go of it',
    reverting({ reported: { output: 'no such image', at: NOON } }),
    { at: 'closed', outcome: 'dropped' },
  ],
  ['put off before anything was changed: so it stays', deferral(false), { at: 'closed', outcome: 'dropped' }],
  ['put off in the middle of the change: back first', deferral(true), reverting()],
] as const) {
  test(`the server does not know it any more, ${name}`, () => {
    const known = rollout(before, { outbox: [{ type: 'probe_result', seq: 4 }] });
    const next = reconcile(record(known), [], NOON).rollout;
    assert.deepEqual(next?.phase, after);
    assert.deepEqual(next?.outbox, []);
    assert.equal(next?.isSilent, true);
  });
}

test('whether an offer still stands is for the answer to its acknowledgement to say', () => {
  const offered = record(rollout({ at: 'offered' }, { outbox: [{ type: 'dispatch_ack', seq: 1 }] }));
  assert.equal(reconcile(offered, [], NOON), offered);
});
