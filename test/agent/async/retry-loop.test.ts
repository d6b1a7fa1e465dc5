import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff, OutageLog, runRetryLoop } from '../../../agent/async/retry-loop.ts';
import { MemoryLog } from '../rollouts/sample.ts';

test('a turn that throws is recovered from, and the loop ends with its signal without another rest', async () => {
  const stop = new AbortController();
  const trace: string[] = [];
  let turns = 0;
  await runRetryLoop({
    turn: async () => {
      turns++;
      if (turns === 2) throw new Error('broken');
      if (turns === 3) stop.abort();
      return `rest after ${turns}`;
    },
    recover: (error) => `recovered from ${error instanceof Error ? error.message : ''}`,
    rest: async (rest) => {
      trace.push(rest);
    },
    signal: stop.signal,
  });
  assert.deepEqual(trace, ['rest after 1', 'recovered from broken']);
});

test('waits double up to the most, and begin again after a success', () => {
  const backoff = new Backoff({ random: () => 0.999999 }, 1_000, 5_000);
  assert.deepEqual([backoff.next(), backoff.next(), backoff.next(), backoff.next()], [1_000, 2_000, 4_000, 5_000]);
  backoff.reset();
  assert.equal(backoff.next(), 1_000);
});

test('an outage is logged when it begins and when it ends, however often it is noted', () => {
  const log = new MemoryLog();
  const outage = new OutageLog(log, { stack: 'shop' }, { began: 'it is away', ended: 'it is back' });
  outage.noteSuccess();
  outage.noteFailure('a');
  outage.noteFailure('b');
  outage.noteSuccess();
  outage.noteSuccess();
  outage.noteFailure('c');
  assert.deepEqual(log.lines, ['warn it is away', 'info it is back', 'warn it is away']);
});
