/** The rollout at the top of the README is shown as the program prints it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { entryLine } from '../../../src/cli/event/entry-line.ts';
import { renderRollout } from '../../../src/cli/rollout/view.ts';
import { DEFAULT_POLICY } from '../../../src/domain/release.ts';
import type { LogEventBody } from '../../../src/wire/operator.ts';
import { rolloutHost, sampleRollout } from '../../client/sample-rollouts.ts';
import { memoryTerminal } from '../memory-terminal.ts';

const README = readFileSync(path.resolve(import.meta.dirname, '../../../README.md'), 'utf8');

const SHOP_1 = `sha256:7d7189039521${'0'.repeat(52)}`;
const SHOP_2 = `sha256:28af88ad2579${'0'.repeat(52)}`;
const NAMES = new Map([
  [SHOP_1, 'shop 1 (7d7189039521)'],
  [SHOP_2, 'shop 2 (28af88ad2579)'],
]);
const HALT = "'web-1' failed ('health:web'): 1 host failed, and failure_threshold is 0";

function entry(time: string, kind: string, host: string | null, data: Record<string, unknown>): LogEventBody {
  return { id: 1, at: `2026-11-26T${time}Z`, kind, host, rollout_id: 'ro_0mwxsc4z541ae05d4', data };
}

function reported(time: string, type: string, fields: Record<string, unknown> = {}): LogEventBody {
  return entry(time, 'host_reported', 'web-1', { numbered: { fact: { type, ...fields } } });
}

/** As the README shows a line: without its date, and with the column of hosts as narrow as they are. */
function cut(line: string): string {
  return line.replace(/^\S+T/, '').replace(/^(\S+ {2})(\S+) +/, (_, time: string, host: string) => {
    return `${time}${host.padEnd('web-1'.length)}  `;
  });
}

test('the log of the README is the log of that rollout', () => {
  const probe = { probe: 'health:web', mode: 'enforce' };
  const reason = 'container shop-web-1 is unhealthy: wget: … HTTP/1.1 404 Not Found';
  const log = [
    entry('16:47:04.241', 'rollout_created', null, {
      plan: { stack: 'shop', release: SHOP_2, waves: [['web-1'], ['web-2', 'web-3']] },
    }),
    entry('16:47:04.241', 'host_dispatched', 'web-1', { epoch: 2 }),
    reported('16:47:04.270', 'dispatch_ack', { current_release: SHOP_1 }),
    reported('16:47:04.275', 'activation_started', { method: 'compose' }),
    reported('16:47:07.343', 'activation_completed', { observed_release: SHOP_2 }),
    reported('16:47:07.355', 'probe_topology_declared', { probes: [{ name: 'health:web', mode: 'enforce' }] }),
    reported('16:47:07.363', 'probe_observed_first', probe),
    reported('16:47:07.367', 'probe_result', { ...probe, status: 'pass' }),
    reported('16:47:09.383', 'probe_failure_first', probe),
    reported('16:47:09.395', 'probe_result', { ...probe, status: 'fail', failure_reason: reason }),
    reported('16:47:14.391', 'failed', { failing_probes: ['health:web'], sustained_seconds: 5 }),
    entry('16:47:14.391', 'rollout_halted', 'web-1', { reason: HALT }),
    reported('16:47:17.356', 'rollback_completed', { reverted_to_release: SHOP_1 }),
  ];
  const terminal = memoryTerminal();
  const lines = log.map((one) => cut(stripVTControlCharacters(entryLine(terminal, one, one.at, NAMES))));
  assert.ok(README.includes(`\n${lines.join('\n')}\n\`\`\``), lines.join('\n'));
});

test('the live view of the README is that of the rollout in its end', () => {
  const canary = rolloutHost('web-1', {
    state: 'reverted',
    state_since: '2026-11-26T16:47:17.356Z',
    previous_release: SHOP_1,
    failure: {
      failing_probes: ['health:web'],
      output: '',
      at: '2026-11-26T16:47:14.391Z',
      trouble: null,
      evidence: [],
    },
  });
  const others = ['web-2', 'web-3'].map((name) =>
    rolloutHost(name, { wave: 1, state_since: '2026-11-26T16:47:04.241Z' }),
  );
  const rollout = sampleRollout([canary, ...others], {
    id: 'ro_0mwxsc4z541ae05d4',
    release: SHOP_2,
    version: '2',
    state: 'halted',
    state_since: '2026-11-26T16:47:14.391Z',
    reason: HALT,
  });
  const snapshot = {
    rollout,
    policy: DEFAULT_POLICY,
    releaseNames: NAMES,
    nowMs: Date.parse('2026-11-26T16:47:17.4Z'),
  };
  const size = { columns: 120, rows: 40 };
  const lines = renderRollout(memoryTerminal({ columns: 120 }), snapshot, size).map(stripVTControlCharacters);
  assert.ok(README.includes(`\n${lines.join('\n')}\n\`\`\``), lines.join('\n'));
});
