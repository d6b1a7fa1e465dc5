import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostState, RolloutEntry, RolloutPlan } from '../../src/domain/rollout.ts';
import { decideHostChange } from '../../src/rollout/decide-host-change.ts';
import { decideNext } from '../../src/rollout/decide-next.ts';
import { PendingHosts } from '../../src/rollout/pending-hosts.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { FakeFleet } from './fake-fleet.ts';
import { lead, NOON_MS, POLICY, sampleRollout, TARGET } from './sample-rollout.ts';

const EVERYBODY = ['web-1', 'web-2', 'web-3'];
const ONE_WAVE = { waves: [EVERYBODY] };

interface Row {
  readonly given: string;
  readonly states?: Readonly<Record<string, HostState>>;
  readonly plan?: Partial<RolloutPlan>;
  readonly rollout?: (rollout: Rollout) => void;
  readonly fleet?: (fleet: FakeFleet) => void;
  readonly entries: readonly RolloutEntry[];
}

const dispatched = (host: string): RolloutEntry => ({ kind: 'host_dispatched', host, epoch: 1 });
const withdrawn = (host: string): RolloutEntry => ({ kind: 'dispatch_withdrawn', host });
const offline =
  (...names: string[]) =>
  (fleet: FakeFleet) => {
    for (const name of names) fleet.statuses.set(name, 'offline');
  };

const ROWS: readonly Row[] = [
  { given: 'a new rollout dispatches its canary only', entries: [dispatched('web-1')] },
  { given: 'a canary in flight: nothing', states: { 'web-1': 'activating' }, entries: [] },
  {
    given: 'a canary that converged promotes the next wave',
    states: { 'web-1': 'converged' },
    entries: [{ kind: 'wave_promoted', wave: 1, skipped: [] }],
  },
  { given: 'an offline canary holds the fleet', fleet: offline('web-1'), entries: [] },
  {
    given: 'a canary wave whose host was archived is passed',
    rollout: (rollout) => rollout.apply({ kind: 'host_left', host: 'web-1' }, NOON_MS),
    entries: [{ kind: 'wave_promoted', wave: 1, skipped: [] }],
  },
  {
    given: 'an offline host beside a converged one is skipped',
    plan: { waves: [['web-1', 'web-2'], ['web-3']] },
    states: { 'web-1': 'converged' },
    fleet: offline('web-2'),
    entries: [{ kind: 'wave_promoted', wave: 1, skipped: ['web-2'] }],
  },
  {
    given: 'a live host beside a converged one goes first',
    plan: { waves: [['web-1', 'web-2'], ['web-3']] },
    states: { 'web-1': 'converged' },
    entries: [dispatched('web-2')],
  },
  {
    given: 'a live host that its window holds also holds the next wave',
    plan: { waves: [['web-1', 'web-2'], ['web-3']] },
    states: { 'web-1': 'converged' },
    fleet: (fleet) => fleet.labels.set('web-2', { 'maintenance-window': '01:00-02:00' }),
    entries: [],
  },
  {
    given: 'an offline host in flight holds the next wave',
    plan: { waves: [['web-1', 'web-2'], ['web-3']] },
    states: { 'web-1': 'converged', 'web-2': 'activating' },
    fleet: offline('web-2'),
    entries: [],
  },
  {
    given: 'only as many as may be are dispatched',
    plan: { ...ONE_WAVE, maxInFlight: 2 },
    entries: [dispatched('web-1'), dispatched('web-2')],
  },
  {
    given: 'a host that is held takes up no place in flight',
    plan: { ...ONE_WAVE, maxInFlight: 2 },
    fleet: offline('web-1'),
    entries: [dispatched('web-2'), dispatched('web-3')],
  },
  {
    given: 'a pause withdraws what was not taken',
    plan: ONE_WAVE,
    states: { 'web-1': 'pending', 'web-2': 'activating' },
    rollout: (rollout) => rollout.apply({ kind: 'rollout_paused' }, NOON_MS),
    entries: [withdrawn('web-1')],
  },
  {
    given: 'an abort withdraws what was not taken',
    plan: ONE_WAVE,
    states: { 'web-1': 'pending', 'web-2': 'soaking' },
    rollout: (rollout) => rollout.apply({ kind: 'rollout_aborted', reason: '' }, NOON_MS),
    entries: [withdrawn('web-1')],
  },
  {
    given: 'a quarantine withdraws what was not taken',
    plan: ONE_WAVE,
    states: { 'web-1': 'pending' },
    fleet: (fleet) => {
      const failure = { host: 'web-9', failingProbes: [], output: '', sinceMs: NOON_MS };
      fleet.quarantined = { stack: 'shop', release: TARGET, rolloutId: 'r0', ...failure };
    },
    entries: [withdrawn('web-1')],
  },
  {
    given: 'every host converged: so has the rollout',
    plan: ONE_WAVE,
    states: { 'web-1': 'converged', 'web-2': 'converged', 'web-3': 'converged' },
    entries: [{ kind: 'rollout_converged' }],
  },
  {
    given: 'a paused rollout converges as well',
    plan: ONE_WAVE,
    states: { 'web-1': 'converged', 'web-2': 'converged', 'web-3': 'converged' },
    rollout: (rollout) => rollout.apply({ kind: 'rollout_paused' }, NOON_MS),
    entries: [{ kind: 'rollout_converged' }],
  },
  {
    given: 'tolerated failures and hosts that left do not stand in the way of convergence',
    plan: { ...ONE_WAVE, failureThreshold: 1 },
    states: { 'web-1': 'converged', 'web-2': 'reverted' },
    rollout: (rollout) => rollout.apply({ kind: 'host_left', host: 'web-3' }, NOON_MS),
    entries: [{ kind: 'rollout_converged' }],
  },
  {
    given: 'a tolerated failure beside a host that is offline waits for that one',
    plan: { waves: [['web-1', 'web-2'], ['web-3']], failureThreshold: 1 },
    states: { 'web-1': 'failed' },
    fleet: offline('web-2'),
    entries: [],
  },
  {
    given: 'a tolerated failure beside a converged host holds nothing',
    plan: { waves: [['web-1', 'web-2'], ['web-3']], failureThreshold: 1 },
    states: { 'web-1': 'converged', 'web-2': 'failed' },
    entries: [{ kind: 'wave_promoted', wave: 1, skipped: [] }],
  },
  {
    given: 'a tolerated failure that is the whole canary halts: nothing says that the release works',
    plan: { failureThreshold: 1 },
    states: { 'web-1': 'failed' },
    entries: [{ kind: 'rollout_halted', host: 'web-1', reason: 'no host of wave 1 of 2 converged, and 1 failed' }],
  },
  {
    given: 'tolerated failures everywhere are no convergence',
    plan: { waves: [['web-1']], failureThreshold: 1 },
    states: { 'web-1': 'reverted' },
    entries: [{ kind: 'rollout_halted', host: 'web-1', reason: 'no host of wave 1 of 1 converged, and 1 failed' }],
  },
  {
    given: 'a tolerated failure in the last wave, after others converged, is convergence',
    plan: { waves: [['web-1'], ['web-2']], failureThreshold: 1 },
    rollout: (rollout) => {
      rollout.apply({ kind: 'wave_promoted', wave: 1, skipped: [] }, NOON_MS);
      lead(rollout, 'web-2', 'failed');
    },
    states: { 'web-1': 'converged' },
    entries: [{ kind: 'rollout_converged' }],
  },
  {
    given: 'a rollout whose hosts have all left is over',
    plan: { waves: [['web-1']] },
    rollout: (rollout) => rollout.apply({ kind: 'host_left', host: 'web-1' }, NOON_MS),
    entries: [{ kind: 'rollout_converged' }],
  },
];

for (const row of ROWS) {
  test(row.given, () => {
    const fleet = new FakeFleet();
    row.fleet?.(fleet);
    const rollout = sampleRollout(row.states, row.plan);
    row.rollout?.(rollout);
    assert.deepEqual(decideNext(rollout, fleet, EVERYBODY, NOON_MS).entries, row.entries);
  });
}

test('dispatches that are decided together do not exceed a budget, and other hosts pass by', () => {
  const fleet = new FakeFleet();
  for (const name of ['web-1', 'web-2']) fleet.labels.set(name, { rack: 'a' });
  fleet.limits.push({ label: 'rack', value: 'a', maxInFlight: 1 });
  const next = decideNext(sampleRollout({}, ONE_WAVE), fleet, EVERYBODY, NOON_MS);
  assert.deepEqual(next.entries, [
    { kind: 'host_dispatched', host: 'web-1', epoch: 1 },
    { kind: 'host_dispatched', host: 'web-3', epoch: 1 },
  ]);
  const hold = { gate: 'budget', label: 'rack', value: 'a', maxInFlight: 1, first: 'web-1', others: 0 };
  assert.deepEqual(next.holds, new Map([['web-2', { hold, wakeAtMs: null, waitsFor: null }]]));
});

test('an ended rollout that has withdrawn everything plans nothing', () => {
  const rollout = sampleRollout({ 'web-1': 'soaking' });
  rollout.apply({ kind: 'rollout_aborted', reason: '' }, NOON_MS);
  assert.deepEqual(decideNext(rollout, new FakeFleet(), EVERYBODY, NOON_MS).entries, []);
});

test('no host is asked about once the whole rollout is held', () => {
  const rollout = sampleRollout({ 'web-1': 'soaking' }, { ...ONE_WAVE, maxInFlight: 1 });
  const asked: string[] = [];
  const candidates = (function* () {
    for (const name of EVERYBODY) {
      asked.push(name);
      yield name;
    }
  })();
  assert.deepEqual(decideNext(rollout, new FakeFleet(), candidates, NOON_MS).entries, []);
  assert.deepEqual(asked, []);
});

for (const { given, state, fleet, entries } of [
  { given: 'an offer to a host that went offline is withdrawn', state: 'pending', fleet: offline('web-1'), entries: 1 },
  { given: 'an offer to a live host stands', state: 'pending', fleet: () => {}, entries: 0 },
  { given: 'a taken offer stands, online or not', state: 'activating', fleet: offline('web-1'), entries: 0 },
  {
    given: 'an offer out of its window is withdrawn',
    state: 'pending',
    fleet: (fleet: FakeFleet) => fleet.labels.set('web-1', { 'maintenance-window': '01:00-02:00' }),
    entries: 1,
  },
] as const) {
  test(given, () => {
    const fake = new FakeFleet();
    fleet(fake);
    const rollout = sampleRollout({ 'web-1': state }, { maxInFlight: 1 });
    assert.deepEqual(
      decideHostChange(rollout, fake, 'web-1', NOON_MS),
      entries === 0 ? [] : [{ kind: 'dispatch_withdrawn', host: 'web-1' }],
    );
  });
}

for (const { given, state, policy, leaves } of [
  { given: 'a soaking host', state: 'soaking', policy: POLICY, leaves: true },
  { given: 'a host that owes a rollback', state: 'failed', policy: POLICY, leaves: true },
  {
    given: 'a failed host that owes none',
    state: 'failed',
    policy: { ...POLICY, onHealthFailure: 'halt' },
    leaves: false,
  },
  { given: 'a converged host', state: 'converged', policy: POLICY, leaves: false },
  { given: 'a reverted host', state: 'reverted', policy: POLICY, leaves: false },
] as const) {
  test(`${given} that is archived ${leaves ? 'leaves' : 'stays what it was'}`, () => {
    const rollout = sampleRollout({ 'web-1': state }, { policy, failureThreshold: 1 });
    const entries = leaves ? [{ kind: 'host_left', host: 'web-1' }] : [];
    const fleet = new FakeFleet();
    fleet.statuses.set('web-1', 'archived');
    assert.deepEqual(decideHostChange(rollout, fleet, 'web-1', NOON_MS), entries);
  });
}

test('a host leaves once', () => {
  const rollout = sampleRollout();
  const fleet = new FakeFleet();
  for (const name of ['web-1', 'nobody']) fleet.statuses.set(name, 'archived');
  rollout.apply({ kind: 'host_left', host: 'web-1' }, NOON_MS);
  assert.deepEqual(decideHostChange(rollout, fleet, 'web-1', NOON_MS), []);
  assert.deepEqual(decideHostChange(rollout, fleet, 'nobody', NOON_MS), []);
});

test('planning costs what changed, and not what there is: one place that gets free in a fleet of 10,000', () => {
  for (const size of [100, 1_000, 10_000]) {
    const fleet = new FakeFleet();
    const names = Array.from({ length: size }, (_, index) => `h${index}`);
    // Every other host is offline; each of them is asked about once.
    for (const [index, name] of names.entries()) if (index % 2 === 1) fleet.statuses.set(name, 'offline');
    const rollout = sampleRollout({}, { waves: [names], maxInFlight: 4 });
    const pending = new PendingHosts(rollout);
    const comeToRest = (): void => {
      for (;;) {
        const next = decideNext(rollout, fleet, pending.candidates(0, NOON_MS), NOON_MS);
        pending.park(rollout.hosts, next.holds);
        if (next.entries.length === 0) return;
        for (const entry of next.entries) {
          for (const host of rollout.apply(entry, NOON_MS).hosts) pending.noteChange(host);
        }
      }
    };
    comeToRest();
    assert.equal(rollout.inFlight.size, 4);
    fleet.questions = 0;
    for (const host of rollout.apply({ kind: 'host_left', host: 'h0' }, NOON_MS).hosts) pending.noteChange(host);
    comeToRest();
    assert.equal(rollout.inFlight.size, 4);
    assert.ok(fleet.questions <= 20, `${fleet.questions} questions with ${size} hosts`);
  }
});

const LIMIT_MS = POLICY.activationTimeoutSeconds * 1000;
const FAILS = { ...POLICY, onLostHost: 'fail' } as const;
const SINCE_MS = NOON_MS - LIMIT_MS;
const STALLED = { kind: 'rollout_stalled', host: 'web-1', sinceMs: SINCE_MS } as const;
const LOST = { kind: 'host_lost', host: 'web-1', sinceMs: SINCE_MS } as const;

for (const { given, state, policy, status = 'offline', sinceMs = SINCE_MS, threshold = 0, entries } of [
  { given: 'an offline host in its activation stalls the rollout', state: 'activating', entries: [STALLED] },
  { given: 'an offline host that has put its activation off stalls it', state: 'deferred', entries: [STALLED] },
  { given: 'an offline host in its soak stalls it', state: 'soaking', entries: [STALLED] },
  { given: 'an offline host is not lost before its time', state: 'soaking', sinceMs: SINCE_MS + 1, entries: [] },
  { given: 'a host that is online is not lost', state: 'soaking', status: 'online', entries: [] },
  { given: 'a host that has converged is not lost', state: 'converged', entries: [] },
  { given: 'a host that is going back is not lost', state: 'failed', threshold: 1, entries: [] },
  {
    given: 'a lost host fails where the policy says so, and halts the rollout',
    state: 'activating',
    policy: FAILS,
    entries: [
      LOST,
      {
        kind: 'rollout_halted',
        host: 'web-1',
        reason: "'web-1' failed (it is lost): 1 host failed, and failure_threshold is 0",
      },
    ],
  },
  {
    given: 'a lost host within the threshold is tolerated',
    state: 'soaking',
    policy: FAILS,
    threshold: 1,
    entries: [LOST],
  },
] as const) {
  test(given, () => {
    const rollout = sampleRollout({ 'web-1': state }, { policy: policy ?? POLICY, failureThreshold: threshold });
    const fleet = new FakeFleet();
    fleet.statuses.set('web-1', status);
    fleet.seenAtMs.set('web-1', sinceMs);
    assert.deepEqual(decideHostChange(rollout, fleet, 'web-1', NOON_MS), entries);
  });
}

test('a host is lost once, and returns once', () => {
  const rollout = sampleRollout({ 'web-1': 'activating' });
  const fleet = new FakeFleet();
  fleet.statuses.set('web-1', 'offline');
  fleet.seenAtMs.set('web-1', SINCE_MS);
  rollout.apply(STALLED, NOON_MS);
  assert.deepEqual(rollout.host('web-1')?.lost, { sinceMs: SINCE_MS, atMs: NOON_MS });
  assert.deepEqual(decideHostChange(rollout, fleet, 'web-1', NOON_MS), []);
  fleet.statuses.set('web-1', 'online');
  assert.deepEqual(decideHostChange(rollout, fleet, 'web-1', NOON_MS), [{ kind: 'host_returned', host: 'web-1' }]);
  rollout.apply({ kind: 'host_returned', host: 'web-1' }, NOON_MS);
  assert.equal(rollout.host('web-1')?.lost, null);
  assert.deepEqual(decideHostChange(rollout, fleet, 'web-1', NOON_MS), []);
});
