/** The log of a rollout as lines: what each entry says, and which repetitions are no news. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { logLine, News } from '../../../src/cli/rollout/log.ts';
import { eventWords } from '../../../src/explain/log-entry.ts';
import type { LogEventBody } from '../../../src/wire/operator.ts';
import { logEntry, reported, SHOP_1_4, SHOP_1_5 } from '../../client/sample-rollouts.ts';
import { memoryTerminal } from '../memory-terminal.ts';

const fact = (type: string, fields: Record<string, unknown> = {}): LogEventBody =>
  reported(1, 1, 'web-1', { type, ...fields });
const entry = (kind: string, data: Record<string, unknown> = {}): LogEventBody => logEntry(1, 1, kind, 'web-1', data);
const verdict = (status: string, reason: string): LogEventBody =>
  entry('telemetry_judged', { verdict: { status, since: '2026-05-01T11:58:00.000Z', reason, figures: {} } });

describe('an entry says', () => {
  const plan = { stack: 'shop', release: SHOP_1_5, waves: [['web-1'], ['web-2', 'web-3']] };
  const rows: Array<[LogEventBody, string]> = [
    [entry('rollout_created', { plan }), 'the rollout of shop 9ad49925e0e3 begins: 3 hosts in 2 waves'],
    [entry('rollout_paused'), 'the rollout is paused'],
    [entry('rollout_resumed'), 'the rollout goes on'],
    [entry('rollout_aborted', { reason: 'wrong config' }), 'the rollout is aborted: wrong config'],
    [entry('rollout_superseded', { by: 'ro_2' }), 'the rollout is superseded by ro_2'],
    [entry('rollout_halted', { reason: "'web-1' failed" }), "the rollout halts: 'web-1' failed"],
    [entry('rollout_converged'), 'the rollout has converged'],
    [entry('wave_promoted', { wave: 1, skipped: [] }), 'wave 2 begins'],
    [entry('wave_promoted', { wave: 1, skipped: ['web-9'] }), "wave 2 begins; 'web-9' may follow later"],
    [entry('host_dispatched', { epoch: 7 }), 'is offered the release (epoch 7)'],
    [entry('dispatch_withdrawn'), 'is offered it no more: nobody had taken it'],
    [entry('host_left'), 'was archived: it has left'],
    [verdict('ok', 'CPU at 12 %'), 'telemetry ok: CPU at 12 %'],
    [verdict('not_judged', 'not judged: no telemetry arrived'), 'telemetry not judged: no telemetry arrived'],
    [verdict('watch', 'CPU at 90 %'), 'telemetry watch: CPU at 90 %'],
    [verdict('regressed', 'CPU at 90 %'), 'telemetry regressed: CPU at 90 %'],
    [fact('dispatch_ack', { current_release: null }), 'takes it: activating'],
    [fact('activation_started', { method: 'compose' }), 'starts the activation: compose'],
    [fact('activation_completed', { exit_code: 0 }), 'has started it: soaking'],
    [fact('activation_deferred', { reason: 'disk is full' }), 'puts it off: disk is full'],
    [fact('activation_failed', { stderr_tail: 'Pulling\nmanifest unknown\n' }), 'failed to start it: manifest unknown'],
    [fact('activation_failed', { stderr_tail: '' }), 'failed to start it'],
    [
      fact('probe_topology_declared', {
        probes: [
          { name: 'front', mode: 'enforce' },
          { name: 'db', mode: 'observe' },
        ],
      }),
      "watches 'front', 'db'",
    ],
    [fact('probe_topology_declared', { probes: [] }), 'has no probes'],
    [fact('probe_observed_first', { probe: 'front', mode: 'enforce' }), "probe 'front' is observed"],
    [
      fact('probe_result', { probe: 'front', mode: 'enforce', status: 'pass', failure_reason: null }),
      "probe 'front' passes",
    ],
    [
      fact('probe_result', { probe: 'db', mode: 'observe', status: 'fail', failure_reason: 'no answer' }),
      "probe 'db' (only observed) fails: no answer",
    ],
    [fact('probe_failure_first', { probe: 'front', mode: 'enforce' }), "probe 'front' begins to fail"],
    [
      fact('failed', { failing_probes: ['front', 'telemetry'], sustained_seconds: 15 }),
      "failed: 'front', 'telemetry' failing for 15 s",
    ],
    [fact('failed', { failing_probes: ['telemetry'], sustained_seconds: 0 }), "failed: 'telemetry' failing"],
    [fact('failed', { failing_probes: [] }), 'failed'],
    [fact('rollback_completed', { reverted_to_release: SHOP_1_4 }), 'is back on 4f2a9c01b7de'],
    [fact('rollback_completed', { reverted_to_release: null }), 'is back on nothing'],
    [fact('converged', { current_release: SHOP_1_5 }), 'converged'],
    [entry('comet_sighted', { size: 3 }), 'comet_sighted {"size":3}'],
    [fact('comet_sighted', { size: 3 }), 'comet_sighted {"type":"comet_sighted","size":3}'],
  ];
  for (const [event, words] of rows) it(words, () => assert.equal(eventWords(event).text, words));
});

describe('a line of the log', () => {
  it('has the time, the host and what happened', () => {
    const terminal = memoryTerminal();
    const line = (event: LogEventBody): string => stripVTControlCharacters(logLine(terminal, event, event.at));
    assert.equal(line(fact('converged')), '2026-05-01T11:58:01.000Z  web-1                 converged');
    assert.equal(
      line(logEntry(2, 2, 'rollout_converged', null)),
      '2026-05-01T11:58:02.000Z  –                     the rollout has converged',
    );
  });

  it('cannot write to the terminal through what an agent says', () => {
    const event = fact('activation_deferred', { reason: 'x\u001b]0;owned\u0007\ny' });
    assert.ok(logLine(memoryTerminal(), event, event.at).includes('x\ufffd]0;owned\ufffd\ufffdy'));
  });
});

describe('of probes', () => {
  it('only turns are news', () => {
    const news = new News();
    const result = (host: string, probe: string, status: string): boolean =>
      news.isNews(reported(1, 1, host, { type: 'probe_result', probe, status, mode: 'enforce' }));
    const told = [
      result('a', 'front', 'pass'),
      result('a', 'front', 'pass'),
      result('b', 'front', 'pass'),
      result('a', 'db', 'pass'),
      result('a', 'front', 'fail'),
      result('a', 'front', 'fail'),
      result('a', 'front', 'pass'),
      news.isNews(fact('converged')),
      news.isNews(fact('converged')),
    ];
    assert.deepEqual(told, [true, false, true, true, true, false, true, true, true]);
  });
});
