import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { printable } from '../../../src/cli/terminal/printable.ts';

describe('text from outside', () => {
  it('moves no cursor and breaks no line', () => {
    assert.equal(printable('a\u001b[2Jb\r\nc\u009bd\u202ee'), 'a\ufffd[2Jb\ufffd\ufffdc\ufffdd\ufffde');
    assert.equal(printable('größe ✓ 日本'), 'größe ✓ 日本');
  });
});
