import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeOffer } from '../../../../agent/rollouts/decide/judge-offer.ts';
import {
  advanceRecord,
  confirmEvent,
  discardEvent,
  finishRollout,
  forgetOffer,
  leaveQueue,
  noteQueue,
  noteRegression,
  postponeConvergence,
} from '../../../../agent/rollouts/record/advance-record.ts';
import type { StackRecord } from '../../../../agent/rollouts/record/stack-record.ts';
import { takeOffer } from '../../../../agent/rollouts/record/take-offer.ts';
import {
  activating,
  at,
  NOON,
  NOON_TEXT,
  plan,
  record,
  reverting,
  rollout,
  soaking,
  V1,
  V2,
  V3,
  WELL_BEFORE,
} from '../sample.ts';

const OFFER = { rollout_id: 'r2', stack: 'shop', release: V2, soak_seconds: 30, epoch: 7 };
const ACK = { type: 'dispatch_ack', seq: 1 };

test('an offer is noted with its acknowledgement, and what ran', () => {
  const next = takeOffer(record(null, { kept: [V1] }), OFFER, { release: V1, containers: [WELL_BEFORE] }, NOON);
  assert.deepEqual(next, {
    version: 1,
    stack: 'shop',
    bootId: 'boot-1',
    taken: { rolloutId: 'r2', epoch: 7 },
    kept: [V1, V2],
    guarded: null,
    rollout: {
      id: 'r2',
      release: V2,
      epoch: 7,
      fallback: V1,
      before: [WELL_BEFORE],
      images: null,
      soakMs: 30_000,
      plan: null,
      regressed: null,
      isSilent: false,
      nextSeq: 2,
      outbox: [{ type: 'dispatch_ack', current_release: V1, received_at: NOON_TEXT, agent_epoch: 7, seq: 1 }],
      phase: { at: 'offered' },
    },
  });
});

test('an offer that follows a refused one is acknowledged with the next number', () => {
  const found = { release: null, containers: [] };
  const { rollout: taken } = takeOffer(record(null), { ...OFFER, last_event_seq: 1 }, found, NOON);
  assert.deepEqual([taken?.outbox.map(({ seq }) => seq), taken?.nextSeq], [[2], 3]);
});

for (const [name, phase] of [
  ['a soak', soaking()],
  ['a way back that has failed', { ...reverting(), reported: { output: 'no such image', at: NOON } }],
] as const) {
  test(`an offer that takes over from ${name} goes back to what ran before it, if need be`, () => {
    const current = record(rollout(phase, { id: 'r1', epoch: 6, fallback: V1, before: [WELL_BEFORE] }));
    const next = takeOffer(current, { ...OFFER, release: V3 }, { release: V2, containers: [] }, NOON).rollout;
    assert.deepEqual([next?.fallback, next?.before, next?.phase], [V1, [WELL_BEFORE], { at: 'offered' }]);
  });
}

for (const [name, current, offer, expected] of [
  ['the first one', record(null), OFFER, { kind: 'take' }],
  [
    'a newer one, after the last was over',
    record(null, { taken: { rolloutId: 'r1', epoch: 6 } }),
    OFFER,
    { kind: 'take' },
  ],
  [
    'a newer one, while the last was not acknowledged',
    record(rollout({ at: 'offered' }, { id: 'r1', epoch: 6 })),
    OFFER,
    { kind: 'take' },
  ],
  [
    'a newer one, while the last is under way',
    record(rollout(activating(), { id: 'r1', epoch: 6 })),
    OFFER,
    { kind: 'busy' },
  ],
  [
    'a newer one, while the last only soaks',
    record(rollout(soaking(), { id: 'r1', epoch: 6 })),
    OFFER,
    { kind: 'take' },
  ],
  [
    'a newer one, while the way back of the last does not succeed, and the server knows',
    record(rollout(reverting({ reported: { output: 'no such image', at: NOON } }), { id: 'r1', epoch: 6 })),
    OFFER,
    { kind: 'take' },
  ],
  [
    'a newer one, while that is still to be told',
    record(
      rollout(reverting({ reported: { output: 'no such image', at: NOON } }), {
        id: 'r1',
        epoch: 6,
        outbox: [{ type: 'rollback_failed', seq: 4 }],
      }),
    ),
    OFFER,
    { kind: 'busy' },
  ],
  ['the one that is worked on', record(rollout(soaking())), OFFER, { kind: 'known' }],
  ['the one that is over', record(null, { taken: { rolloutId: 'r2', epoch: 7 } }), OFFER, { kind: 'over' }],
  [
    'one that soaks for the server, and that this agent knows nothing of',
    record(null),
    { ...OFFER, regressed: { reason: 'memory grows' } },
    { kind: 'over' },
  ],
  [
    'an older one',
    record(null, { taken: { rolloutId: 'r3', epoch: 8 } }),
    OFFER,
    {
      kind: 'refuse',
      code: 'epoch',
      epoch: 8,
      reason: 'its epoch 7 is lower than 8, that of rollout r3, which this host has already taken up',
    },
  ],
  [
    'another one with the same epoch',
    record(null, { taken: { rolloutId: 'r1', epoch: 7 } }),
    OFFER,
    { kind: 'refuse', code: 'epoch', epoch: 7, reason: 'its epoch 7 already belongs to rollout r1' },
  ],
] as const) {
  test(`an offer: ${name}`, () => {
    assert.deepEqual(judgeOffer(current, offer), expected);
  });
}

test('the confirmed acknowledgement begins the activation, in one step with its event', () => {
  const offered = rollout({ at: 'offered' }, { nextSeq: 2, outbox: [ACK] });
  const next = confirmEvent(record(offered), 1, NOON).rollout;
  assert.deepEqual(next?.phase, activating());
  assert.deepEqual(next?.outbox, [{ type: 'activation_started', started_at: NOON_TEXT, method: 'compose', seq: 2 }]);
  assert.equal(next?.nextSeq, 3);
});

test('an answer for another event than the first changes nothing', () => {
  const waiting = record(rollout(soaking(), { outbox: [{ type: 'probe_result', seq: 4 }] }));
  assert.equal(confirmEvent(waiting, 3, NOON), waiting);
  assert.equal(discardEvent(waiting, 5), waiting);
});

test('converged is the end of it once it is confirmed', () => {
  const waiting = record(rollout(soaking(), { outbox: [{ type: 'converged', seq: 4 }] }));
  assert.deepEqual(confirmEvent(waiting, 4, NOON).rollout?.phase, { at: 'closed', outcome: 'converged' });
});

test('converged came too early: the soak goes on, and its number is not used again', () => {
  const waiting = record(rollout(soaking(), { nextSeq: 5, outbox: [{ type: 'converged', seq: 4 }] }));
  const next = postponeConvergence(waiting, 4, NOON).rollout;
  assert.deepEqual(next?.phase, soaking({ notBefore: at(5) }));
  assert.deepEqual(next?.outbox, []);
  assert.equal(next?.nextSeq, 5);
});

test('an offer that was withdrawn is forgotten, its epoch is not', () => {
  const offered = record(rollout({ at: 'offered' }, { outbox: [ACK] }));
  const next = forgetOffer(offered);
  assert.equal(next.rollout, null);
  assert.deepEqual(next.taken, { rolloutId: 'r2', epoch: 7 });
  const active = record(rollout(soaking()));
  assert.equal(forgetOffer(active), active);
});

test('a step that was decided for another phase is not taken', () => {
  const before = rollout(soaking());
  const meanwhile = record(rollout(reverting()));
  const step = { do: 'advance', phase: soaking(), events: [] } as const;
  assert.equal(advanceRecord(meanwhile, before, step), meanwhile);
});

test('events of a step are numbered behind those that wait', () => {
  const current = rollout(soaking(), { nextSeq: 5, outbox: [{ type: 'probe_result', seq: 4 }] });
  const events = [{ type: 'converged', converged_at: NOON_TEXT, current_release: V2 } as const];
  const next = advanceRecord(record(current), current, { do: 'advance', phase: current.phase, events });
  assert.deepEqual(
    next.rollout?.outbox.map(({ type, seq }) => [type, seq]),
    [
      ['probe_result', 4],
      ['converged', 5],
    ],
  );
});

test('a rollout that the server does not know any more says nothing', () => {
  const silent = rollout(reverting(), { isSilent: true });
  const step = {
    do: 'advance',
    phase: { at: 'closed', outcome: 'reverted' },
    events: [{ type: 'rollback_completed', reverted_to_release: V1, exit_code: 0, completed_at: NOON_TEXT }],
  } as const;
  assert.deepEqual(advanceRecord(record(silent), silent, step).rollout?.outbox, []);
});

test('a regression is noted once, and only for the rollout that it is about', () => {
  const current = record(rollout(soaking()));
  assert.equal(noteRegression(current, 'r9', 'memory grows'), current);
  const noted = noteRegression(current, 'r2', 'memory grows');
  assert.equal(noted.rollout?.regressed, 'memory grows');
  assert.equal(noteRegression(noted, 'r2', 'it still grows'), noted);
});

test('what stays on disk: what runs, and what could be gone back to', () => {
  const closed = (outcome: 'converged' | 'reverted') =>
    record(rollout({ at: 'closed', outcome }), { kept: [V3, V1, V2] });
  assert.deepEqual(finishRollout(closed('converged')).kept, [V1, V2]);
  assert.deepEqual(finishRollout(closed('reverted')).kept, [V1, V3]);
  assert.equal(finishRollout(closed('converged')).rollout, null);
});

test('what is brought back by itself: what has converged so, and what a failed release went back to', () => {
  const guarded = (release: string) => ({ release, plan: plan({ healsDrift: true }) });
  const after = (
    outcome: 'converged' | 'reverted' | 'halted' | 'dropped',
    healsDrift: boolean,
    before: StackRecord['guarded'],
  ) =>
    finishRollout(record(rollout({ at: 'closed', outcome }, { plan: plan({ healsDrift }) }), { guarded: before }))
      .guarded;
  assert.deepEqual(after('converged', true, null), guarded(V2));
  assert.equal(after('converged', false, guarded(V1)), null);
  assert.deepEqual(after('reverted', true, guarded(V1)), guarded(V1));
  assert.equal(after('reverted', true, guarded(V3)), null);
  assert.equal(after('reverted', true, null), null);
  assert.equal(after('halted', true, guarded(V1)), null);
  assert.equal(after('dropped', true, guarded(V1)), null);
});

test('a rollout is not over while something waits to be delivered', () => {
  const waiting = record(
    rollout({ at: 'closed', outcome: 'reverted' }, { outbox: [{ type: 'rollback_completed', seq: 4 }] }),
  );
  assert.equal(finishRollout(waiting), waiting);
});

test('waiting for other stacks is told once, takes nothing from its time, and is over when its turn comes', () => {
  const waiting = noteQueue(record(rollout(activating())), 'r2', ['blog', 'mail'], at(12));
  const deferred = {
    type: 'activation_deferred',
    reason: 'queue: waiting for the stacks blog, mail of this host, which are being changed first',
    deferred_at: '2026-01-31T12:00:12.000Z',
  };
  assert.deepEqual(waiting.rollout?.outbox, [{ ...deferred, seq: 5 }]);
  assert.equal(noteQueue(waiting, 'r2', ['blog'], at(20)), waiting);
  const { rollout: next } = leaveQueue(waiting, 'r2', 30_000, at(30));
  assert.deepEqual(next?.phase, activating({ since: at(30), isDeferred: true }));
  assert.deepEqual(next?.outbox.at(-1), {
    type: 'activation_started',
    started_at: '2026-01-31T12:00:30.000Z',
    method: 'compose',
    seq: 6,
  });
});

test('a short wait for other stacks is not told, and does not count either', () => {
  const { rollout: next } = leaveQueue(record(rollout(activating({ workSince: at(5) }))), 'r2', 4_000, at(9));
  assert.deepEqual(next?.phase, activating({ since: at(4), workSince: at(9) }));
  assert.deepEqual(next?.outbox, []);
});
