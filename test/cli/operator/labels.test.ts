import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readLabelChanges, readLabels } from '../../../src/cli/operator/labels.ts';
import { NexusError } from '../../../src/domain/errors.ts';

const isUsage = (error: unknown): boolean => error instanceof NexusError && error.code === 'usage';

describe('labels', () => {
  it('of --label are KEY=VALUE', () => {
    assert.deepEqual(readLabels(['role=web', 'url=a=b', 'empty=', 'role=web']), { role: 'web', url: 'a=b', empty: '' });
  });
  it('cannot have two values', () => {
    assert.throws(() => readLabels(['n=1', 'm=1', 'n=2']), /n=1 and n=2 contradict each other: a label has one value/);
  });
  it('named like parts of an object are labels like others', () => {
    assert.deepEqual(Object.entries(readLabels(['__proto__=x'])), [['__proto__', 'x']]);
  });
  for (const text of ['role', '=web', '']) {
    it(`'${text}' is not one`, () => assert.throws(() => readLabels([text]), isUsage));
  }

  it('are set with KEY=VALUE and deleted with KEY-', () => {
    assert.deepEqual(readLabelChanges(['role=web', 'zone-', 'dash=-', 'a-b-']), {
      role: 'web',
      zone: null,
      dash: '-',
      'a-b': null,
    });
  });
  for (const texts of [['role'], ['-'], ['=x'], ['role=web', 'role-']]) {
    it(`'${texts.join(' ')}' changes nothing`, () => assert.throws(() => readLabelChanges(texts), isUsage));
  }
});
