import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findChangedNetworks } from '../../../../agent/rollouts/compose/changed-networks.ts';
import { parseComposeModel } from '../../../../agent/rollouts/compose/model.ts';

type Network = Readonly<Record<string, unknown>>;

function project(network: Network | undefined) {
  const networks = network === undefined ? {} : { networks: { front: network } };
  return parseComposeModel(JSON.stringify({ services: { web: { image: 'web:1' } }, ...networks }));
}

const PLAIN = { name: 'shop_front', ipam: {} };
const SUBNET = { name: 'shop_front', ipam: { config: [{ subnet: '172.31.1.0/24' }] } };

for (const [what, before, after, isChanged] of [
  ['the same', PLAIN, PLAIN, false],
  ['another subnet', PLAIN, SUBNET, true],
  ['no subnet any more', SUBNET, PLAIN, true],
  ['internal', PLAIN, { ...PLAIN, internal: true }, true],
  ['another name', PLAIN, { ...SUBNET, name: 'edge' }, false],
  ['external now', PLAIN, { name: 'shop_front', external: true }, false],
  ['external before', { name: 'shop_front', external: true }, PLAIN, false],
  ['new', undefined, PLAIN, false],
  ['gone', PLAIN, undefined, false],
] as const) {
  test(`a network that is ${what} is ${isChanged ? '' : 'not '}made again`, () => {
    const changed = findChangedNetworks(project(before), project(after));
    assert.deepEqual(changed, isChanged ? [{ key: 'front', name: 'shop_front' }] : []);
  });
}
