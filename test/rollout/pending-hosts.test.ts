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
const park = (line: PendingHosts, rollout: Rollout, name: string, part: Partial<Holding> = {}): void =>
  line.park(rollout.hosts, new Map([[name, holding(part)]]));
const ready = (line: PendingHosts, wave = 0, nowMs = NOON_MS): string[] => [...line.candidates(wave, nowMs)];

test('hosts of promoted waves are candidates, in order', () => {
  const line = new PendingHosts(sampleRollout({}, WAVES));
  assert.deepEqual(ready(line), ['a', 'b', 'c']);
  assert.deepEqual(ready(line, 1), ['a', 'b', 'c', 'd']);
});

test('only who is not dispatched is in a new line', () => {
  const rollout = sampleRollout({ a: 'soaking', b: 'pending' }, WAVES);
  assert.deepEqual(ready(new PendingHosts(rollout)), ['c']);
});

test('a parked host is not asked about until there is news of it', () => {
  const rollout = sampleRollout({}, WAVES);
  const line = new PendingHosts(rollout);
  park(line, rollout, 'a');
  assert.deepEqual(ready(line), ['b', 'c']);
  line.noteHost('a');
  assert.deepEqual(ready(line), ['b', 'c', 'a']);
});

test('a parked host wakes at its time', () => {
  const rollout = sampleRollout({}, WAVES);
  const line = new PendingHosts(rollout);
  assert.equal(line.nextWakeMs(), null);
  park(line, rollout, 'a', { wakeAtMs: NOON_MS + 60 });
  park(line, rollout, 'b', { wakeAtMs: NOON_MS + 50 });
  assert.equal(line.nextWakeMs(), NOON_MS + 50);
  assert.deepEqual(ready(line, 0, NOON_MS + 49), ['c']);
  assert.deepEqual(ready(line, 0, NOON_MS + 50), ['c', 'b']);
  assert.equal(line.nextWakeMs(), NOON_MS + 60);
  line.noteHost('a');
  assert.equal(line.nextWakeMs(), null);
});

test('a host that waits for another wakes when that one converges, leaves or changes', () => {
  for (const happen of [
    (line: PendingHosts) => line.noteHost('b'),
    (line: PendingHosts) => {
      const [host] = sampleRollout({ b: 'converged' }, WAVES).hosts.values();
      const converged = sampleRollout({ b: 'converged' }, WAVES).host('b');
      if (host !== undefined && converged !== undefined) line.noteChange(converged);
    },
    (line: PendingHosts) => {
      const rollout = sampleRollout({}, WAVES);
      for (const host of rollout.apply({ kind: 'host_left', host: 'b' }, NOON_MS).hosts) line.noteChange(host);
    },
  ]) {
    const rollout = sampleRollout({}, WAVES);
    const line = new PendingHosts(rollout);
    park(line, rollout, 'a', { waitsFor: 'b' });
    assert.deepEqual(ready(line), ['b', 'c']);
    happen(line);
    assert.ok(ready(line).includes('a'));
  }
});

test('a host that is dispatched goes out of the line, and comes back when that is withdrawn', () => {
  const rollout = sampleRollout({}, WAVES);
  const line = new PendingHosts(rollout);
  const note = (change: ReturnType<Rollout['apply']>): void => {
    for (const host of change.hosts) line.noteChange(host);
  };
  note(rollout.apply({ kind: 'host_dispatched', host: 'b', epoch: 1 }, NOON_MS));
  assert.deepEqual(ready(line), ['a', 'c']);
  note(rollout.apply({ kind: 'dispatch_withdrawn', host: 'b' }, NOON_MS));
  assert.deepEqual(ready(line), ['a', 'c', 'b']);
});

test('a parked host that leaves is forgotten', () => {
  const rollout = sampleRollout({}, WAVES);
  const line = new PendingHosts(rollout);
  park(line, rollout, 'a', { wakeAtMs: NOON_MS + 1 });
  for (const host of rollout.apply({ kind: 'host_left', host: 'a' }, NOON_MS).hosts) line.noteChange(host);
  assert.deepEqual(ready(line, 0, NOON_MS + 1), ['b', 'c']);
});

test('who is not in the line cannot be parked', () => {
  const rollout = sampleRollout({ a: 'soaking' }, WAVES);
  const line = new PendingHosts(rollout);
  park(line, rollout, 'a', { wakeAtMs: NOON_MS });
  park(line, rollout, 'nobody', { wakeAtMs: NOON_MS });
  assert.equal(line.nextWakeMs(), null);
});
