import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chooseRelease } from '../../../src/cli/operator/release-reference.ts';
import { chooseRollout } from '../../../src/cli/operator/rollout-reference.ts';
import { type ErrorCode, NexusError } from '../../../src/domain/errors.ts';
import {
  olderRelease,
  rolloutHost,
  SHOP_1_4,
  SHOP_1_5,
  sampleRelease,
  sampleRollout,
  summaryOf,
} from '../../client/sample-rollouts.ts';

const failure =
  (code: ErrorCode, pattern: RegExp) =>
  (error: unknown): boolean =>
    error instanceof NexusError && error.code === code && pattern.test(error.message);

describe('a release is named', () => {
  const twin = sampleRelease({ digest: `sha256:9ad4aa${'1'.repeat(58)}`, stack: 'cart', version: '2@beta' });
  const releases = [sampleRelease(), olderRelease(), twin];
  const rows: Array<[string, string]> = [
    [SHOP_1_5, SHOP_1_5],
    ['4f2a9c', SHOP_1_4],
    ['sha256:4f2a9c01', SHOP_1_4],
    ['4F2A9C01B7DE', SHOP_1_4],
    ['shop@1.4', SHOP_1_4],
    ['cart@2@beta', twin.digest],
  ];
  for (const [wanted, digest] of rows) {
    it(`by '${wanted}'`, () => assert.equal(chooseRelease(releases, wanted).digest, digest));
  }
  const refused: Array<[string, ErrorCode, RegExp]> = [
    ['4f2a9', 'usage', /too short.*at least 6/],
    ['shop', 'usage', /does not name a release.*STACK@VERSION/],
    ['@1.4', 'usage', /does not name a release/],
    ['shop@', 'usage', /does not name a release/],
    ['abcdef', 'not_found', /no release 'abcdef'.*nexus release list/],
    ['shop@9', 'not_found', /no release 'shop@9'/],
  ];
  for (const [wanted, code, reason] of refused) {
    it(`not by '${wanted}'`, () => assert.throws(() => chooseRelease(releases, wanted), failure(code, reason)));
  }
  it('not by what two are called, and both are shown', () => {
    const same = sampleRelease({ digest: SHOP_1_4 });
    assert.throws(
      () => chooseRelease([sampleRelease(), same], 'shop@1.5'),
      failure('usage', /names 2 releases \(shop 1\.5 \(9ad49925e0e3\) of .*shop 1\.5 \(4f2a9c01b7de\) of .*digest/),
    );
  });
});

describe('a rollout is named', () => {
  const rollouts = ['ro_12', 'ro_1', 'ro_2'].map((id) => summaryOf(sampleRollout([rolloutHost('a')], { id })));
  const rows: Array<[string, string]> = [
    ['ro_1', 'ro_1'],
    ['ro_12', 'ro_12'],
    ['ro_2', 'ro_2'],
  ];
  for (const [wanted, id] of rows) it(`by '${wanted}'`, () => assert.equal(chooseRollout(rollouts, wanted).id, id));
  it('by its beginning, where no other begins so', () => {
    assert.equal(chooseRollout(rollouts.slice(0, 1), 'ro').id, 'ro_12');
    assert.throws(
      () => chooseRollout(rollouts, 'ro'),
      failure('usage', /ids of 3 rollouts begin with 'ro' \(ro_12 of shop 1\.5 \(9ad49925e0e3\)/),
    );
    assert.throws(() => chooseRollout(rollouts, 'x'), failure('not_found', /nexus rollout list/));
  });
});
