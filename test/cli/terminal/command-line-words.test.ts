import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commandLineWords } from '../../../src/cli/terminal/command-line-words.ts';

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
