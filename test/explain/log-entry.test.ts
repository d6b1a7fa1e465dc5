/** What each entry of the log says, as every reader of it is told. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EVENT_KINDS } from '../../src/domain/event-log.ts';
import { AGENT_EVENT_TYPES } from '../../src/domain/rollout.ts';
import { describeEntry } from '../../src/explain/log-entry.ts';
import type { Tone } from '../../src/explain/tone.ts';
import type { LogEventBody } from '../../src/wire/operator.ts';
import { logEntry, reported, SHOP_1_4, SHOP_1_5 } from '../client/sample-rollouts.ts';

const NAMES = new Map([
  [SHOP_1_4, 'shop 1.4 (4f2a9c01b7de)'],
  [SHOP_1_5, 'shop 1.5 (9ad49925e0e3)'],
]);
const CART_2 = `sha256:28af88ad2579${'0'.repeat(52)}`;
const TOKEN = { token_id: 'tok_2', name: 'laptop', kind: 'agent' };

const event = (type: string, fields: Record<string, unknown> = {}): LogEventBody =>
  reported(1, 1, 'web-1', { type, ...fields });
const entry = (kind: string, data: Record<string, unknown> = {}): LogEventBody => logEntry(1, 1, kind, 'web-1', data);
const verdict = (status: string, reason: string, figures: Record<string, number> = {}): LogEventBody =>
  entry('telemetry_judged', { verdict: { status, since: '2026-05-01T11:58:00.000Z', reason, figures } });

describe('an entry says', () => {
  const plan = { stack: 'shop', release: SHOP_1_5, waves: [['web-1'], ['web-2', 'web-3']] };
  const rows: Array<[LogEventBody, string]> = [
    [entry('rollout_created', { plan }), 'rollout of shop 1.5 (9ad49925e0e3) started: 3 hosts in 2 waves'],
    [entry('rollout_paused'), 'rollout paused'],
    [entry('rollout_resumed'), 'rollout resumed'],
    [entry('rollout_aborted', { reason: 'wrong config' }), 'rollout aborted: wrong config'],
    [entry('rollout_superseded', { by: 'ro_2' }), 'rollout superseded by ro_2'],
    [entry('rollout_halted', { reason: "'web-1' failed" }), "rollout halted: 'web-1' failed"],
    [entry('rollout_converged'), 'rollout converged'],
    [entry('wave_promoted', { wave: 1, skipped: [] }), 'wave 2 started'],
    [entry('wave_promoted', { wave: 1, skipped: ['web-9'] }), "wave 2 started without 'web-9', which may follow later"],
    [entry('host_dispatched', { epoch: 7 }), 'was offered the release (epoch 7)'],
    [entry('dispatch_withdrawn'), 'had not accepted the release, and the offer was withdrawn'],
    [entry('host_left'), 'was archived and left the rollout'],
    [verdict('ok', 'CPU at 12%'), 'telemetry ok: CPU at 12%'],
    [verdict('not_judged', 'not judged: no telemetry arrived'), 'telemetry not judged: no telemetry arrived'],
    [verdict('watch', 'CPU at 90%'), 'telemetry beyond a limit: CPU at 90%'],
    [verdict('watch', 'memory grows', { limits_exceeded: 0 }), 'telemetry not settled: memory grows'],
    [verdict('regressed', 'CPU at 90%'), 'telemetry regressed: CPU at 90%'],
    [event('dispatch_ack', { current_release: null }), 'accepted the release and is activating it'],
    [event('activation_started', { method: 'compose' }), 'started the activation with compose'],
    [event('activation_completed', { exit_code: 0 }), 'activated the release and is soaking'],
    [event('activation_deferred', { reason: 'disk is full' }), 'deferred the activation: disk is full'],
    [
      event('activation_failed', { stderr_tail: 'Pulling\nmanifest unknown\n' }),
      'failed to activate the release: manifest unknown',
    ],
    [event('activation_failed', { stderr_tail: '' }), 'failed to activate the release'],
    [
      event('probe_topology_declared', {
        probes: [
          { name: 'front', mode: 'enforce' },
          { name: 'db', mode: 'observe' },
        ],
      }),
      "has probes 'front', 'db'",
    ],
    [event('probe_topology_declared', { probes: [] }), 'has no probes'],
    [event('probe_observed_first', { probe: 'front', mode: 'enforce' }), "probe 'front' reported its first result"],
    [
      event('probe_result', { probe: 'front', mode: 'enforce', status: 'pass', failure_reason: null }),
      "probe 'front' passes",
    ],
    [
      event('probe_result', { probe: 'db', mode: 'observe', status: 'fail', failure_reason: 'no answer' }),
      "probe 'db' (observed only) fails: no answer",
    ],
    [event('probe_failure_first', { probe: 'front', mode: 'enforce' }), "probe 'front' began to fail"],
    [
      event('failed', { failing_probes: ['front', 'telemetry'], sustained_seconds: 15 }),
      "failed: probes 'front', 'telemetry' failing for 15 s",
    ],
    [event('failed', { failing_probes: ['telemetry'], sustained_seconds: 0 }), "failed: probe 'telemetry' failing"],
    [event('failed', { failing_probes: [] }), 'failed'],
    [event('rollback_completed', { reverted_to_release: SHOP_1_4 }), 'rolled back to shop 1.4 (4f2a9c01b7de)'],
    [event('rollback_completed', { reverted_to_release: null }), 'rolled back and runs nothing now (first deploy)'],
    [event('converged', { current_release: SHOP_1_5 }), 'converged'],
    [entry('host_added', { labels: { role: 'web' } }), 'was added with role=web'],
    [entry('host_added', { labels: {} }), 'was added'],
    [entry('host_labelled', { labels: { role: 'web', zone: 'a' } }), 'is now labelled role=web zone=a'],
    [entry('host_labelled', { labels: {} }), 'has no labels now'],
    [
      entry('host_offline', { silent_ms: 128_000, offline_after_seconds: 120 }),
      'went offline after 2 min 8 s of silence',
    ],
    [entry('host_recovered'), 'is back online'],
    [entry('host_archived', { revoked_tokens: ['tok_1'] }), 'was archived, and 1 token revoked'],
    [entry('container_unhealthy', { name: 'shop-web-1' }), "container 'shop-web-1' became unhealthy"],
    [entry('container_recovered', { name: 'shop-web-1' }), "container 'shop-web-1' is healthy again"],
    [entry('token_created', TOKEN), "agent token 'laptop' (tok_2) was created"],
    [entry('token_rotated', { ...TOKEN, replaces: 'tok_1' }), "agent token 'laptop' (tok_2) replaced tok_1"],
    [entry('token_revoked', TOKEN), "agent token 'laptop' (tok_2) was revoked"],
    [entry('release_added', { stack: 'cart', version: '2', release: CART_2 }), 'cart 2 (28af88ad2579) was added'],
    [entry('release_removed', { stack: 'cart', version: '2', release: CART_2 }), 'cart 2 (28af88ad2579) was removed'],
    [
      entry('release_quarantined', { stack: 'shop', release: SHOP_1_5, failing_probes: ['front'], rollout_id: 'ro_1' }),
      "shop 1.5 (9ad49925e0e3) was quarantined: probe 'front' failed in rollout ro_1",
    ],
    [
      entry('release_quarantined', { stack: 'cart', release: CART_2, failing_probes: [], rollout_id: 'ro_1' }),
      'cart (28af88ad2579) was quarantined: it could not be activated in rollout ro_1',
    ],
    [
      entry('quarantine_lifted', { stack: 'shop', release: SHOP_1_5, reason: 'it was the proxy' }),
      'shop 1.5 (9ad49925e0e3) is no longer quarantined: it was the proxy',
    ],
    [
      entry('rollout_stalled', { since: '2026-05-01T11:50:00.000Z' }),
      'is lost, silent since 2026-05-01T11:50:00.000Z: the rollout has stalled, and goes on when it is back',
    ],
    [
      entry('host_lost', { since: '2026-05-01T11:50:00.000Z' }),
      'is lost, silent since 2026-05-01T11:50:00.000Z, and counts as failed',
    ],
    [
      entry('soak_restarted', { by_ms: -7_200_000 }),
      "soaks from the beginning again: the server's clock was set 2 h back",
    ],
    [entry('soak_restarted', { by_ms: null }), "soaks from the beginning again: the server's clock was set"],
    [entry('clock_stepped', { by_ms: 90_000 }), "the server's clock was set 1 min 30 s ahead"],
    [entry('host_returned', {}), 'is back, and goes on with the rollout'],
    [
      entry('budget_set', { label: 'rack', value: 'a', max_in_flight: 2 }),
      "the budget 'rack=a' lets at most 2 hosts change at once now",
    ],
    [entry('budget_removed', { label: 'rack', value: 'a' }), "the budget 'rack=a' was removed"],
    [
      entry('history_damaged', { tier: '1m', from: '2026-04-01T00:00:00.000Z', reason: 'checksum' }),
      'history (1m) from 2026-04-01T00:00:00.000Z is damaged and left out: checksum',
    ],
    [entry('host_reported', { numbered: {} }), 'reported {"numbered":{}}'],
    [entry('constructor', {}), 'constructor {}'],
    [entry('comet_sighted', { size: 3 }), 'comet_sighted {"size":3}'],
    [event('comet_sighted', { size: 3 }), 'comet_sighted {"type":"comet_sighted","size":3}'],
  ];
  for (const [logged, text] of rows) it(text, () => assert.equal(describeEntry(logged, NAMES).text, text));
});

describe('an entry without the facts of its kind', () => {
  // As a server of another version might write it.
  for (const kind of EVENT_KINDS) {
    it(`is told all the same: ${kind}`, () => {
      const { text } = describeEntry(entry(kind), NAMES);
      assert.notEqual(text, '');
      assert.doesNotMatch(text, /undefined|null|NaN/);
    });
  }
  for (const type of AGENT_EVENT_TYPES) {
    it(`is told all the same: ${type}`, () => {
      const { text } = describeEntry(event(type), NAMES);
      assert.notEqual(text, '');
      assert.doesNotMatch(text, /undefined|null|NaN|^\w+ \{/);
    });
  }
});

describe('an entry is meant as', () => {
  const rows: Array<[LogEventBody, Tone]> = [
    [entry('host_offline'), 'bad'],
    [entry('host_recovered'), 'good'],
    [entry('container_unhealthy'), 'bad'],
    [entry('rollout_created'), 'active'],
    [entry('rollout_halted'), 'bad'],
    [entry('rollout_converged'), 'good'],
    [verdict('ok', ''), 'good'],
    [verdict('not_judged', ''), 'neutral'],
    [verdict('watch', ''), 'warning'],
    [verdict('regressed', ''), 'bad'],
    [event('converged'), 'good'],
    [event('probe_result', { status: 'fail' }), 'warning'],
    [event('probe_result', { status: 'pass' }), 'neutral'],
    [event('rollback_completed'), 'bad'],
    [entry('comet_sighted'), 'neutral'],
  ];
  for (const [logged, tone] of rows) {
    const { text } = describeEntry(logged, NAMES);
    it(`${tone}: ${text}`, () => assert.equal(describeEntry(logged, NAMES).tone, tone));
  }
});
