/** What an event is refused for, and what one that is taken makes of its host. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentEvent, RolloutHost, TelemetryVerdict } from '../../src/domain/rollout.ts';
import { decideEvent } from '../../src/rollout/decide-event.ts';
import { evolveHost } from '../../src/rollout/evolve-host.ts';
import {
  EVENTS,
  EVIDENCE,
  IMAGES,
  NOON_MS,
  numbered,
  OTHER,
  POLICY,
  rolloutWith,
  sampleHost,
  samplePlan,
  TARGET,
} from './sample-rollout.ts';

function take(host: RolloutHost, event: AgentEvent, nowMs = NOON_MS, plan = samplePlan()): RolloutHost {
  assert.equal(refusal(host, event, nowMs, plan), null);
  return evolveHost(host, numbered(host.lastSeq + 1, event), plan, nowMs);
}

function refusal(host: RolloutHost, event: AgentEvent, nowMs = NOON_MS, plan = samplePlan()): string | null {
  const decision = decideEvent(rolloutWith(host, plan), host.name, numbered(host.lastSeq + 1, event), nowMs);
  return decision.ok ? null : decision.refusal;
}

function verdict(status: TelemetryVerdict['status']): TelemetryVerdict {
  return { status, sinceMs: NOON_MS, reason: 'memory grows', figures: {} };
}

const required = samplePlan({ policy: { ...POLICY, telemetry: { ...POLICY.telemetry, mode: 'required' } } });
const fail = { ...EVENTS.probe_result, status: 'fail', failureReason: 'connection refused' } as const;

test('a number may leave a gap', () => {
  const host = sampleHost('pending');
  const ack = numbered(40, EVENTS.dispatch_ack);
  assert.equal(decideEvent(rolloutWith(host), 'web-1', ack, NOON_MS).ok, true);
  assert.equal(evolveHost(host, ack, samplePlan(), NOON_MS).lastSeq, 40);
});

test('an acknowledgement is refused without an offer: the agent must not act on one that was withdrawn', () => {
  assert.equal(
    refusal(sampleHost('pending', { epoch: null }), EVENTS.dispatch_ack),
    "nothing is offered to 'web-1': the offer was withdrawn or never made, so it must not act",
  );
});

test('nothing is taken from an archived host', () => {
  const host = sampleHost('soaking', { left: true });
  assert.equal(refusal(host, EVENTS.converged), "'web-1' is archived and no longer takes part");
});

test('the acknowledgement says what ran before, and null is a first deploy', () => {
  assert.equal(take(sampleHost('pending'), EVENTS.dispatch_ack).previousRelease, OTHER);
  assert.equal(take(sampleHost('pending'), { ...EVENTS.dispatch_ack, currentRelease: null }).previousRelease, null);
});

test('a completed activation must show the target, and starts the soak by the clock of the server', () => {
  const host = sampleHost('activating', { soakDueAtMs: null });
  assert.equal(take(host, EVENTS.activation_completed, NOON_MS + 5).soakDueAtMs, NOON_MS + 60_005);
  assert.match(
    refusal(host, { ...EVENTS.activation_completed, observedRelease: OTHER }) ?? '',
    /not the release of this/,
  );
});

for (const { given, host, event, nowMs, plan, expected } of [
  { given: 'everything in order', expected: null },
  {
    given: 'another release',
    event: { ...EVENTS.converged, currentRelease: OTHER },
    expected: `'web-1' runs ${OTHER}, not the release of this rollout (${TARGET})`,
  },
  {
    given: 'a millisecond to go',
    nowMs: NOON_MS - 1,
    expected: "the soak of 'web-1' has 1 s left by the server's clock",
  },
  { given: 'a due time of long ago', nowMs: NOON_MS + 86_400_000, expected: null },
  {
    given: 'an enforce probe that fails',
    host: { probes: [{ name: 'http', mode: 'enforce', status: 'fail', sinceMs: NOON_MS, reason: null }] },
    expected: "probes are failing: 'http'",
  },
  {
    given: 'an observe probe that fails',
    host: { probes: [{ name: 'log', mode: 'observe', status: 'fail', sinceMs: NOON_MS, reason: null }] },
    expected: null,
  },
  {
    given: 'telemetry on watch',
    host: { telemetry: verdict('watch') },
    expected: 'telemetry speaks against it: memory grows',
  },
  {
    given: 'a regression',
    host: { telemetry: verdict('regressed') },
    expected: 'telemetry speaks against it: memory grows',
  },
  { given: 'telemetry not judged', host: { telemetry: verdict('not_judged') }, expected: null },
  {
    given: 'required telemetry that was not judged',
    host: { telemetry: { ...verdict('not_judged'), reason: 'not judged: too few samples' } },
    plan: required,
    expected: 'the release requires telemetry, and the soak is not judged: too few samples',
  },
  {
    given: 'required telemetry without a verdict',
    plan: required,
    expected: 'the release requires telemetry, and the soak is not judged yet',
  },
  { given: 'required telemetry that is well', host: { telemetry: verdict('ok') }, plan: required, expected: null },
] as ReadonlyArray<{
  given: string;
  host?: Partial<RolloutHost>;
  event?: AgentEvent;
  nowMs?: number;
  plan?: ReturnType<typeof samplePlan>;
  expected: string | null;
}>) {
  test(`convergence with ${given}: ${expected ?? 'taken'}`, () => {
    assert.equal(refusal(sampleHost('soaking', host), event ?? EVENTS.converged, nowMs, plan), expected);
  });
}

test('a probe that turns keeps since when, and passing forgets the reason', () => {
  const failing = take(sampleHost('soaking'), fail);
  const still = take(failing, { ...fail, observedAtMs: NOON_MS + 5_000, failureReason: 'timed out' });
  const well = take(still, { ...EVENTS.probe_result, observedAtMs: NOON_MS + 9_000 });
  assert.deepEqual(
    [failing, still, well].map((host) => host.probes),
    [
      [{ name: 'http', mode: 'enforce', status: 'fail', sinceMs: NOON_MS, reason: 'connection refused' }],
      [{ name: 'http', mode: 'enforce', status: 'fail', sinceMs: NOON_MS, reason: 'timed out' }],
      [{ name: 'http', mode: 'enforce', status: 'pass', sinceMs: NOON_MS + 9_000, reason: null }],
    ],
  );
});

test('a first failure fails the probe; a first observation only names it', () => {
  assert.equal(take(sampleHost('soaking'), EVENTS.probe_failure_first).probes[0]?.status, 'fail');
  assert.equal(take(sampleHost('soaking'), EVENTS.probe_observed_first).probes[0]?.status, null);
});

test('declaring probes again keeps what was observed of them, and drops the others', () => {
  const seen = take(take(sampleHost('soaking'), fail), { ...fail, probe: 'old' });
  const declared = take(seen, {
    ...EVENTS.probe_topology_declared,
    probes: [
      { name: 'tcp', mode: 'observe' },
      { name: 'http', mode: 'enforce' },
    ],
  });
  assert.deepEqual(
    declared.probes.map(({ name, status }) => [name, status]),
    [
      ['tcp', null],
      ['http', 'fail'],
    ],
  );
});

test('a host has at most 100 probes', () => {
  const probes = Array.from({ length: 101 }, (_, index) => ({ name: `p${index}`, mode: 'observe' as const }));
  const soaking = sampleHost('soaking');
  assert.equal(
    refusal(soaking, { ...EVENTS.probe_topology_declared, probes }),
    '101 probes are declared; at most 100 are allowed',
  );
  const full = take(soaking, { ...EVENTS.probe_topology_declared, probes: probes.slice(1) });
  assert.equal(refusal(full, EVENTS.probe_result), "'http' would be one probe more than the 100 allowed");
  assert.equal(refusal(full, { ...EVENTS.probe_result, probe: 'p7' }), null);
});

test('a failure keeps the last words of what failed, and the verdict of the server', () => {
  const host = take(take(sampleHost('soaking', { telemetry: verdict('regressed') }), fail), {
    ...fail,
    probe: 'tcp',
    failureReason: 'not asked for',
  });
  assert.deepEqual(take(host, EVENTS.failed).failure, {
    failingProbes: ['http'],
    output: 'http: connection refused\ntelemetry: memory grows',
    atMs: NOON_MS,
    trouble: null,
    evidence: [],
  });
});

test('a failed activation keeps the last 8 KiB of what it said, in whole characters', () => {
  const stderrTail = `${'é'.repeat(5_000)}the end`;
  const { failure } = take(sampleHost('activating'), { ...EVENTS.activation_failed, stderrTail });
  assert.deepEqual(failure?.failingProbes, []);
  assert.equal(new TextEncoder().encode(failure?.output).length, 8191);
  assert.match(failure?.output ?? '', /^é+the end$/);
});

test('a host that went back is through', () => {
  const reverted = take(sampleHost('failed'), EVENTS.rollback_completed, NOON_MS + 1);
  assert.deepEqual([reverted.state, reverted.stateSinceMs], ['reverted', NOON_MS + 1]);
});

test('an offer that the agent refuses is withdrawn with its reason, and forgotten once one is acknowledged', () => {
  const refused = take(sampleHost('pending'), EVENTS.dispatch_refused);
  assert.deepEqual([refused.state, refused.epoch, refused.dispatchedAtMs], ['pending', null, null]);
  const detail = 'its epoch 1 is lower than 7';
  assert.deepEqual(refused.refusal, { reason: 'epoch', detail, atMs: NOON_MS, count: 1 });
  const again = take({ ...refused, epoch: 8 }, EVENTS.dispatch_refused, NOON_MS + 1);
  assert.deepEqual([again.refusal?.count, again.refusal?.atMs], [2, NOON_MS + 1]);
  assert.match(refusal(refused, EVENTS.dispatch_refused) ?? '', /^nothing is offered to 'web-1'/);
  assert.equal(take({ ...refused, epoch: 8 }, EVENTS.dispatch_ack).refusal, null);
});

for (const { reason, expected } of [
  { reason: 'registry: it answers 429', expected: { class: 'registry', reason: 'it answers 429' } },
  { reason: 'foreign_project: shop\nruns', expected: { class: 'foreign_project', reason: 'shop\nruns' } },
  { reason: 'weather: it rains', expected: { class: null, reason: 'weather: it rains' } },
  { reason: 'the disk is busy', expected: { class: null, reason: 'the disk is busy' } },
  { reason: '', expected: { class: null, reason: '' } },
] as const) {
  test(`a host waits for what its agent calls ${JSON.stringify(reason)}`, () => {
    const waiting = take(sampleHost('activating'), { ...EVENTS.activation_deferred, reason });
    assert.deepEqual([waiting.state, waiting.deferral], ['deferred', { ...expected, atMs: NOON_MS }]);
    assert.equal(take(waiting, EVENTS.activation_completed).deferral, null);
    assert.equal(take(waiting, EVENTS.activation_failed).deferral, null);
  });
}

test('a failure keeps the trouble that caused it, and what the services left behind', () => {
  const event = { ...EVENTS.activation_failed, trouble: 'disk', evidence: EVIDENCE } as const;
  const { failure } = take(sampleHost('deferred'), event);
  assert.deepEqual([failure?.trouble, failure?.evidence], ['disk', EVIDENCE]);
  assert.deepEqual(take(sampleHost('soaking'), { ...EVENTS.failed, evidence: EVIDENCE }).failure?.evidence, EVIDENCE);
});

test('log lines of many services are cut to 8 KiB together', () => {
  const evidence = ['a', 'b'].map((service) => {
    return { service, exitCode: 1, oomKilled: false, logTail: `${'é'.repeat(4_000)}the end of ${service}` };
  });
  const { failure } = take(sampleHost('soaking'), { ...EVENTS.failed, evidence });
  const tails = failure?.evidence.map(({ logTail }) => logTail) ?? [];
  assert.deepEqual(
    tails.map((tail) => [new TextEncoder().encode(tail).length, tail.slice(-6)]),
    [
      [4_096, 'd of a'],
      [4_096, 'd of b'],
    ],
  );
});

test('what an activation brought up is kept with the host', () => {
  const { images } = take(sampleHost('activating'), { ...EVENTS.activation_completed, images: IMAGES });
  assert.deepEqual(images, IMAGES);
});

test('a rollback that fails is kept until what ran before is back', () => {
  const stuck = take(sampleHost('failed'), EVENTS.rollback_failed);
  assert.deepEqual(
    [stuck.state, stuck.rollbackFailure],
    ['failed', { exitCode: 1, output: 'no such image', atMs: NOON_MS }],
  );
  const again = take(stuck, { ...EVENTS.rollback_failed, outputTail: 'still none' }, NOON_MS + 1);
  assert.deepEqual(again.rollbackFailure, { exitCode: 1, output: 'still none', atMs: NOON_MS + 1 });
  const back = take(again, EVENTS.rollback_completed);
  assert.deepEqual([back.state, back.rollbackFailure], ['reverted', null]);
});

test('nothing is taken from a host that was dropped, and the reason is named', () => {
  const host = sampleHost('failed', { left: true, dropped: 'rollout r2 has taken it over' });
  assert.equal(
    refusal(host, EVENTS.rollback_completed),
    "'web-1' was dropped (rollout r2 has taken it over) and no longer takes part",
  );
});
