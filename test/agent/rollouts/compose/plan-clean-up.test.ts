import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planCleanUp } from '../../../../agent/rollouts/compose/plan-clean-up.ts';
import { container, V1 } from '../sample.ts';

const OLD = container({ release: V1, name: 'shop-web-1' });
const CREATED = { state: 'created', replaces: 'abcdef012345'.padEnd(64, '0') } as const;

for (const [name, containers, expected] of [
  ['nothing was interrupted', [OLD, container({ ...CREATED, name: 'shop-web-2' })], []],
  [
    'the old one is still there: the new one goes',
    [OLD, container({ ...CREATED, id: 'n', name: 'abcdef012345_shop-web-1' })],
    [{ do: 'remove', id: 'n', name: 'abcdef012345_shop-web-1' }],
  ],
  [
    'the old one is gone: the new one gets its name, and keeps the volumes that it has inherited',
    [container({ ...CREATED, id: 'n', name: 'abcdef012345_shop-web-1' })],
    [{ do: 'rename', id: 'n', name: 'shop-web-1' }],
  ],
  [
    'two interruptions: one of them gets the name',
    [
      container({ ...CREATED, id: 'n', name: 'abcdef012345_shop-web-1' }),
      container({ ...CREATED, id: 'm', name: 'abcdef012346_shop-web-1' }),
    ],
    [
      { do: 'rename', id: 'n', name: 'shop-web-1' },
      { do: 'remove', id: 'm', name: 'abcdef012346_shop-web-1' },
    ],
  ],
  [
    'one that has run is never touched',
    [OLD, container({ ...CREATED, state: 'running', name: 'abcdef012345_shop-web-1' })],
    [],
  ],
  ['a name that only looks like it', [OLD, container({ state: 'created', name: 'abcdef012345_shop-web-1' })], []],
] as const) {
  test(`after a Compose that was cut off: ${name}`, () => {
    assert.deepEqual(planCleanUp(containers, false), expected);
  });
}

test('after two failures, what was made and never ran goes, but nothing of somebody else’s', () => {
  const made = container({ state: 'created', id: 'n' });
  const theirs = container({ state: 'created', id: 't', release: null });
  assert.deepEqual(planCleanUp([made, theirs, OLD], true), [{ do: 'remove', id: 'n', name: 'shop-web-1' }]);
});
