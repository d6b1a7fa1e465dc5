/** Which hosts stand for those that are not updated yet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rollout } from '../../../src/rollout/rollout.ts';
import { peersInOrder } from '../../../src/server/rollouts/peers-in-order.ts';
import { NOON_MS, samplePlan } from '../../rollout/sample-rollout.ts';

const NAMES = Array.from({ length: 200 }, (_, index) => `web-${String(index + 1).padStart(3, '0')}`);

function orderIn(id: string): readonly string[] {
  return peersInOrder(Rollout.create(samplePlan({ id, waves: [NAMES] }), NOON_MS));
}

test('every host is a peer once, in the same order each time', () => {
  const order = orderIn('ro_1');
  assert.deepEqual(order.toSorted(), NAMES);
  assert.deepEqual(orderIn('ro_1'), order);
});

test('no name makes a host a peer of every rollout', () => {
  const chosen = new Map<string, number>();
  for (let rollout = 0; rollout < 400; rollout += 1) {
    for (const name of orderIn(`ro_${rollout}`).slice(0, 5)) chosen.set(name, (chosen.get(name) ?? 0) + 1);
  }
  // Ten times each on average; chance alone gives nobody three times that.
  assert.equal(chosen.size, 200);
  assert.ok(Math.max(...chosen.values()) < 30, `${Math.max(...chosen.values())} times`);
});
