import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planBackoffMs } from '../../../agent/async/backoff.ts';
import { type AnswerVerdict, judgeAnswer, parseRetryAfterMs } from '../../../agent/server/judge-answer.ts';
import type { ServerReply } from '../../../agent/server/transport.ts';

const NOW = Date.UTC(2026, 10, 21, 17, 0, 0);
const answer = (status: number, text = '', retryAfter: string | null = null): ServerReply => ({
  kind: 'answer',
  status,
  retryAfter,
  body: Buffer.from(text),
});

const PROBLEM = JSON.stringify({
  title: 'Unprocessable',
  errors: [
    { path: 'recorded_at', message: 'is 400 s ahead of the server' },
    { path: '', message: 'odd' },
  ],
});

const ROWS: [ServerReply, AnswerVerdict][] = [
  [
    { kind: 'silence', reason: 'connect ECONNREFUSED' },
    { kind: 'failed', reason: 'connect ECONNREFUSED' },
  ],
  [answer(204), { kind: 'delivered' }],
  [answer(200, 'ok'), { kind: 'delivered' }],
  [answer(401), { kind: 'unauthorized' }],
  [
    answer(422, PROBLEM),
    { kind: 'refused', status: 422, reasons: ['recorded_at is 400 s ahead of the server', 'odd'] },
  ],
  [answer(413, '{"detail":"too large"}'), { kind: 'refused', status: 413, reasons: ['too large'] }],
  [answer(400, 'not JSON'), { kind: 'refused', status: 400, reasons: ['not JSON'] }],
  [answer(422), { kind: 'refused', status: 422, reasons: [] }],
  [answer(429, '', '7'), { kind: 'wait', status: 429, waitMs: 7_000 }],
  [answer(503, '', '1'), { kind: 'wait', status: 503, waitMs: 1_000 }],
  [answer(503), { kind: 'wait', status: 503, waitMs: 1_234 }],
  [answer(500, '{"title":"Oops"}'), { kind: 'failed', reason: 'the server answers 500: Oops' }],
  [answer(502, '<html>'), { kind: 'failed', reason: 'the server answers 502: <html>' }],
  [answer(301), { kind: 'failed', reason: 'the server answers 301' }],
  [answer(403), { kind: 'failed', reason: 'the server answers 403' }],
  [answer(404), { kind: 'failed', reason: 'the server answers 404: is NEXUS_URL the address of a Nexus server?' }],
];
for (const [given, verdict] of ROWS) {
  const name = given.kind === 'answer' ? `an answer of ${given.status} ${given.body}` : 'no answer';
  test(name, () => assert.deepEqual(judgeAnswer(given, NOW, 1_234), verdict));
}

const RETRY_ROWS: [string | null, number | null][] = [
  ['0', 0],
  [' 30 ', 30_000],
  ['999999', 3_600_000],
  ['Sat, 21 Nov 2026 17:00:05 GMT', 5_000],
  ['Sat, 21 Nov 2026 16:00:00 GMT', 0],
  ['soon', null],
  ['', null],
  [null, null],
];
for (const [value, waitMs] of RETRY_ROWS) {
  test(`Retry-After ${JSON.stringify(value)}`, () => assert.equal(parseRetryAfterMs(value, NOW), waitMs));
}

const BACKOFF_ROWS: [number, number, number][] = [
  [1, 0.5, 500],
  [2, 0.5, 1_000],
  [3, 0.999, 3_996],
  [1, 0, 250],
  [10, 0.5, 30_000],
  [1000, 0.999, 59_940],
];
for (const [failures, random, waitMs] of BACKOFF_ROWS) {
  test(`after ${failures} failures and a die of ${random}: ${waitMs} ms`, () => {
    assert.equal(planBackoffMs(failures, 1_000, random), waitMs);
  });
}
