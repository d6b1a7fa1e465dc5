import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allPass, findSustainedFailure, foldReadings } from '../../../../agent/rollouts/decide/fold-readings.ts';
import type { ProbeReading } from '../../../../agent/rollouts/decide/observed.ts';
import { at, NOON, probe } from '../sample.ts';

const UNSEEN = probe({ status: null });

function reading(status: 'pass' | 'fail', seconds = 0, reason: string | null = null): ProbeReading {
  return { name: 'running:web', status, at: at(seconds), reason };
}

test('the same status again is not told, and changes nothing', () => {
  const probes = [probe()];
  const folded = foldReadings(probes, [reading('pass', 1)]);
  assert.equal(folded.probes, probes);
  assert.deepEqual(folded.events, []);
});

test('a life of a probe: seen, failing, well again, failing again', () => {
  let probes = [UNSEEN];
  const told: string[] = [];
  for (const step of [reading('fail', 1), reading('fail', 2), reading('pass', 3), reading('fail', 4)]) {
    const folded = foldReadings(probes, [step]);
    probes = [...folded.probes];
    told.push(...folded.events.map((event) => (event.type === 'probe_result' ? event.status : event.type)));
  }
  assert.deepEqual(told, ['probe_observed_first', 'probe_failure_first', 'fail', 'pass', 'fail']);
  assert.deepEqual(probes, [probe({ status: 'fail', failingSince: at(4), reason: 'it fails', hasFailed: true })]);
});

test('a failure lasts from its first reading, not from the latest', () => {
  const first = foldReadings([UNSEEN], [reading('fail', 1)]).probes;
  const later = foldReadings(first, [reading('fail', 9)]).probes;
  assert.deepEqual(findSustainedFailure(later, 15_000, at(15.9)), null);
  assert.deepEqual(findSustainedFailure(later, 15_000, at(16)), { probes: ['running:web'], sustainedMs: 15_000 });
});

test('with no time allowed, the first failure is enough', () => {
  const failing = [probe({ status: 'fail', failingSince: NOON })];
  assert.deepEqual(findSustainedFailure(failing, 0, NOON), { probes: ['running:web'], sustainedMs: 0 });
});

test('a probe that only observes never fails a host', () => {
  const failing = [probe({ mode: 'observe', status: 'fail', failingSince: NOON })];
  assert.equal(findSustainedFailure(failing, 1, at(100)), null);
  assert.equal(allPass(failing), true);
});

test('a probe that was not observed does not pass', () => {
  assert.equal(allPass([UNSEEN]), false);
});

test('a reason is cut to what the server keeps', () => {
  const { events } = foldReadings([UNSEEN], [reading('fail', 0, 'é'.repeat(5_000))]);
  const result = events.at(-1);
  assert.equal(result?.type === 'probe_result' && Buffer.byteLength(result.failure_reason ?? ''), 1_024);
});
