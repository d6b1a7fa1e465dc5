import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Holding } from '../../src/rollout/gates/gate.ts';
import { PendingHosts } from '../../src/rollout/pending-hosts.ts';
import type { Rollout } from '../../src/rollout/rollout.ts';
import { NOON_MS, sampleRollout } from './sample-rollout.ts';

const WAVES = { waves: [['a', 'b', 'c'], ['d']] };
const holding = (part: Partial<Holding> = {}): Holding => ({
  hold: { gate: 'host', kind: 'offline', host: 'a' },
  wakeAtMs: null,
  waitsFor: null,
  ...part,
});
const park = (pending: PendingHosts, rollout: Rollout, name: string, part: Partial<Holding> = {}): void =>
  pending.park(rollout.hosts, new Map([[name, holding(part)]]));
const ready = (pending: PendingHosts, wave = 0, nowMs = NOON_MS): string[] => [...pending.candidates(wave, nowMs)];

test('hosts of promoted waves are candidates, in order', () => {
  const pending = new PendingHosts(sampleRollout({}, WAVES));
  assert.deepEqual(ready(pending), ['a', 'b', 'c']);
  assert.deepEqual(ready(pending, 1), ['a', 'b', 'c', 'd']);
});

test('only hosts that are not dispatched are ready at first', () => {
  const rollout = sampleRollout({ a: 'soaking', b: 'pending' }, WAVES);
  assert.deepEqual(ready(new PendingHosts(rollout)), ['c']);
});

test('a parked host is not asked about until it changes', () => {
  const rollout = sampleRollout({}, WAVES);
  const pending = new PendingHosts(rollout);
  park(pending, rollout, 'a');
  assert.deepEqual(ready(pending), ['b', 'c']);
  pending.noteHost('a');
  assert.deepEqual(ready(pending), ['b', 'c', 'a']);
});

test('a parked host wakes at its time', () => {
  const rollout = sampleRollout({}, WAVES);
  const pending = new PendingHosts(rollout);
  assert.equal(pending.nextWakeMs(), null);
  park(pending, rollout, 'a', { wakeAtMs: NOON_MS + 60 });
  park(pending, rollout, 'b', { wakeAtMs: NOON_MS + 50 });
  assert.equal(pending.nextWakeMs(), NOON_MS + 50);
  assert.deepEqual(ready(pending, 0, NOON_MS + 49), ['c']);
  assert.deepEqual(ready(pending, 0, NOON_MS + 50), ['c', 'b']);
  assert.equal(pending.nextWakeMs(), NOON_MS + 60);
  pending.noteHost('a');
  assert.equal(pending.nextWakeMs(), null);
});

test('a host that waits for another wakes when that one converges, leaves or changes', () => {
  for (const happen of [
    (pending: PendingHosts) => pending.noteHost('b'),
    (pending: PendingHosts) => {
      const [host] = sampleRollout({ b: 'converged' }, WAVES).hosts.values();
      const converged = sampleRollout({ b: 'converged' }, WAVES).host('b');
      if (host !== undefined && converged !== undefined) pending.noteChange(converged);
    },
    (pending: PendingHosts) => {
      const rollout = sampleRollout({}, WAVES);
      for (const host of rollout.apply({ kind: 'host_left', host: 'b' }, NOON_MS).hosts) pending.noteChange(host);
    },
  ]) {
    const rollout = sampleRollout({}, WAVES);
    const pending = new PendingHosts(rollout);
    park(pending, rollout, 'a', { waitsFor: 'b' });
    assert.deepEqual(ready(pending), ['b', 'c']);
    happen(pending);
    assert.ok(ready(pending).includes('a'));
  }
});

test('hosts that wait for a place in a budget wake when one may be free in that budget', () => {
  const rollout = sampleRollout({}, WAVES);
  const pending = new PendingHosts(rollout);
  const full = (value: string): Partial<Holding> => ({
    hold: { gate: 'budget', label: 'rack', value, maxInFlight: 1, first: 'x', others: 0 },
  });
  park(pending, rollout, 'a', full('1'));
  park(pending, rollout, 'b', full('2'));
  assert.equal(pending.noteBudget('rack=3'), false);
  assert.deepEqual(ready(pending), ['c']);
  assert.equal(pending.noteBudget('rack=2'), true);
  assert.deepEqual(ready(pending), ['c', 'b']);
  assert.equal(pending.noteBudget('rack=2'), false);
  pending.noteHost('a');
  assert.equal(pending.noteBudget('rack=1'), false);
  assert.deepEqual(ready(pending), ['c', 'b', 'a']);
});

test('a host that is dispatched is no longer ready, and is again when that is withdrawn', () => {
  const rollout = sampleRollout({}, WAVES);
  const pending = new PendingHosts(rollout);
  const note = (change: ReturnType<Rollout['apply']>): void => {
    for (const host of change.hosts) pending.noteChange(host);
  };
  note(rollout.apply({ kind: 'host_dispatched', host: 'b', epoch: 1 }, NOON_MS));
  assert.deepEqual(ready(pending), ['a', 'c']);
  note(rollout.apply({ kind: 'dispatch_withdrawn', host: 'b' }, NOON_MS));
  assert.deepEqual(ready(pending), ['a', 'c', 'b']);
});

test('a parked host that leaves is forgotten', () => {
  const rollout = sampleRollout({}, WAVES);
  const pending = new PendingHosts(rollout);
  park(pending, rollout, 'a', { wakeAtMs: NOON_MS + 1 });
  for (const host of rollout.apply({ kind: 'host_left', host: 'a' }, NOON_MS).hosts) pending.noteChange(host);
  assert.deepEqual(ready(pending, 0, NOON_MS + 1), ['b', 'c']);
});

test('a host that is not ready cannot be parked', () => {
  const rollout = sampleRollout({ a: 'soaking' }, WAVES);
  const pending = new PendingHosts(rollout);
  park(pending, rollout, 'a', { wakeAtMs: NOON_MS });
  park(pending, rollout, 'nobody', { wakeAtMs: NOON_MS });
  assert.equal(pending.nextWakeMs(), null);
});
