import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateLimit } from '../../src/http/rate-limit.ts';

test('a limit of three is reached with the fourth request of a minute', () => {
  const limit = new RateLimit(3);
  assert.deepEqual(
    [0, 10_000, 20_000, 30_000].map((nowMs) => limit.take('a', nowMs)),
    [0, 0, 0, 30],
  );
});

test('a refused request is told in whole seconds, rounded up, when there is room', () => {
  const rows: ReadonlyArray<readonly [nowMs: number, retryAfterSeconds: number]> = [
    [0, 60],
    [1, 60],
    [999, 60],
    [1000, 59],
    [59_000, 1],
    [59_999, 1],
    [60_000, 0],
  ];
  for (const [nowMs, retryAfterSeconds] of rows) {
    const limit = new RateLimit(1);
    limit.take('a', 0);
    assert.equal(limit.take('a', nowMs), retryAfterSeconds, String(nowMs));
  }
});

test('the window slides: it has room again as its oldest request leaves it', () => {
  const limit = new RateLimit(2);
  assert.equal(limit.take('a', 0), 0);
  assert.equal(limit.take('a', 50_000), 0);
  assert.equal(limit.take('a', 60_000), 0);
  assert.equal(limit.take('a', 60_001), 50);
  assert.equal(limit.take('a', 110_000), 0);
});

test('refused requests do not count', () => {
  const limit = new RateLimit(1);
  limit.take('a', 0);
  for (let nowMs = 1000; nowMs < 60_000; nowMs += 1000) assert.notEqual(limit.take('a', nowMs), 0);
  assert.equal(limit.take('a', 60_000), 0);
});

test('every key has its own window', () => {
  const limit = new RateLimit(1);
  assert.equal(limit.take('a', 0), 0);
  assert.equal(limit.take('b', 0), 0);
  assert.equal(limit.take('a', 1), 60);
  assert.equal(limit.take('b', 1), 60);
});

test('a limit of zero is no limit', () => {
  const limit = new RateLimit(0);
  for (let times = 0; times < 1000; times += 1) assert.equal(limit.take('a', 0), 0);
});

test('when too many keys are held the idle ones are forgotten, and not those in use', () => {
  const limit = new RateLimit(1);
  for (let key = 0; key < 65_535; key += 1) limit.take(`idle-${key}`, 0);
  limit.take('busy', 50_000);
  assert.equal(limit.take('new', 61_000), 0);
  assert.equal(limit.take('busy', 61_000), 49);
  assert.equal(limit.take('idle-0', 61_000), 0);
});
