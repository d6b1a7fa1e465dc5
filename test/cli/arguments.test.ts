import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatLabels, readLabelChanges, readLabels } from '../../src/cli/operator/labels.ts';
import { parseListenAddress } from '../../src/cli/server/listen-address.ts';
import { commandLineWords } from '../../src/cli/terminal/command-line-words.ts';
import { printable } from '../../src/cli/terminal/printable.ts';
import { NexusError } from '../../src/domain/errors.ts';

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

  it('read in the order of their keys', () => {
    assert.equal(formatLabels({ zone: 'a', role: 'web' }), 'role=web zone=a');
    assert.equal(formatLabels({}), '');
  });
});

describe('--listen', () => {
  const rows: Array<[string, string, number]> = [
    ['127.0.0.1:8470', '127.0.0.1', 8470],
    ['0.0.0.0:0', '0.0.0.0', 0],
    ['[::1]:8470', '::1', 8470],
    ['[::]:65535', '::', 65_535],
    ['localhost:80', 'localhost', 80],
  ];
  for (const [text, host, port] of rows)
    it(`takes ${text}`, () => assert.deepEqual(parseListenAddress(text), { host, port }));
  for (const text of [
    '8470',
    ':8470',
    '127.0.0.1',
    '::1:8470',
    '[::1]',
    '[web]:1',
    '127.0.0.1:65536',
    'a b:1',
    'http://a:1',
  ]) {
    it(`refuses '${text}'`, () => assert.throws(() => parseListenAddress(text), isUsage));
  }
});

describe('text from outside', () => {
  it('moves no cursor and breaks no line', () => {
    assert.equal(printable('a\u001b[2Jb\r\nc\u009bd\u202ee'), 'a\ufffd[2Jb\ufffd\ufffdc\ufffdd\ufffde');
    assert.equal(printable('größe ✓ 日本'), 'größe ✓ 日本');
  });
});

describe('a command line', () => {
  const rows: Array<[string, string[]]> = [
    ['', ['']],
    ['nexus', ['nexus']],
    ['nexus ', ['nexus', '']],
    ['nexus  host   sh', ['nexus', 'host', 'sh']],
    [`nexus "a b" 'c "d' e\\ f `, ['nexus', 'a b', 'c "d', 'e f', '']],
    ['nexus --host="we', ['nexus', '--host=we']],
    [`nexus '' x`, ['nexus', '', 'x']],
    ['nexus $(touch x)', ['nexus', '$(touch', 'x)']],
  ];
  for (const [line, words] of rows)
    it(`'${line}' has its words`, () => assert.deepEqual(commandLineWords(line), words));
});
