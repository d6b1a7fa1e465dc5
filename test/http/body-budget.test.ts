import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BodyBudget, type BodyLimits } from '../../src/http/body-budget.ts';
import { Refusal } from '../../src/http/refusal.ts';

const LIMITS: BodyLimits = { bodiesBytes: 100, reservedBytes: 20, clientBodiesBytes: 50, clientBatches: 2 };

function refusedWith(status: number): (error: unknown) => boolean {
  return (error) => error instanceof Refusal && error.answer.status === status;
}

test('telemetry leaves the reserve to others', () => {
  const budget = new BodyBudget(LIMITS);
  budget.reserve('a', 'telemetry', 40);
  budget.reserve('b', 'telemetry', 40);
  assert.throws(() => budget.reserve('c', 'telemetry', 1), refusedWith(503));
  budget.reserve('c', 'other', 20);
  assert.equal(budget.bytes, 100);
  assert.throws(() => budget.reserve('d', 'other', 1), refusedWith(503));
});

test('a client has its share and no more, of whatever kind', () => {
  const budget = new BodyBudget(LIMITS);
  const first = budget.reserve('a', 'telemetry', 30);
  assert.throws(() => budget.reserve('a', 'other', 21), refusedWith(503));
  budget.reserve('b', 'telemetry', 30);
  first.release();
  budget.reserve('a', 'other', 50);
});

test('a client sends at most two batches at the same time', () => {
  const budget = new BodyBudget(LIMITS);
  const first = budget.reserve('a', 'batch', 1);
  budget.reserve('a', 'batch', 1);
  assert.throws(() => budget.reserve('a', 'batch', 1), refusedWith(503));
  budget.reserve('a', 'telemetry', 1);
  budget.reserve('b', 'batch', 1);
  first.release();
  budget.reserve('a', 'batch', 1);
});

test('room follows the size of the body, and is given back once', () => {
  const budget = new BodyBudget(LIMITS);
  const room = budget.reserve('a', 'telemetry', 10);
  room.resize(50);
  assert.equal(budget.bytes, 50);
  assert.throws(() => room.resize(51), refusedWith(503));
  room.resize(5);
  room.release();
  room.release();
  room.resize(40);
  assert.equal(budget.bytes, 0);
});
