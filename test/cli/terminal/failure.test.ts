import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeFailure } from '../../../src/cli/terminal/failure.ts';
import { NexusError } from '../../../src/domain/errors.ts';

describe('a failure reads', () => {
  const errors = [
    { path: 'policy.soak_seconds', message: 'must be at least 0' },
    { path: '', message: "has the unknown field 'stak'" },
  ];
  const rows: Array<[NexusError, string]> = [
    [new NexusError('conflict', 'the name is taken: choose another.'), 'error: the name is taken: choose another.'],
    [
      new NexusError('invalid', 'the request is not valid', { details: { errors } }),
      "error: the request is not valid:\n  policy.soak_seconds must be at least 0\n  the request has the unknown field 'stak'",
    ],
    [
      new NexusError('not_found', "there is no host 'web1'", { details: { did_you_mean: 'web-1' } }),
      "error: there is no host 'web1'\nDid you mean 'web-1'?",
    ],
    [
      new NexusError('not_found', "there is no host 'web1', but a host 'web-1'", {
        details: { did_you_mean: 'web-1' },
      }),
      "error: there is no host 'web1', but a host 'web-1'",
    ],
    [new NexusError('internal', 'x\u001b[2Jy\nz'), 'error: x\ufffd[2Jy\nz'],
    [new NexusError('invalid', 'x', { details: { errors: 'none' } }), 'error: x'],
  ];
  for (const [error, text] of rows) it(JSON.stringify(text), () => assert.equal(describeFailure(error), text));

  it('with its stack where nexus itself is at fault', () => {
    assert.match(
      describeFailure(new TypeError('x is not a function')),
      /^error: nexus itself failed.*\nTypeError: x is/,
    );
  });
});
