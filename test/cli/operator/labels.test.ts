import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readLabelChanges, readLabels } from '../../../src/cli/operator/labels.ts';
import { NexusError } from '../../../src/domain/errors.ts';

const isUsage = (error: unknown): boolean => error instanceof NexusError && error.code === 'usage';

describe('labels', () => {
  it('of --label are KEY=VALUE, the last of a key counting', () => {
    assert.deepEqual(readLabels(['role=web', 'url=a=b', 'empty=', 'role=db']), { role: 'db', url: 'a=b', empty: '' });
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
