/** Entries, their folding, and what keeps a wrong one out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RolloutEntry, RunningImage, TelemetryVerdict } from '../../src/domain/rollout.ts';
import { decideCommand } from '../../src/rollout/decide-command.ts';
import { decideEvent } from '../../src/rollout/decide-event.ts';
import { evolveRollout } from '../../src/rollout/evolve.ts';
import { findSuperseded } from '../../src/rollout/find-superseded.ts';
import { checkChange, checkDispatch, checkOnlyOpen } from '../../src/rollout/invariants.ts';
import { Rollout, type TimedEntry } from '../../src/rollout/rollout.ts';
import type { LaterEntry } from '../../src/rollout/rollout-state.ts';
import { checkWhole } from './check-whole.ts';
import { FakeFleet } from './fake-fleet.ts';
import {
  EVENTS,
  IMAGES,
  lead,
  NOON_MS,
  numbered,
  OTHER,
  POLICY,
  SOAK_MS,
  sampleHost,
  samplePlan,
  sampleRollout,
  TARGET,
} from './sample-rollout.ts';

const ONE_WAVE = { waves: [['web-1', 'web-2', 'web-3']] };
const report = (host: string, seq: number, type: keyof typeof EVENTS): LaterEntry => ({
  kind: 'host_reported',
  host,
  numbered: numbered(seq, EVENTS[type]),
});
const verdict = (status: TelemetryVerdict['status']): TelemetryVerdict => ({
  status,
  sinceMs: NOON_MS,
  reason: 'memory grows',
  figures: {},
});

test('folding the log from empty gives the stored rows, byte for byte, and so do the rows themselves', () => {
  const plan = samplePlan({ failureThreshold: 1 });
  const log: TimedEntry[] = [{ entry: { kind: 'rollout_created', plan }, atMs: NOON_MS }];
  const rollout = Rollout.create(plan, NOON_MS);
  const apply = (entry: LaterEntry, atMs: number): void => {
    rollout.apply(entry, atMs);
    log.push({ entry, atMs });
  };
  apply({ kind: 'host_dispatched', host: 'web-1', epoch: 3 }, NOON_MS + 1);
  apply(report('web-1', 1, 'dispatch_ack'), NOON_MS + 2);
  apply(report('web-1', 2, 'activation_completed'), NOON_MS + 3);
  apply(report('web-1', 4, 'probe_result'), NOON_MS + 4);
  apply({ kind: 'telemetry_judged', host: 'web-1', verdict: verdict('ok') }, NOON_MS + 5);
  apply(report('web-1', 5, 'converged'), NOON_MS + 3 + SOAK_MS);
  apply({ kind: 'wave_promoted', wave: 1, skipped: [] }, NOON_MS + SOAK_MS);
  apply({ kind: 'host_left', host: 'web-3' }, NOON_MS + SOAK_MS);
  apply({ kind: 'rollout_paused' }, NOON_MS + SOAK_MS);
  const bytes = JSON.stringify(rollout.toRows());
  const throughDisk = JSON.parse(JSON.stringify(log)) as TimedEntry[];
  assert.equal(JSON.stringify(Rollout.replay(throughDisk).toRows()), bytes);
  assert.equal(JSON.stringify(Rollout.restore(JSON.parse(bytes)).toRows()), bytes);
  checkWhole(Rollout.restore(JSON.parse(bytes)));
  assert.deepEqual(rollout.progress, {
    status: 'paused',
    statusSinceMs: NOON_MS + SOAK_MS,
    reason: 'paused by an operator',
    currentWave: 1,
    waves: [
      { pending: 0, inFlight: 0, converged: 1, failed: 0, left: 0 },
      { pending: 1, inFlight: 0, converged: 0, failed: 0, left: 1 },
    ],
    images: null,
    releaseFailures: 0,
  });
});

test('a log that does not begin with the creation is none', () => {
  assert.throws(() => Rollout.replay([]), /a log must have entries/);
  assert.throws(
    () => Rollout.replay([{ entry: { kind: 'rollout_paused' }, atMs: 0 }]),
    /must begin with rollout_created/,
  );
  const created: TimedEntry = { entry: { kind: 'rollout_created', plan: samplePlan() }, atMs: 0 };
  assert.throws(() => Rollout.replay([created, created]), /must be created once/);
});

test('a dispatch asks for an offer, and its withdrawal leaves no trace of it', () => {
  const rollout = sampleRollout();
  const before = JSON.stringify(rollout.toRows());
  const change = rollout.apply({ kind: 'host_dispatched', host: 'web-1', epoch: 7 }, NOON_MS);
  assert.deepEqual(change.effects, [{ kind: 'offer', host: 'web-1' }]);
  assert.deepEqual([...rollout.inFlight], ['web-1']);
  rollout.apply({ kind: 'dispatch_withdrawn', host: 'web-1' }, NOON_MS);
  assert.equal(JSON.stringify(rollout.toRows()), before);
});

test('a failure beyond the threshold halts the rollout at once, and quarantines the release with the evidence', () => {
  const rollout = sampleRollout({ 'web-1': 'soaking' });
  const fail = { ...EVENTS.probe_result, status: 'fail', failureReason: 'connection refused' } as const;
  rollout.apply({ kind: 'host_reported', host: 'web-1', numbered: numbered(8, fail) }, NOON_MS);
  const decision = decideEvent(rollout, 'web-1', numbered(9, EVENTS.failed), NOON_MS);
  assert.deepEqual(decision, {
    ok: true,
    entries: [
      { kind: 'host_reported', host: 'web-1', numbered: numbered(9, EVENTS.failed) },
      {
        kind: 'rollout_halted',
        host: 'web-1',
        reason: "'web-1' failed ('http'): 1 host failed, and failure_threshold is 0",
      },
    ],
  });
  const effects = decision.ok ? decision.entries.flatMap((entry) => rollout.apply(entry, NOON_MS).effects) : [];
  assert.deepEqual(effects, [
    { kind: 'quarantine', host: 'web-1', failingProbes: ['http'], output: 'http: connection refused' },
  ]);
  assert.equal(rollout.progress.status, 'halted');
});

test('a failure within the threshold is only reported', () => {
  const rollout = sampleRollout({ 'web-1': 'soaking' }, { failureThreshold: 1 });
  const decision = decideEvent(rollout, 'web-1', numbered(9, EVENTS.failed), NOON_MS);
  assert.equal(decision.ok && decision.entries.length, 1);
});

test('a failure after the end quarantines by itself', () => {
  const rollout = sampleRollout({ 'web-1': 'activating' });
  rollout.apply({ kind: 'rollout_aborted', reason: '' }, NOON_MS);
  const decision = decideEvent(rollout, 'web-1', numbered(9, EVENTS.activation_failed), NOON_MS);
  assert(decision.ok);
  assert.deepEqual(
    decision.entries.flatMap((entry) => rollout.apply(entry, NOON_MS).effects),
    [{ kind: 'quarantine', host: 'web-1', failingProbes: [], output: 'no such image' }],
  );
  assert.equal(rollout.progress.status, 'aborted');
});

test('a tolerated failure after the end quarantines nothing', () => {
  const rollout = sampleRollout({ 'web-1': 'activating' }, { failureThreshold: 1 });
  rollout.apply({ kind: 'rollout_aborted', reason: '' }, NOON_MS);
  assert.deepEqual(rollout.apply(report('web-1', 9, 'activation_failed'), NOON_MS).effects, []);
});

test('a halt by an activation that failed names no probe', () => {
  const rollout = sampleRollout({ 'web-1': 'activating' });
  const decision = decideEvent(rollout, 'web-1', numbered(9, EVENTS.activation_failed), NOON_MS);
  const reason = "'web-1' failed: 1 host failed, and failure_threshold is 0";
  assert.deepEqual(decision.ok && decision.entries[1], { kind: 'rollout_halted', host: 'web-1', reason });
});

test('a report is refused for a stranger, and by the table', () => {
  const rollout = sampleRollout();
  assert.deepEqual(decideEvent(rollout, 'nobody', numbered(1, EVENTS.dispatch_ack), NOON_MS), {
    ok: false,
    refusal: "'nobody' is not part of rollout r1",
  });
  assert.deepEqual(decideEvent(rollout, 'web-1', numbered(1, EVENTS.converged), NOON_MS), {
    ok: false,
    refusal: 'a host that is pending cannot report converged (event 1)',
  });
});

for (const entry of [
  { kind: 'rollout_paused' },
  { kind: 'rollout_aborted', reason: '' },
  { kind: 'rollout_superseded', by: 'r2' },
] as const) {
  test(`no offer is acknowledged after ${entry.kind}, withdrawn yet or not`, () => {
    const rollout = sampleRollout({ 'web-1': 'pending' });
    const acknowledge = () => decideEvent(rollout, 'web-1', numbered(1, EVENTS.dispatch_ack), NOON_MS);
    assert.equal(acknowledge().ok, true);
    rollout.apply(entry, NOON_MS);
    const { status } = rollout.progress;
    const refusal = `the rollout is ${status}, so its offer to 'web-1' is withdrawn`;
    assert.deepEqual(acknowledge(), { ok: false, refusal });
  });
}

test('the first regression is told, once', () => {
  const rollout = sampleRollout({ 'web-1': 'soaking' });
  const judge = (status: TelemetryVerdict['status']) =>
    rollout.apply({ kind: 'telemetry_judged', host: 'web-1', verdict: verdict(status) }, NOON_MS).effects;
  assert.deepEqual(judge('watch'), []);
  assert.deepEqual(judge('regressed'), [{ kind: 'regression', host: 'web-1' }]);
  assert.deepEqual(judge('regressed'), []);
});

for (const { entry, broken } of [
  { entry: { kind: 'host_dispatched', host: 'web-2', epoch: 1 }, broken: /I1 .*'web-2' of wave 1 is dispatched/ },
  { entry: { kind: 'host_dispatched', host: 'nobody', epoch: 1 }, broken: /'nobody' must belong to rollout r1/ },
  { entry: { kind: 'wave_promoted', wave: 1, skipped: ['web-1'] }, broken: /I1 .*no host converged/ },
  { entry: { kind: 'wave_promoted', wave: 2, skipped: [] }, broken: /I1 .*wave 2 is not the next/ },
  { entry: { kind: 'dispatch_withdrawn', host: 'web-1' }, broken: /an offer to 'web-1' must be out/ },
  { entry: { kind: 'rollout_resumed' }, broken: /a rollout that is active must not take rollout_resumed/ },
  { entry: report('web-1', 1, 'dispatch_ack'), broken: /I7 .*'web-1' acts without an offer/ },
  {
    entry: report('web-1', 1, 'converged'),
    broken: /'web-1' \(pending, last event 0\) must not take event 1, converged/,
  },
  {
    entry: { kind: 'telemetry_judged', host: 'web-1', verdict: verdict('ok') },
    broken: /must be soaking to be judged/,
  },
  { entry: { kind: 'rollout_halted', host: 'web-1', reason: '' }, broken: /'web-1' must have failed/ },
] as ReadonlyArray<{ entry: LaterEntry; broken: RegExp }>) {
  test(`a new rollout takes no ${entry.kind} of ${'host' in entry ? entry.host : 'its own'}: ${broken.source}`, () => {
    const rollout = sampleRollout();
    const before = JSON.stringify(rollout.toRows());
    assert.throws(() => rollout.apply(entry, NOON_MS), broken);
    assert.equal(JSON.stringify(rollout.toRows()), before);
  });
}

test('I1: no wave begins with hosts in flight', () => {
  const rollout = sampleRollout(
    { 'web-1': 'converged', 'web-2': 'activating' },
    { waves: [['web-1', 'web-2'], ['web-3']] },
  );
  assert.throws(() => rollout.apply({ kind: 'wave_promoted', wave: 1, skipped: [] }, NOON_MS), /I1 .*in flight/);
});

test('I1: hosts that are skipped are named', () => {
  const rollout = sampleRollout({ 'web-1': 'converged' }, { waves: [['web-1', 'web-2'], ['web-3']] });
  assert.throws(
    () => rollout.apply({ kind: 'wave_promoted', wave: 1, skipped: [] }, NOON_MS),
    /I1 .*1 pending host, 0 named/,
  );
});

test('I2: one more in flight than may be', () => {
  const rollout = sampleRollout({ 'web-1': 'activating' }, { ...ONE_WAVE, maxInFlight: 1 });
  assert.throws(() => rollout.apply({ kind: 'host_dispatched', host: 'web-2', epoch: 1 }, NOON_MS), /I2 .*2 are in/);
});

test('I3: after a failure beyond the threshold nothing comes before the end', () => {
  const rollout = sampleRollout({ 'web-1': 'failed' }, ONE_WAVE);
  assert.throws(() => rollout.apply({ kind: 'host_dispatched', host: 'web-2', epoch: 1 }, NOON_MS), /I3 /);
  assert.throws(() => checkWhole(rollout), /I3: /);
  rollout.apply({ kind: 'rollout_halted', host: 'web-1', reason: '' }, NOON_MS);
  checkWhole(rollout);
});

test('I4: an ended rollout dispatches nothing, promotes nothing, and is not paused, aborted or superseded', () => {
  const rollout = sampleRollout({ 'web-1': 'converged' });
  rollout.apply({ kind: 'rollout_aborted', reason: '' }, NOON_MS);
  for (const entry of [
    { kind: 'wave_promoted', wave: 1, skipped: [] },
    { kind: 'host_dispatched', host: 'web-2', epoch: 1 },
    { kind: 'rollout_paused' },
    { kind: 'rollout_aborted', reason: '' },
    { kind: 'rollout_superseded', by: 'r2' },
    { kind: 'rollout_converged' },
  ] as const) {
    assert.throws(() => rollout.apply(entry, NOON_MS), /a rollout that is aborted must not take/);
  }
});

test('I4: a change that takes a host out of a terminal state is not taken', () => {
  for (const [from, to, broken] of [
    ['converged', 'soaking', true],
    ['reverted', 'pending', true],
    ['failed', 'soaking', true],
    ['failed', 'reverted', false],
    ['soaking', 'soaking', false],
  ] as const) {
    const rollout = sampleRollout({ 'web-1': from }, { failureThreshold: 1 });
    const host = rollout.host('web-1');
    assert(host !== undefined);
    const entry = report('web-1', 90, 'rollback_completed');
    const change = { progress: rollout.progress, hosts: [{ ...host, state: to }], effects: [] };
    const check = (): void => checkChange(rollout, entry, change, NOON_MS);
    if (broken) assert.throws(check, /I4 .*went from/);
    else check();
  }
});

test('I4: a host that has left does not come back', () => {
  const rollout = sampleRollout();
  rollout.apply({ kind: 'host_left', host: 'web-1' }, NOON_MS);
  const host = rollout.host('web-1');
  assert(host !== undefined);
  const change = { progress: rollout.progress, hosts: [{ ...host, left: false }], effects: [] };
  assert.throws(() => checkChange(rollout, { kind: 'host_left', host: 'web-1' }, change, NOON_MS), /I4 .*came back/);
});

test('I5: two open rollouts of a stack share no host', () => {
  const older = sampleRollout();
  const newer = Rollout.create(samplePlan({ id: 'r2', waves: [['web-9', 'web-3']] }), NOON_MS);
  assert.throws(() => checkOnlyOpen(newer, [older]), /I5 .*r2 and r1 share 'web-3'/);
  older.apply({ kind: 'rollout_superseded', by: 'r2' }, NOON_MS);
  checkOnlyOpen(newer, [older, newer]);
});

test('I5, I6: a dispatch is checked again for other rollouts at work, and for a quarantine', () => {
  const host = sampleHost('pending', { epoch: null });
  const fleet = new FakeFleet();
  checkDispatch(samplePlan(), host, 1, fleet);
  fleet.occupants.set('web-1', 'r0');
  assert.throws(() => checkDispatch(samplePlan(), host, 1, fleet), /I5 /);
  fleet.quarantined = {
    stack: 'shop',
    release: '',
    rolloutId: '',
    host: '',
    failingProbes: [],
    output: '',
    sinceMs: 0,
  };
  assert.throws(() => checkDispatch(samplePlan(), host, 1, fleet), /I6 /);
  assert.throws(() => checkDispatch(samplePlan(), host, 0, new FakeFleet()), /epoch 0/);
});

for (const { given, state, entry, atMs } of [
  {
    given: 'a soak on something else',
    state: 'soaking',
    entry: { ...EVENTS.activation_completed, observedRelease: OTHER },
    atMs: NOON_MS,
  },
  {
    given: 'convergence on something else',
    state: 'converged',
    entry: { ...EVENTS.converged, currentRelease: OTHER },
    atMs: NOON_MS + SOAK_MS,
  },
  { given: 'early convergence', state: 'converged', entry: EVENTS.converged, atMs: NOON_MS + SOAK_MS - 1 },
] as const) {
  test(`I7: ${given} is seen in the event itself`, () => {
    const rollout = sampleRollout({ 'web-1': state === 'soaking' ? 'activating' : 'soaking' });
    const host = rollout.host('web-1');
    assert(host !== undefined);
    const reported: LaterEntry = { kind: 'host_reported', host: 'web-1', numbered: numbered(90, entry) };
    const change = { progress: rollout.progress, hosts: [{ ...host, state }], effects: [] };
    assert.throws(() => checkChange(rollout, reported, change, atMs), /I7 /);
  });
}

test('I7: no host acts without an offer', () => {
  const rollout = sampleRollout();
  const host = sampleHost('activating', { epoch: null });
  const change = { progress: rollout.progress, hosts: [host], effects: [] };
  assert.throws(
    () => checkChange(rollout, report('web-1', 1, 'dispatch_ack'), change, NOON_MS),
    /I7 .*without an offer/,
  );
});

test('I8: counts that are not those of the hosts are seen', () => {
  const rollout = sampleRollout();
  const { progress } = evolveRollout(rollout, { kind: 'host_dispatched', host: 'web-1', epoch: 1 }, NOON_MS);
  const { waves } = progress;
  const wrong = { ...progress, waves: waves.map((counts) => ({ ...counts, converged: counts.converged + 1 })) };
  const change = { progress: wrong, hosts: [], effects: [] };
  assert.throws(() => checkChange(rollout, { kind: 'rollout_paused' }, change, NOON_MS), /I8 /);
  const stored = rollout.toRows();
  const forged = Rollout.restore({ ...stored, progress });
  assert.throws(() => checkWhole(forged), /I8: /);
});

test('a host is in a rollout once', () => {
  assert.throws(
    () => Rollout.create(samplePlan({ waves: [['a'], ['a']] }), NOON_MS),
    /must have each of its hosts once/,
  );
});

for (const { command, legal } of [
  { command: 'pause', legal: ['active'] },
  { command: 'resume', legal: ['paused'] },
  { command: 'abort', legal: ['active', 'paused'] },
] as const) {
  for (const status of ['active', 'paused', 'converged', 'halted', 'aborted', 'superseded'] as const) {
    const taken = (legal as readonly string[]).includes(status);
    test(`${command} of a rollout that is ${status}: ${taken ? 'taken' : 'refused'}`, () => {
      const decision = decideCommand(status, command, 'wrong day');
      assert.equal(decision.ok, taken);
      if (!decision.ok) assert.match(decision.refusal, new RegExp(`^the rollout is ${status}: it cannot be `));
    });
  }
}

test('an abort keeps its reason', () => {
  const decision = decideCommand('active', 'abort', 'wrong day');
  assert.deepEqual(decision, { ok: true, entries: [{ kind: 'rollout_aborted', reason: 'wrong day' }] });
});

test('a newer rollout replaces the open ones of its stack that share a host with it', () => {
  const open = (id: string, part: Partial<Parameters<typeof samplePlan>[0]>): Rollout =>
    Rollout.create(samplePlan({ id, ...part }), NOON_MS);
  const shares = open('shares', { waves: [['x', 'web-2']] });
  const elsewhere = open('elsewhere', { waves: [['x']] });
  const otherStack = open('other stack', { stack: 'mail', waves: [['web-2']] });
  const paused = open('paused', { waves: [['web-3']] });
  paused.apply({ kind: 'rollout_paused' }, NOON_MS);
  const over = open('over', { waves: [['web-2']] });
  over.apply({ kind: 'rollout_aborted', reason: '' }, NOON_MS);
  const left = open('left', { waves: [['web-2']] });
  left.apply({ kind: 'host_left', host: 'web-2' }, NOON_MS);
  const superseded = findSuperseded(samplePlan({ id: 'r9' }), [shares, elsewhere, otherStack, paused, over, left]);
  assert.deepEqual(
    superseded.map(({ plan }) => plan.id),
    ['shares', 'paused'],
  );
});

test('hosts that were told go on in a rollout that has ended', () => {
  const rollout = sampleRollout({ 'web-1': 'activating' });
  rollout.apply({ kind: 'rollout_superseded', by: 'r2' }, NOON_MS);
  rollout.apply(report('web-1', 2, 'activation_completed'), NOON_MS);
  rollout.apply(report('web-1', 3, 'converged'), NOON_MS + SOAK_MS);
  assert.equal(rollout.host('web-1')?.state, 'converged');
  assert.equal(rollout.progress.status, 'superseded');
});

test('a failed host that leaves still counts as failed', () => {
  const rollout = sampleRollout({ 'web-1': 'failed' }, { failureThreshold: 1 });
  rollout.apply({ kind: 'host_left', host: 'web-1' }, NOON_MS);
  assert.deepEqual(rollout.progress.waves[0], { pending: 0, inFlight: 0, converged: 0, failed: 1, left: 0 });
});

test('an entry about one host of ten thousand changes that one alone', () => {
  const names = Array.from({ length: 10_000 }, (_, index) => `h${index}`);
  const rollout = sampleRollout({}, { waves: [names], policy: POLICY });
  lead(rollout, 'h5000', 'activating');
  const entry: RolloutEntry = report('h5000', 7, 'activation_completed');
  const untouched = rollout.host('h1');
  const change = rollout.apply(entry, NOON_MS);
  assert.deepEqual(
    change.hosts.map((host) => host.name),
    ['h5000'],
  );
  assert.equal(rollout.host('h1'), untouched);
});

test('what the first host to run an image ran is what later hosts are to run', () => {
  const rollout = Rollout.create(samplePlan({ waves: [['web-1', 'web-2', 'web-3']] }), NOON_MS);
  const activate = (host: string, images: readonly RunningImage[]): void => {
    rollout.apply({ kind: 'host_dispatched', host, epoch: 1 }, NOON_MS);
    rollout.apply(report(host, 1, 'dispatch_ack'), NOON_MS);
    assert.deepEqual(rollout.host(host)?.images, []);
    const completed = { ...EVENTS.activation_completed, images };
    rollout.apply({ kind: 'host_reported', host, numbered: numbered(2, completed) }, NOON_MS);
  };
  const image = (reference: string, repoDigest: string | null): RunningImage => {
    return { service: 'web', reference, imageId: TARGET, repoDigest };
  };
  assert.equal(rollout.progress.images, null);
  activate('web-1', IMAGES);
  assert.deepEqual(rollout.progress.images, { 'nginx:1': OTHER, 'built-here': null }, 'the soak is not waited for');
  activate('web-2', [image('nginx:1', TARGET), image('built-here', TARGET), image('__proto__', OTHER)]);
  assert.deepEqual(Object.entries(rollout.progress.images ?? {}), [
    ['nginx:1', OTHER],
    ['built-here', null],
    ['__proto__', OTHER],
  ]);
  const long = Array.from({ length: 200 }, (_, index) => image(`${index}`.padStart(500, 'x'), OTHER));
  activate('web-3', long);
  assert.equal(Object.keys(rollout.progress.images ?? {}).length, 31, 'as many as the progress has room for');
  rollout.apply(report('web-1', 3, 'failed'), NOON_MS);
  assert.equal(rollout.progress.images?.['nginx:1'], OTHER);
});

test('a dropped host leaves with its reason, and nothing more is expected of it', () => {
  const rollout = sampleRollout({ 'web-1': 'failed' }, { failureThreshold: 1 });
  const reason = 'rollout r2 has taken it over';
  rollout.apply({ kind: 'host_dropped', host: 'web-1', reason }, NOON_MS);
  const { left, dropped, state } = rollout.host('web-1') ?? {};
  assert.deepEqual([left, dropped, state], [true, reason, 'failed']);
  assert.equal(rollout.progress.waves[0]?.failed, 1);
  assert.throws(
    () => rollout.apply({ kind: 'host_dropped', host: 'web-1', reason }, NOON_MS),
    /something must be expected of 'web-1' to drop it/,
  );
});

test('a lost host has failed by its silence, and that speaks against no release', () => {
  const rollout = sampleRollout({ 'web-1': 'activating' });
  const lost = rollout.apply({ kind: 'host_lost', host: 'web-1', sinceMs: NOON_MS - 1000 }, NOON_MS);
  assert.deepEqual(lost.effects, [{ kind: 'regression', host: 'web-1' }], 'its agent is told, and no quarantine');
  const { state, failure } = rollout.host('web-1') ?? {};
  assert.equal(state, 'failed');
  assert.deepEqual(failure, {
    failingProbes: [],
    output: 'offline since 2031-01-08T11:59:59.000Z, which is longer than 300 s (activation_timeout_seconds)',
    atMs: NOON_MS,
    trouble: 'lost',
    evidence: [],
  });
  const halted = rollout.apply({ kind: 'rollout_halted', host: 'web-1', reason: 'it is lost' }, NOON_MS);
  assert.deepEqual(halted.effects, [], 'no quarantine');
  rollout.apply({ kind: 'host_reported', host: 'web-1', numbered: numbered(2, EVENTS.rollback_completed) }, NOON_MS);
  assert.deepEqual([rollout.host('web-1')?.state, rollout.host('web-1')?.lost], ['reverted', null]);
});

test('a host that reports is not lost any more', () => {
  const rollout = sampleRollout({ 'web-1': 'activating' });
  rollout.apply({ kind: 'rollout_stalled', host: 'web-1', sinceMs: NOON_MS }, NOON_MS);
  rollout.apply({ kind: 'host_reported', host: 'web-1', numbered: numbered(2, EVENTS.activation_completed) }, NOON_MS);
  assert.equal(rollout.host('web-1')?.lost, null);
});

for (const state of ['pending', 'failed', 'converged'] as const) {
  test(`a host that is ${state} cannot be lost`, () => {
    const rollout = sampleRollout({ 'web-1': state }, { failureThreshold: 1 });
    for (const kind of ['rollout_stalled', 'host_lost'] as const)
      assert.throws(() => rollout.apply({ kind, host: 'web-1', sinceMs: NOON_MS }, NOON_MS), /must be on its way/);
  });
}

test('a soak that begins again lasts for its whole time, and is judged anew', () => {
  const rollout = sampleRollout({ 'web-1': 'soaking' }, { waveSoakSeconds: [10] });
  const watch = { status: 'watch', sinceMs: NOON_MS, reason: 'memory', figures: {} } as const;
  rollout.apply({ kind: 'telemetry_judged', host: 'web-1', verdict: watch }, NOON_MS);
  rollout.apply({ kind: 'soak_restarted', host: 'web-1', byMs: -7_200_000 }, NOON_MS - 7_200_000);
  const { soakDueAtMs, telemetry } = rollout.host('web-1') ?? {};
  assert.deepEqual([soakDueAtMs, telemetry], [NOON_MS - 7_200_000 + 10_000, null]);
});

test('a soak that has regressed does not begin again', () => {
  const rollout = sampleRollout({ 'web-1': 'soaking' });
  const verdict = { status: 'regressed', sinceMs: NOON_MS, reason: 'memory', figures: {} } as const;
  rollout.apply({ kind: 'telemetry_judged', host: 'web-1', verdict }, NOON_MS);
  rollout.apply({ kind: 'soak_restarted', host: 'web-1', byMs: null }, NOON_MS);
  assert.deepEqual(rollout.host('web-1')?.telemetry, verdict);
});

test('only a soaking host begins its soak again', () => {
  const rollout = sampleRollout({ 'web-1': 'activating' });
  const restart = () => rollout.apply({ kind: 'soak_restarted', host: 'web-1', byMs: 1 }, NOON_MS);
  assert.throws(restart, /must be soaking/);
});
