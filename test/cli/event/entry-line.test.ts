import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { entryLine } from '../../../src/cli/event/entry-line.ts';
import type { LogEventBody } from '../../../src/wire/operator.ts';
import { logEntry, reported } from '../../client/sample-rollouts.ts';
import { memoryTerminal } from '../memory-terminal.ts';

const event = (type: string, fields: Record<string, unknown> = {}): LogEventBody =>
  reported(1, 1, 'web-1', { type, ...fields });

describe('a line of the log', () => {
  it('has the time, the host and what happened', () => {
    const terminal = memoryTerminal();
    const line = (logged: LogEventBody): string =>
      stripVTControlCharacters(entryLine(terminal, logged, logged.at, new Map()));
    assert.equal(line(event('converged')), '2026-05-01T11:58:01.000Z  web-1                 converged');
    assert.equal(
      line(logEntry(2, 2, 'rollout_converged', null)),
      '2026-05-01T11:58:02.000Z  –                     rollout converged',
    );
  });

  it('cannot write to the terminal through what an agent says', () => {
    const logged = event('activation_deferred', { reason: 'x\u001b]0;owned\u0007\ny' });
    assert.ok(entryLine(memoryTerminal(), logged, logged.at, new Map()).includes('x\ufffd]0;owned\ufffd\ufffdy'));
  });
});
