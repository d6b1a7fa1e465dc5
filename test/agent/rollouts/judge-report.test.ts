import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeReport } from '../../../agent/rollouts/judge-report.ts';
import { parseDispatch, parseState } from '../../../agent/server/rollout-api.ts';
import { NOON, V2 } from './sample.ts';

function answer(status: number, body: unknown = '', retryAfter: string | null = null) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { kind: 'answer', status, retryAfter, body: Buffer.from(text) } as const;
}

const SOAKING = { detail: 'the soak has 3 s to go', current_state: 'soaking', last_event_seq: 8 };

for (const [name, type, reply, expected] of [
  ['applied', 'failed', answer(204), { kind: 'applied' }],
  ['too early', 'converged', answer(409, SOAKING), { kind: 'too_early', reason: 'the soak has 3 s to go' }],
  [
    'illegal in that state',
    'failed',
    answer(409, SOAKING),
    { kind: 'refused', status: 409, reason: 'the soak has 3 s to go' },
  ],
  [
    'converged, and the host has failed for the server',
    'converged',
    answer(409, { ...SOAKING, current_state: 'failed' }),
    { kind: 'refused', status: 409, reason: 'the soak has 3 s to go' },
  ],
  ['unknown rollout', 'failed', answer(404), { kind: 'refused', status: 404, reason: 'the server answers 404' }],
  ['against a rule', 'failed', answer(422, 'no'), { kind: 'refused', status: 422, reason: 'no' }],
  ['another name', 'failed', answer(403), { kind: 'misnamed' }],
  ['no token', 'failed', answer(401), { kind: 'unauthorized' }],
  ['overloaded', 'failed', answer(503, 'full', '7'), { kind: 'again', answered: true, waitMs: 7_000, reason: 'full' }],
  [
    'a proxy in between',
    'failed',
    answer(502, '<html>'),
    { kind: 'again', answered: true, waitMs: null, reason: '<html>' },
  ],
  [
    'nobody there',
    'failed',
    { kind: 'silence', reason: 'connect ECONNREFUSED' },
    { kind: 'again', answered: false, waitMs: null, reason: 'connect ECONNREFUSED' },
  ],
] as const) {
  test(`an event is answered: ${name}`, () => {
    assert.deepEqual(judgeReport(reply, type, NOON.wallMs), expected);
  });
}

const DISPATCH = { rollout_id: 'r2', stack: 'shop', release: V2, soak_seconds: 30, epoch: 7 };

test('a dispatch', () => {
  assert.deepEqual(parseDispatch(Buffer.from(JSON.stringify({ ...DISPATCH, later: 1 }))), DISPATCH);
});

for (const [name, changes] of [
  ['a stack that would be a path', { stack: '../../etc' }],
  ['a release that is no digest', { release: 'latest' }],
  ['an epoch that is no number', { epoch: '7' }],
] as const) {
  test(`no dispatch: ${name}`, () => {
    assert.equal(parseDispatch(Buffer.from(JSON.stringify({ ...DISPATCH, ...changes }))), null);
  });
}

test('neither a dispatch nor a state: a page of a proxy', () => {
  assert.equal(parseDispatch(Buffer.from('<html>')), null);
  assert.equal(parseState(Buffer.from('<html>')), null);
});
