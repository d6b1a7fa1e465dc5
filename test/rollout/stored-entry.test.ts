/** Entries of a rollout on their way into the log and back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_DATA, type LogEvent } from '../../src/domain/event-log.ts';
import { AGENT_EVENT_TYPES, type RolloutEntry } from '../../src/domain/rollout.ts';
import { entryOf, logEventOf } from '../../src/rollout/stored-entry.ts';
import { EVENTS, EVIDENCE, IMAGES, NOON_MS, numbered, samplePlan } from './sample-rollout.ts';

const VERDICT = {
  status: 'watch',
  sinceMs: NOON_MS,
  reason: 'memory grows',
  figures: { restarts: 1, cpu: null },
} as const;

const ENTRIES: readonly RolloutEntry[] = [
  { kind: 'rollout_created', plan: samplePlan() },
  { kind: 'rollout_paused' },
  { kind: 'rollout_resumed' },
  { kind: 'rollout_aborted', reason: 'wrong day' },
  { kind: 'rollout_superseded', by: 'r2' },
  { kind: 'rollout_halted', host: 'web-1', reason: 'it failed' },
  { kind: 'rollout_converged' },
  { kind: 'wave_promoted', wave: 1, skipped: ['web-2'] },
  { kind: 'host_dispatched', host: 'web-1', epoch: 3 },
  { kind: 'dispatch_withdrawn', host: 'web-1' },
  ...AGENT_EVENT_TYPES.map(
    (type, index) => ({ kind: 'host_reported', host: 'web-1', numbered: numbered(index + 1, EVENTS[type]) }) as const,
  ),
  { kind: 'telemetry_judged', host: 'web-1', verdict: VERDICT },
  { kind: 'host_left', host: 'web-1' },
  { kind: 'host_dropped', host: 'web-1', reason: 'rollout r2 has taken it over' },
  ...[
    { ...EVENTS.dispatch_ack, agentEpoch: 7 },
    { ...EVENTS.activation_completed, images: IMAGES },
    { ...EVENTS.activation_failed, trouble: 'registry', evidence: EVIDENCE } as const,
    { ...EVENTS.failed, evidence: EVIDENCE },
  ].map((event, index) => ({ kind: 'host_reported', host: 'web-1', numbered: numbered(index + 1, event) }) as const),
];

function throughTheLog(entry: RolloutEntry): LogEvent {
  const event = logEventOf('r1', entry, NOON_MS);
  return { ...event, id: 7, data: EVENT_DATA.parse(EVENT_DATA.encode(event.data)) };
}

for (const entry of ENTRIES) {
  const type = entry.kind === 'host_reported' ? ` of ${entry.numbered.event.type}` : '';
  test(`${entry.kind}${type} comes back as it was, its fields in their order`, () => {
    assert.equal(JSON.stringify(entryOf(throughTheLog(entry))), JSON.stringify(entry));
  });
}

test('a report is stored under the word that the log has always used', () => {
  const entry: RolloutEntry = { kind: 'host_reported', host: 'web-1', numbered: numbered(4, EVENTS.converged) };
  const { kind, host, rolloutId, data } = logEventOf('r1', entry, NOON_MS);
  assert.deepEqual([kind, host, rolloutId], ['host_reported', 'web-1', 'r1']);
  assert.deepEqual(data, { numbered: { seq: 4, bodyDigest: 'body 4', fact: EVENTS.converged } });
});

for (const { given, event, mistake } of [
  { given: 'no host', event: { host: null }, mistake: 'host is missing' },
  { given: 'a host where there is none', event: { kind: 'rollout_paused', data: {} }, mistake: 'host is not known' },
  { given: 'a kind of another thing', event: { kind: 'host_added', data: {} }, mistake: /kind is not one of / },
  { given: 'a field too many', event: { data: { epoch: 3, by: 'me' } }, mistake: 'by is not known' },
  { given: 'half an epoch', event: { data: { epoch: 3.5 } }, mistake: 'epoch is not a whole number' },
] as ReadonlyArray<{ given: string; event: Partial<LogEvent>; mistake: string | RegExp }>) {
  test(`an entry with ${given} is refused by its number`, () => {
    const good = throughTheLog({ kind: 'host_dispatched', host: 'web-1', epoch: 3 });
    const words = mistake instanceof RegExp ? mistake.source : mistake;
    assert.throws(() => entryOf({ ...good, ...event }), new RegExp(`^NexusError: entry 7 of the log .*${words}`));
  });
}
