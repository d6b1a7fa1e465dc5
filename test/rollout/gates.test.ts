/** Each gate alone and in its place: what holds, and what it says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostState, RolloutPlan } from '../../src/domain/rollout.ts';
import { gateContextOf } from '../../src/rollout/gates/gate-context.ts';
import { findHold, holdOf } from '../../src/rollout/gates/gates.ts';
import { describeHold, type Hold } from '../../src/rollout/gates/hold.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { FakeFleet } from './fake-fleet.ts';
import { NOON_MS, sampleRollout, TARGET } from './sample-rollout.ts';

interface Row {
  readonly given: string;
  readonly fleet?: (fleet: FakeFleet) => void;
  readonly rollout?: (rollout: Rollout) => void;
  readonly states?: Readonly<Record<string, HostState>>;
  readonly plan?: Partial<RolloutPlan>;
  readonly host?: string;
  readonly nowMs?: number;
  /** Null: it passes. */
  readonly gate: Hold['gate'] | null;
  readonly reason?: string;
  readonly wakeAtMs?: number;
  readonly waitsFor?: string;
}

const ONE_WAVE = { waves: [['web-1', 'web-2', 'web-3']] };
const QUARANTINE = {
  stack: 'shop',
  release: TARGET,
  rolloutId: 'r0',
  host: 'web-9',
  failingProbes: ['http', 'tcp'],
  output: '',
  sinceMs: NOON_MS - 3_600_000,
};
const label = (host: string, key: string, value: string) => (fleet: FakeFleet) => {
  fleet.labels.set(host, { ...fleet.labels.get(host), [key]: value });
};
const both =
  (...given: ReadonlyArray<(fleet: FakeFleet) => void>) =>
  (fleet: FakeFleet) => {
    for (const one of given) one(fleet);
  };

const ROWS: readonly Row[] = [
  { given: 'nothing in the way', gate: null },
  {
    given: 'a paused rollout',
    rollout: (rollout) => rollout.apply({ kind: 'rollout_paused' }, NOON_MS),
    gate: 'paused',
    reason: 'the rollout has been paused since 2031-01-08T12:00:00.000Z: resume it to continue',
  },
  {
    given: 'an aborted rollout',
    rollout: (rollout) => rollout.apply({ kind: 'rollout_aborted', reason: 'wrong day' }, NOON_MS),
    gate: 'ended',
    reason: 'the rollout was aborted at 2031-01-08T12:00:00.000Z: wrong day',
  },
  {
    given: 'a superseded rollout',
    rollout: (rollout) => rollout.apply({ kind: 'rollout_superseded', by: 'r2' }, NOON_MS),
    gate: 'superseded',
    reason: 'the rollout was superseded by rollout r2 at 2031-01-08T12:00:00.000Z',
  },
  {
    given: 'a quarantined release',
    fleet: (fleet) => {
      fleet.quarantined = QUARANTINE;
    },
    gate: 'quarantine',
    reason:
      "release aaaaaaaaaaaa of stack 'shop' has been quarantined since 2031-01-08T11:00:00.000Z: " +
      "'web-9' failed on it ('http', 'tcp') in rollout r0",
  },
  {
    given: 'a host that never reported',
    fleet: (fleet) => fleet.statuses.set('web-1', 'pending'),
    gate: 'host',
    reason: "'web-1' has never reported: start its agent",
  },
  {
    given: 'an offline host',
    fleet: (fleet) => fleet.statuses.set('web-1', 'offline'),
    gate: 'host',
    reason: "'web-1' is offline: it is dispatched when it is back",
  },
  { given: 'a degraded host', fleet: (fleet) => fleet.statuses.set('web-1', 'degraded'), gate: null },
  {
    given: 'an archived host',
    fleet: (fleet) => fleet.statuses.set('web-1', 'archived'),
    gate: 'host',
    reason: "'web-1' is archived",
  },
  {
    given: 'a host that does not exist',
    fleet: (fleet) => fleet.unknown.add('web-1'),
    gate: 'host',
    reason: "there is no longer a host 'web-1'",
  },
  {
    given: 'another rollout at work',
    fleet: (fleet) => fleet.occupants.set('web-1', 'r0'),
    gate: 'other_rollout',
    reason: "rollout r0 is still changing stack 'shop' on 'web-1'",
  },
  {
    given: 'a later wave before anything was dispatched',
    host: 'web-2',
    gate: 'wave',
    reason: 'wave 2 of 2 has not begun: wave 1 of 2 has not finished: none of its hosts has converged',
  },
  {
    given: 'a later wave while the canary soaks',
    host: 'web-2',
    states: { 'web-1': 'soaking' },
    gate: 'wave',
    reason: "wave 2 of 2 has not begun: wave 1 of 2 has not finished: 'web-1' is soaking",
  },
  {
    given: 'a later wave while two hosts are in flight',
    host: 'web-3',
    plan: { waves: [['web-1', 'web-2'], ['web-3']] },
    states: { 'web-1': 'pending', 'web-2': 'activating' },
    gate: 'wave',
    reason: "wave 2 of 2 has not begun: wave 1 of 2 has not finished: 'web-1' is dispatched, and 1 more host in flight",
  },
  {
    given: 'a later wave while the second of two hosts in flight is offline',
    host: 'web-3',
    plan: { waves: [['web-1', 'web-2'], ['web-3']] },
    states: { 'web-1': 'soaking', 'web-2': 'activating' },
    fleet: (fleet) => {
      fleet.statuses.set('web-2', 'offline');
      fleet.seenAtMs.set('web-2', NOON_MS - 90_000);
    },
    gate: 'wave',
    reason:
      'wave 2 of 2 has not begun: wave 1 of 2 has not finished: ' +
      "'web-2' is offline since 2031-01-08T11:58:30.000Z, in its activation, and 1 more host in flight",
  },
  {
    given: 'a later wave while a live host of the one before is pending',
    host: 'web-3',
    plan: { waves: [['web-1', 'web-2'], ['web-3']] },
    states: { 'web-1': 'converged' },
    gate: 'wave',
    reason: "wave 2 of 2 has not begun: wave 1 of 2 has not finished: 'web-2' is still pending",
  },
  {
    given: 'a host after another that is not dispatched',
    plan: ONE_WAVE,
    fleet: label('web-1', 'after', 'web-2'),
    gate: 'ordering',
    reason: "'web-1' waits for 'web-2' (wave 1, not dispatched) to converge",
    waitsFor: 'web-2',
  },
  {
    given: 'a host after two, one of which has converged',
    plan: ONE_WAVE,
    states: { 'web-2': 'converged', 'web-3': 'soaking' },
    fleet: label('web-1', 'after', 'web-2, web-3'),
    gate: 'ordering',
    reason: "'web-1' waits for 'web-3' (wave 1, soaking) to converge",
    waitsFor: 'web-3',
  },
  {
    given: 'a host after one that failed',
    plan: { ...ONE_WAVE, failureThreshold: 1 },
    states: { 'web-2': 'failed' },
    fleet: label('web-1', 'after', 'web-2'),
    gate: 'ordering',
    reason: "'web-1' waits for 'web-2' (wave 1, failed) to converge",
    waitsFor: 'web-2',
  },
  {
    given: 'a host after one that has converged',
    plan: ONE_WAVE,
    states: { 'web-2': 'converged' },
    fleet: label('web-1', 'after', 'web-2'),
    gate: null,
  },
  {
    given: 'a host after one that has left',
    plan: ONE_WAVE,
    rollout: (rollout) => rollout.apply({ kind: 'host_left', host: 'web-2' }, NOON_MS),
    fleet: label('web-1', 'after', 'web-2'),
    gate: null,
  },
  {
    given: 'a host after a label that two others carry',
    plan: ONE_WAVE,
    fleet: both(label('web-1', 'after', 'role=db'), label('web-2', 'role', 'db'), label('web-3', 'role', 'db')),
    gate: 'ordering',
    reason: "'web-1' waits for 'web-2' (wave 1, not dispatched) and 1 more host to converge",
    waitsFor: 'web-3',
  },
  {
    given: 'a host after a label that it carries itself, beside another',
    plan: ONE_WAVE,
    fleet: both(label('web-1', 'after', 'role=db'), label('web-1', 'role', 'db'), label('web-2', 'role', 'db')),
    gate: 'ordering',
    reason: "'web-1' waits for 'web-2' (wave 1, not dispatched) to converge",
    waitsFor: 'web-2',
  },
  {
    given: 'a host after a label that only it carries itself',
    plan: ONE_WAVE,
    fleet: both(label('web-1', 'after', 'role=db'), label('web-1', 'role', 'db')),
    gate: null,
  },
  {
    given: 'a host after one that is not part of the rollout',
    plan: ONE_WAVE,
    fleet: label('web-1', 'after', 'elsewhere'),
    gate: null,
  },
  {
    given: 'a host after one that does not exist',
    plan: ONE_WAVE,
    fleet: both(label('web-1', 'after', 'nobody'), (fleet) => fleet.unknown.add('nobody')),
    gate: 'ordering',
    reason: "label 'after' of 'web-1' is invalid: there is no host 'nobody'",
    wakeAtMs: NOON_MS + 60_000,
  },
  {
    given: 'a host after what is no name',
    plan: ONE_WAVE,
    fleet: label('web-1', 'after', 'web-2 web-3'),
    gate: 'ordering',
    reason: "label 'after' of 'web-1' is invalid: 'web-2 web-3' is not a host name",
    wakeAtMs: NOON_MS + 60_000,
  },
  {
    given: 'two hosts after one another',
    plan: ONE_WAVE,
    fleet: both(label('web-1', 'after', 'web-2'), label('web-2', 'after', 'web-1')),
    gate: 'ordering',
    reason: "hosts wait for one another: 'web-1' after 'web-2' after 'web-1'; change one of their 'after' labels",
    waitsFor: 'web-2',
  },
  {
    given: 'a host before which others wait for one another',
    plan: ONE_WAVE,
    fleet: both(label('web-1', 'after', 'web-2'), label('web-2', 'after', 'web-3'), label('web-3', 'after', 'web-2')),
    gate: 'ordering',
    reason: "hosts wait for one another: 'web-2' after 'web-3' after 'web-2'; change one of their 'after' labels",
    waitsFor: 'web-2',
  },
  {
    given: 'a host after itself',
    plan: ONE_WAVE,
    fleet: label('web-1', 'after', 'web-1'),
    gate: 'ordering',
    reason: "hosts wait for one another: 'web-1' after 'web-1'; change one of their 'after' labels",
  },
  {
    given: 'an open maintenance window',
    fleet: label('web-1', 'maintenance-window', 'Wed 11:30-12:30'),
    gate: null,
  },
  {
    given: 'a closed maintenance window',
    fleet: label('web-1', 'maintenance-window', 'Mon-Fri 22:00-04:00'),
    gate: 'maintenance_window',
    reason: "'web-1' may only be changed during 'Mon-Fri 22:00-04:00' (UTC), next at 2031-01-08T22:00:00.000Z",
    wakeAtMs: Date.UTC(2031, 0, 8, 22),
  },
  {
    given: 'an unreadable maintenance window',
    fleet: label('web-1', 'maintenance-window', 'at night'),
    gate: 'maintenance_window',
    reason:
      "label 'maintenance-window' of 'web-1' is invalid: 'at night' is not a window; " +
      "write it like 'Mon-Fri 22:00-04:00', in UTC",
  },
  {
    given: 'as many in flight as may be',
    plan: { ...ONE_WAVE, maxInFlight: 2 },
    states: { 'web-2': 'pending', 'web-3': 'soaking' },
    gate: 'max_in_flight',
    reason: '2 hosts in flight, and max_in_flight is 2',
  },
  {
    given: 'one place in flight left',
    plan: { ...ONE_WAVE, maxInFlight: 3 },
    states: { 'web-2': 'pending', 'web-3': 'soaking' },
    gate: null,
  },
  {
    given: 'a failure elsewhere, within what is tolerated',
    plan: { ...ONE_WAVE, failureThreshold: 1, maxInFlight: 1 },
    states: { 'web-2': 'failed' },
    gate: null,
  },
  {
    given: 'a superseded rollout, a quarantine, an offline host and a closed window',
    rollout: (rollout) => rollout.apply({ kind: 'rollout_superseded', by: 'r2' }, NOON_MS),
    fleet: both(
      (fleet) => fleet.statuses.set('web-1', 'offline'),
      label('web-1', 'maintenance-window', 'Sun 01:00-02:00'),
    ),
    gate: 'superseded',
  },
  {
    given: 'a budget with a place left',
    fleet: both(label('web-1', 'rack', 'a'), label('db-1', 'rack', 'a'), label('db-2', 'rack', 'b'), (fleet) => {
      fleet.busy.push('db-1', 'db-2', 'db-2');
      fleet.limits.push({ label: 'rack', value: 'a', maxInFlight: 2 }, { label: 'rack', value: 'b', maxInFlight: 1 });
    }),
    gate: null,
  },
  {
    given: 'a budget that one other host uses up',
    fleet: both(label('web-1', 'rack', 'a'), label('db-1', 'rack', 'a'), (fleet) => {
      fleet.busy.push('db-1');
      fleet.limits.push({ label: 'rack', value: 'a', maxInFlight: 1 });
    }),
    gate: 'budget',
    reason: "the budget 'rack=a' lets at most 1 host change at once, and 'db-1' is changing",
  },
  {
    given: 'the second of two budgets used up by several hosts',
    fleet: both(
      label('web-1', 'rack', 'a'),
      label('web-1', 'role', 'web'),
      ...['x', 'y', 'z'].map((name) => label(name, 'role', 'web')),
      (fleet) => {
        fleet.busy.push('x', 'y', 'z', 'x');
        fleet.limits.push(
          { label: 'rack', value: 'a', maxInFlight: 1 },
          { label: 'role', value: 'web', maxInFlight: 3 },
        );
      },
    ),
    gate: 'budget',
    reason: "the budget 'role=web' lets at most 3 hosts change at once, and 'x' and 2 more hosts are changing",
  },
  {
    given: 'a full budget whose place the host itself takes up, because of another stack',
    fleet: both(label('web-1', 'rack', 'a'), (fleet) => {
      fleet.busy.push('web-1');
      fleet.limits.push({ label: 'rack', value: 'a', maxInFlight: 1 });
    }),
    gate: null,
  },
  {
    given: 'a label that a prototype would seem to have',
    fleet: (fleet) => {
      fleet.busy.push('db-1');
      fleet.limits.push({ label: 'constructor', value: String(Object), maxInFlight: 1 });
    },
    gate: null,
  },
  {
    given: 'a full budget, and no place in flight',
    plan: { ...ONE_WAVE, maxInFlight: 1 },
    states: { 'web-2': 'soaking' },
    fleet: both(label('web-1', 'rack', 'a'), label('db-1', 'rack', 'a'), (fleet) => {
      fleet.busy.push('db-1');
      fleet.limits.push({ label: 'rack', value: 'a', maxInFlight: 1 });
    }),
    gate: 'budget',
  },
  {
    given: 'an offline host of a wave that has not begun, with no place left',
    host: 'web-2',
    plan: { maxInFlight: 1 },
    states: { 'web-1': 'soaking' },
    fleet: (fleet) => fleet.statuses.set('web-2', 'offline'),
    gate: 'host',
  },
  {
    given: 'a closed window and no place left',
    plan: { ...ONE_WAVE, maxInFlight: 1 },
    states: { 'web-2': 'soaking' },
    fleet: label('web-1', 'maintenance-window', 'Sun 01:00-02:00'),
    gate: 'maintenance_window',
    wakeAtMs: Date.UTC(2031, 0, 12, 1),
  },
];

for (const row of ROWS) {
  test(`${row.given}: ${row.gate ?? 'passes'}`, () => {
    const fleet = new FakeFleet();
    row.fleet?.(fleet);
    const rollout = sampleRollout(row.states, row.plan);
    row.rollout?.(rollout);
    const context = gateContextOf(rollout, fleet, row.nowMs ?? NOON_MS);
    const host = rollout.host(row.host ?? 'web-1');
    assert(host !== undefined);
    const holding = holdOf(context, host);
    assert.equal(holding?.hold.gate ?? null, row.gate);
    assert.deepEqual(findHold(context, host.name), holding?.hold ?? null);
    if (holding === null) return;
    if (row.reason !== undefined) assert.equal(describeHold(holding.hold), row.reason);
    assert.equal(holding.wakeAtMs, row.wakeAtMs ?? null);
    assert.equal(holding.waitsFor, row.waitsFor ?? null);
  });
}

test('a host that is dispatched, through or no part of the rollout is held by nothing', () => {
  const rollout = sampleRollout({ 'web-1': 'pending' });
  const context = gateContextOf(rollout, new FakeFleet(), NOON_MS);
  assert.equal(findHold(context, 'web-1'), null);
  assert.equal(findHold(context, 'nobody'), null);
});

test('a long line of hosts, each after the one before, is searched for circles in little time', () => {
  const names = Array.from({ length: 9_000 }, (_, index) => `h${index}`);
  const fleet = new FakeFleet();
  for (const [index, name] of names.entries()) {
    if (index > 0) fleet.labels.set(name, { after: `h${index - 1}` });
  }
  const rollout = sampleRollout({}, { waves: [names] });
  const context = gateContextOf(rollout, fleet, NOON_MS);
  for (const host of rollout.hosts.values()) holdOf(context, host);
  assert.ok(fleet.questions < 10 * names.length, `${fleet.questions} questions`);
});
