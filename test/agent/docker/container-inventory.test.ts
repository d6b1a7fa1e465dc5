import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ContainerInventory } from '../../../agent/docker/container-inventory.ts';
import type { ContainerView } from '../../../agent/docker/container-view.ts';
import { sampleView } from '../sample-view.ts';

const listed = (id: string, state = 'running') => ({ id, name: id, state, createdAt: 0 });

function know(inventory: ContainerInventory, view: ContainerView): void {
  inventory.markStale(view.id);
  inventory.takeStale(Number.POSITIVE_INFINITY);
  assert.equal(inventory.learn(view.id, view), true);
}

function inventoryOf(...ids: string[]): ContainerInventory {
  const inventory = new ContainerInventory(3);
  for (const id of ids) know(inventory, sampleView({ id, name: id }));
  return inventory;
}

test('an event makes one container stale, and only that one is inspected', () => {
  const inventory = inventoryOf('a', 'b');
  inventory.apply({ kind: 'changed', containerId: 'b' });
  inventory.apply({ kind: 'changed', containerId: 'b' });
  assert.deepEqual(inventory.takeStale(10), ['b']);
  assert.deepEqual(inventory.takeStale(10), []);
});

test('a removed container is forgotten, also when it was about to be inspected', () => {
  const inventory = inventoryOf('a', 'b');
  inventory.apply({ kind: 'changed', containerId: 'b' });
  inventory.apply({ kind: 'removed', containerId: 'b' });
  assert.deepEqual(inventory.takeStale(10), []);
  assert.deepEqual(
    inventory.views().map(({ id }) => id),
    ['a'],
  );
});

test('after a gap in the events everything listed is inspected again', () => {
  const inventory = inventoryOf('a', 'b');
  inventory.reconcile([listed('a'), listed('c')], true);
  assert.deepEqual(inventory.takeStale(10), ['a', 'c']);
  assert.deepEqual(
    inventory.views().map(({ id }) => id),
    ['a'],
  );
});

test('a routine comparison inspects what is new, differs, or can change unseen by the list', () => {
  const inventory = inventoryOf('same', 'stopped');
  know(inventory, sampleView({ id: 'checked', name: 'checked', hasHealthcheck: true }));
  inventory.reconcile([listed('same'), listed('stopped', 'exited'), listed('checked')], false);
  assert.deepEqual(inventory.takeStale(10), ['stopped', 'checked']);
});

test('more containers than may be reported: the rest is left out and counted', () => {
  const inventory = new ContainerInventory(3);
  inventory.reconcile(
    ['a', 'b', 'c', 'd', 'e'].map((id) => listed(id, id === 'e' ? 'running' : 'exited')),
    true,
  );
  assert.equal(inventory.leftOut, 2);
  assert.equal(inventory.takeStale(10)[0], 'e');
});

test('containers that start beyond the limit take the place of those that do not run', () => {
  const inventory = inventoryOf('a');
  know(inventory, sampleView({ id: 'ended', pid: 0 }));
  know(inventory, sampleView({ id: 'b' }));
  know(inventory, sampleView({ id: 'c' }));
  assert.deepEqual(
    inventory.views().map(({ id }) => id),
    ['a', 'b', 'c'],
  );
});

test('a container removed while it is inspected does not come back with the answer', () => {
  const inventory = inventoryOf('a', 'b');
  inventory.markStale('a');
  assert.deepEqual(inventory.takeStale(10), ['a']);
  inventory.apply({ kind: 'removed', containerId: 'a' });
  assert.equal(inventory.learn('a', sampleView({ id: 'a' })), false);
  assert.deepEqual(
    inventory.views().map(({ id }) => id),
    ['b'],
  );
});

test('a container that is gone when it is inspected is forgotten', () => {
  const inventory = inventoryOf('a', 'b');
  inventory.markStale('a');
  inventory.takeStale(10);
  inventory.learn('a', null);
  assert.deepEqual(
    inventory.views().map(({ id }) => id),
    ['b'],
  );
});

test('changed again while it is inspected: the answer counts, and it is inspected once more', () => {
  const inventory = inventoryOf('a');
  inventory.markStale('a');
  inventory.takeStale(10);
  inventory.markStale('a');
  inventory.learn('a', sampleView({ id: 'a', name: 'new' }));
  assert.equal(inventory.views()[0]?.identity.name, 'new');
  assert.deepEqual(inventory.takeStale(10), ['a']);
});
