/** Whose failures halt a rollout, and whose quarantine its release. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentEvent, HostState, RolloutPlan, TelemetryVerdict } from '../../src/domain/rollout.ts';
import { decideEvent } from '../../src/rollout/decide-event.ts';
import { decideNext } from '../../src/rollout/decide-next.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { FakeFleet } from './fake-fleet.ts';
import { EVENTS, lead, NOON_MS, numbered, sampleRollout } from './sample-rollout.ts';

const REGISTRY: AgentEvent = { ...EVENTS.activation_failed, trouble: 'registry' };
const [PAIR, TRIO] = [{ waves: [['web-1', 'web-2']] }, { waves: [['web-1', 'web-2', 'web-3']] }];

/** The hosts for which the failure of `name` quarantines the release. */
function fail(rollout: Rollout, name: string, event: AgentEvent = EVENTS.failed): string[] {
  const decision = decideEvent(rollout, name, numbered(40, event), NOON_MS);
  assert.ok(decision.ok, decision.ok ? '' : decision.refusal);
  const effects = decision.entries.flatMap((entry) => rollout.apply(entry, NOON_MS).effects);
  return effects.flatMap((effect) => (effect.kind === 'quarantine' ? [effect.host] : []));
}

function judge(rollout: Rollout, host: string, status: TelemetryVerdict['status'], figures = {}): void {
  const verdict = { status, sinceMs: NOON_MS, reason: 'memory grows', figures };
  rollout.apply({ kind: 'telemetry_judged', host, verdict }, NOON_MS);
}

for (const row of [
  { given: 'the only host of its wave', plan: { waves: [['web-1'], ['web-2']] }, quarantines: true },
  { given: 'one of two hosts', plan: PAIR, quarantines: false },
  {
    given: 'one of two hosts, the other being archived',
    plan: PAIR,
    before: (rollout: Rollout) => rollout.apply({ kind: 'host_left', host: 'web-2' }, NOON_MS),
    quarantines: true,
  },
  {
    given: 'one of two hosts whose telemetry regresses too',
    plan: PAIR,
    before: (rollout: Rollout) => judge(rollout, 'web-1', 'regressed'),
    quarantines: true,
  },
  {
    given: 'one of two hosts whose telemetry is beyond a limit',
    plan: PAIR,
    before: (rollout: Rollout) => judge(rollout, 'web-1', 'watch'),
    quarantines: true,
  },
  {
    given: 'one of two hosts whose memory has not settled',
    plan: PAIR,
    before: (rollout: Rollout) => judge(rollout, 'web-1', 'watch', { limits_exceeded: 0 }),
    quarantines: false,
  },
  {
    given: 'one of two hosts whose telemetry is well',
    plan: PAIR,
    before: (rollout: Rollout) => judge(rollout, 'web-1', 'ok'),
    quarantines: false,
  },
  {
    given: 'the second of three hosts that the release fails',
    plan: { ...TRIO, failureThreshold: 1 },
    before: (rollout: Rollout) => {
      lead(rollout, 'web-2', 'soaking');
      fail(rollout, 'web-2');
    },
    quarantines: true,
  },
  {
    given: 'the second of three hosts, the first of which had trouble of its own',
    plan: { ...TRIO, failureThreshold: 1 },
    before: (rollout: Rollout) => {
      lead(rollout, 'web-2', 'deferred');
      fail(rollout, 'web-2', REGISTRY);
    },
    quarantines: false,
  },
  {
    given: 'the only host of its wave with trouble of its own',
    plan: { waves: [['web-1'], ['web-2']] },
    state: 'activating',
    event: REGISTRY,
    quarantines: false,
  },
] as ReadonlyArray<{
  given: string;
  plan: Partial<RolloutPlan>;
  before?: (rollout: Rollout) => void;
  state?: HostState;
  event?: AgentEvent;
  quarantines: boolean;
}>) {
  test(`${row.given} halts the rollout and ${row.quarantines ? 'quarantines' : 'spares'} the release`, () => {
    const rollout = sampleRollout({ 'web-1': row.state ?? 'soaking' }, row.plan);
    row.before?.(rollout);
    assert.deepEqual(fail(rollout, 'web-1', row.event), row.quarantines ? ['web-1'] : []);
    assert.equal(rollout.progress.status, 'halted');
  });
}

test('the second host that fails after the halt is the witness that was missing', () => {
  const rollout = sampleRollout({ 'web-1': 'soaking', 'web-2': 'soaking' }, PAIR);
  assert.deepEqual(fail(rollout, 'web-1'), []);
  assert.equal(
    rollout.progress.reason,
    "'web-1' failed ('http'): 1 host failed, and failure_threshold is 0; no other host and no telemetry speaks against the release so far",
  );
  assert.deepEqual(fail(rollout, 'web-2'), ['web-2']);
});

test('a second host with trouble of its own is no witness', () => {
  const rollout = sampleRollout({ 'web-1': 'soaking', 'web-2': 'activating' }, PAIR);
  assert.deepEqual(fail(rollout, 'web-1'), []);
  assert.deepEqual(fail(rollout, 'web-2', REGISTRY), []);
});

test('the trouble that halts a rollout is named', () => {
  const rollout = sampleRollout({ 'web-1': 'deferred' });
  fail(rollout, 'web-1', REGISTRY);
  assert.equal(
    rollout.progress.reason,
    "'web-1' failed (trouble with its registry, for which the release is not to blame): 1 host failed, and failure_threshold is 0",
  );
});

test('a wave of tolerated failures halts with a host that the release failed, if there is one', () => {
  const rollout = sampleRollout({ 'web-1': 'deferred', 'web-2': 'soaking' }, { ...PAIR, failureThreshold: 2 });
  fail(rollout, 'web-1', REGISTRY);
  fail(rollout, 'web-2');
  const { entries } = decideNext(rollout, new FakeFleet(), [], NOON_MS);
  assert.deepEqual(entries, [
    { kind: 'rollout_halted', host: 'web-2', reason: 'no host of wave 1 of 1 converged, and 2 failed' },
  ]);
  assert.deepEqual(
    entries.flatMap((entry) => rollout.apply(entry, NOON_MS).effects),
    [],
  );
});
